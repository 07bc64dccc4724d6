"""What journeys decided by themselves, the figures that it is made of, and when it is time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, case, func, insert, literal, or_, select, text

from cdp.store import meta
from cdp.store.audiences.timers import JUDGE
from cdp.store.bulk import upsert
from cdp.store.journeys.launched import MOVING
from cdp.store.tables import deliveries, journey_decisions, journeys, timers
from cdp.store.tables.messages import BAD_OF_JOURNEYS

#: The journey paused itself; a winner was decided for; none could be; a variant was stopped;
#: the rollout went on to a stage, stands still, or was brought there by hand.
STOPPED, WINNER, UNDECIDED, GUARDED = "stopped", "winner", "undecided", "guarded"
STAGE, HELD = "stage", "held"
#: How soon after a message went wrong it is looked at (ms): many at once are looked at once.
SOON_MS = 2_000

_d, _c = deliveries.c, journey_decisions.c


class Decision(NamedTuple):
    """Something that was decided about a journey; ``author`` None: by its own rule."""

    id: int
    journey: int
    version: int
    at: int
    kind: str
    step: str | None
    variant: str | None
    author: str | None
    reason: str
    figures: dict[str, Any]


def add(
    tx: Connection,
    journey: int,
    version: int,
    now: int,
    kind: str,
    reason: str,
    figures: Mapping[str, Any],
    *,
    step: str | None = None,
    variant: str | None = None,
    author: str | None = None,
) -> None:
    """Note a decision."""
    number = meta.take_numbers(tx, "journey_decision", 1)
    values = {"id": number, "journey": journey, "version": version, "at": now, "kind": kind,
              "step": step, "variant": variant, "author": author, "reason": reason,
              "figures": json.dumps(dict(figures))}  # fmt: skip
    tx.execute(insert(journey_decisions).values(**values))


def of(
    tx: Connection, journey: int, limit: int = 100, *, step: str | None = None, kind: str = ""
) -> list[Decision]:
    """The newest decisions about a journey; of a step or kind alone, if one is named."""
    statement = select(journey_decisions).where(_c.journey == journey)
    if step is not None:
        statement = statement.where(_c.step == step)
    if kind:
        statement = statement.where(_c.kind == kind)
    found = tx.execute(statement.order_by(_c.id.desc()).limit(limit))
    return [Decision(*row)._replace(figures=json.loads(row.figures)) for row in found]


def judge_soon(tx: Connection, keys: Iterable[str], now: int) -> None:
    """Have journeys looked at soon: a message of theirs went wrong."""
    some = sorted(set(keys))
    if not some:
        return
    moving = journeys.c.key.in_(some) & journeys.c.state.in_(MOVING)
    found = list(tx.execute(select(journeys.c.id).where(moving)).scalars())
    judge_at(tx, found, now + SOON_MS)


def judge_at(tx: Connection, numbers: Iterable[int], due: int) -> None:
    """Have journeys looked at when it is due, or earlier if that was said before."""
    for number in sorted(numbers):
        one = upsert(tx, timers).values(kind=JUDGE, subject=number, profile=0, due=due)
        # Never nothing: whoever takes it away just now hasn't seen what we have written.
        sooner = case((timers.c.due < one.excluded.due, timers.c.due), else_=one.excluded.due)
        tx.execute(
            one.on_conflict_do_update(
                index_elements=["profile", "kind", "subject"], set_={"due": sooner}
            )
        )


# What messages came to.

WRONG = ("bounced", "complained", "unsubscribed", "failed")


def wrong(tx: Connection, key: str, since: int) -> dict[str, int]:
    """How many messages of a journey, asked for since then, went wrong and how."""
    times = [func.count(_d[f"{name}_at"]) for name in WRONG[:3]]
    failed = func.count(case((_d.state == "failed", 1)))
    statement = select(*times, failed).where(
        text(BAD_OF_JOURNEYS), _d.origin_key == key, _d.created_at >= since
    )
    row = tx.execute(statement).one()
    return dict(zip(WRONG, map(int, row), strict=True))


def gone(tx: Connection, key: str, since: int, most: int, *, calls: bool) -> int:
    """How many messages were sent or failed, up to ``most`` (the newest); ``calls`` count, too."""
    over = or_(_d.sent_at.is_not(None), _d.state == "failed")
    statement = select(literal(1)).where(
        _d.origin == "journey", _d.origin_key == key, _d.created_at >= since, over
    )
    if not calls:
        message = (_d.channel != "webhook") | _d.template.is_not(None)
        statement = statement.where(message, _d.sent_at.is_not(None))
    some = statement.order_by(_d.id.desc()).limit(most).subquery()
    return int(tx.execute(select(func.count()).select_from(some)).scalar_one())
