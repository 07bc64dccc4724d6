"""What is due when: the next instant at which time alone can change something."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, bindparam, delete, literal, literal_column, select

from cdp.store.bulk import run_many, run_rows, select_by, upsert, upsert_of
from cdp.store.tables import computed_values, member_changes, timers

#: Kinds of timers: an audience or computed trait of a profile; a profile as a whole; a run of
#: a journey; a profile's date that begins a journey; a journey's schedule (of no profile).
AUDIENCE, RECHECK, JOURNEY, DATE, SCHEDULE = 1, 2, 3, 4, 5
#: What is decided about a journey, of no profile: by its limits, by the guardrails and the
#: winners of its experiments, by the stages of its rollout.
JUDGE, GUARD, WINNER, STAGE, PICKED = 6, 7, 8, 9, 10
DECISIONS = frozenset((JUDGE, GUARD, WINNER, STAGE, PICKED))

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(dict[int, int]).decode
_COLUMNS = (timers.c.due, timers.c.profile, timers.c.kind, timers.c.subject, timers.c.dues)


class Timer(NamedTuple):
    """Something due. The ``subject`` of an audience's or computed trait's is its id."""

    kind: int
    subject: int
    profile: int
    due: int


def dues_of(tx: Connection, ids: list[int]) -> list[tuple[int, dict[int, int]]]:
    """When what is due of some profiles: (profile, audience or computed trait → instant)."""
    found = select_by(tx, (timers.c.profile, timers.c.dues), timers.c.profile, ids)
    return [(profile, _unpack(dues)) for profile, dues in found if dues is not None]


def put_dues(tx: Connection, dues: Mapping[int, Mapping[int, int]]) -> None:
    """Set all that is due of some profiles, in place of what there was; by profile as `dues_of`."""
    by_profile = sorted(dues.items(), key=itemgetter(0))
    gone = [{"k": AUDIENCE, "s": 0, "p": profile} for profile, mine in by_profile if not mine]
    run_many(tx, _drop_timer, gone)
    rows = [(profile, min(mine.values()), _pack(mine)) for profile, mine in by_profile if mine]
    run_rows(tx, _put_dues(tx.dialect.name), ("p", "d", "all"), rows)


@lru_cache(maxsize=2)
def _put_dues(dialect: str) -> Any:
    statement = upsert_of(dialect, timers).values(
        kind=literal_column(str(AUDIENCE)), subject=literal_column("0"),
        profile=bindparam("p"), due=bindparam("d"), dues=bindparam("all"),
    )  # fmt: skip
    return statement.on_conflict_do_update(
        index_elements=["profile", "kind", "subject"],
        set_={"due": statement.excluded.due, "dues": statement.excluded.dues},
    )


def due_timers(tx: Connection, until: int, limit: int) -> list[Timer]:
    """The timers that are due first, up to ``until``, at most ``limit``; the earliest first.

    A profile's row has all of its audiences and computed traits: each is a timer of its own.
    """
    statement = select(*_COLUMNS).where(timers.c.due <= until)
    rows = tx.execute(statement.order_by(timers.c.due).limit(limit)).all()
    if len(rows) == limit:
        until = rows[-1][0]  # what is due later has its turn after the rows that were left
    found: list[tuple[int, int, int, int]] = []
    for due, profile, kind, subject, dues in rows:
        if dues is None:
            found.append((due, profile, kind, subject))
        else:
            found += [(at, profile, kind, id_) for id_, at in _unpack(dues).items() if at <= until]
    found.sort()
    return [Timer(kind, subject, profile, due) for due, profile, kind, subject in found[:limit]]


def put_timers(tx: Connection, items: list[Timer]) -> None:
    """Set timers, each in place of the one that there was."""
    rows = [
        {"k": k, "s": s, "p": p, "d": d}
        for k, s, p, d in sorted(items, key=lambda item: item.profile)
    ]
    run_many(tx, _put(tx.dialect.name), rows)


@lru_cache(maxsize=2)
def _put(dialect: str) -> Any:
    statement = upsert_of(dialect, timers).values(
        kind=bindparam("k"), subject=bindparam("s"), profile=bindparam("p"), due=bindparam("d")
    )
    return statement.on_conflict_do_update(
        index_elements=["profile", "kind", "subject"], set_={"due": statement.excluded.due}
    )


_drop_timer = delete(timers).where(
    timers.c.kind == bindparam("k"),
    timers.c.subject == bindparam("s"),
    timers.c.profile == bindparam("p"),
)


def drop_timers(tx: Connection, items: list[Timer]) -> None:
    """Take timers away."""
    run_many(tx, _drop_timer, [{"k": k, "s": s, "p": p} for k, s, p, _ in sorted(items)])


def recheck(tx: Connection, profiles: Iterable[int], now: int) -> None:
    """Have profiles looked at anew, as soon as it can be."""
    put_timers(tx, [Timer(RECHECK, 0, profile, now) for profile in profiles if profile])


def recheck_valued(tx: Connection, traits: Iterable[int], now: int) -> None:
    """Have everyone looked at anew who has a value of one of some computed traits."""
    c = computed_values.c
    who = select(literal(RECHECK), literal(0), c.profile, literal(now)).where(
        c.trait.in_(list(traits))
    )
    statement = upsert(tx, timers).from_select(
        ["kind", "subject", "profile", "due"], who.distinct()
    )
    tx.execute(statement.on_conflict_do_nothing())


def recheck_changed(tx: Connection, audience: int, now: int) -> None:
    """Have everyone looked at anew who entered or left an audience by its definition."""
    c = member_changes.c
    who = select(literal(RECHECK), literal(0), c.profile, literal(now)).where(
        c.audience == audience, c.cause == "definition"
    )
    statement = upsert(tx, timers).from_select(
        ["kind", "subject", "profile", "due"], who.distinct()
    )
    tx.execute(statement.on_conflict_do_nothing())
