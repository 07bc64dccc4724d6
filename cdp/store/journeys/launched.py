"""What was launched of journeys, and what people want done with their runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select, update

from cdp.store import meta
from cdp.store.bulk import upsert
from cdp.store.config_rows import record_change
from cdp.store.tables import journey_gates, journey_orders, journeys

LIVE, PAUSED, DRAINING, STOPPED = "live", "paused", "draining", "stopped"
#: States in which people go on.
MOVING = (LIVE, DRAINING)
WAITING, DONE, FAILED = "waiting", "done", "failed"
#: An order that lets others go before it until its figures are there.
COUNTING = "counting"


class JourneyRow(NamedTuple):
    """A row of `cdp.store.tables.journeys`; ``winners`` by the id of the experiment's step.

    So is ``closed``: the variants of an experiment that nobody gets any more.
    """

    id: int
    key: str
    state: str
    version: int
    launched_at: int
    changed_at: int
    author: str
    rollout: float | None
    winners: dict[str, str]
    error: str | None
    reason: str | None
    was: str | None
    watched: int
    closed: dict[str, list[str]]
    stage: int
    stage_at: int
    stage_held: bool


class Order(NamedTuple):
    """What is to be done with runs of a journey; ``reached`` and ``done`` say how far it is.

    ``state`` is waiting, counting, done or failed.
    """

    id: int
    journey: int
    kind: str
    args: dict[str, Any]
    author: str
    at: int
    state: str
    reached: int
    done: int
    error: str | None
    ended_at: int | None


def all_rows(tx: Connection) -> list[JourneyRow]:
    """Every journey that was ever launched, by key."""
    return [_row(row) for row in tx.execute(select(journeys).order_by(journeys.c.key))]


def row(tx: Connection, key: str) -> JourneyRow | None:
    """What was launched of a journey; None: nothing yet."""
    found = tx.execute(select(journeys).where(journeys.c.key == key)).first()
    return _row(found) if found is not None else None


def _row(found: Any) -> JourneyRow:
    return JourneyRow(*found)._replace(
        winners=json.loads(found.winners),
        closed=json.loads(found.closed),
        stage_held=bool(found.stage_held),
    )


def launch(
    tx: Connection,
    key: str,
    version: int,
    author: str,
    now: int,
    enter: str | None = None,
    *,
    same_stage: bool = False,
) -> JourneyRow:
    """Let people enter by a version of the definition; ``enter`` in place of what that says.

    With ``same_stage`` its rollout goes on where it is; else it begins.
    """
    before = row(tx, key)
    values = {
        "state": LIVE, "version": version, "launched_at": now, "changed_at": now,
        "author": author, "error": None, "reason": None, "was": None, "watched": now,
    }  # fmt: skip
    if before is None or not same_stage:
        values |= {"stage": 0, "stage_at": now, "stage_held": False, "rollout": None}
    if before is None:
        number = meta.take_numbers(tx, "journey", 1)
        tx.execute(insert(journeys).values(id=number, key=key, winners="{}", closed="{}", **values))
    else:
        tx.execute(update(journeys).where(journeys.c.key == key).values(**values))
    was = {"state": before.state, "version": before.version} if before else None
    record_change(tx, now, author, "journey", key, "launched", was, {"version": version})
    meta.bump(tx)
    made = row(tx, key)
    assert made is not None
    args = {"version": version} | ({"enter": enter} if enter is not None else {})
    order(tx, made.id, "begin", args, author, now)
    if before is not None and before.state == PAUSED:
        order(tx, made.id, "resume", {}, author, now)
    return made


def change(tx: Connection, key: str, author: str, now: int, **values: Any) -> None:
    """Change ``state``, ``rollout``, ``winners`` and the like of a journey.

    A change of state has an order follow where it concerns people who are inside. A pause is
    remembered with the state before it; what goes on is watched anew.
    """
    before = row(tx, key)
    assert before is not None
    was = {name: getattr(before, name) for name in values}
    more: dict[str, Any] = {
        name: json.dumps(values[name]) for name in ("winners", "closed") if name in values
    }
    if values.get("state") == PAUSED:
        more["was"] = before.state
    elif "state" in values:
        more |= {"was": None, "reason": None, "watched": now}
    stored = values | more
    tx.execute(update(journeys).where(journeys.c.key == key).values(changed_at=now, **stored))
    record_change(tx, now, author, "journey", key, "changed", was, values)
    meta.bump(tx)
    state = values.get("state")
    if before.state == PAUSED and state == LIVE:  # what the clock begins was let go by meanwhile
        order(tx, before.id, "begin", {"version": before.version, "enter": "new"}, author, now)
    if before.state == PAUSED and state in MOVING:
        order(tx, before.id, "resume", {}, author, now)
    if state == STOPPED:
        order(tx, before.id, "stop", {"reason": "stopped"}, author, now)


def stopped_by_limits(tx: Connection, keys: Iterable[str]) -> set[str]:
    """Those of some journeys that paused themselves."""
    c = journeys.c
    some = (c.key.in_(sorted(keys)), c.state == PAUSED, c.reason.is_not(None))
    return set(tx.execute(select(c.key).where(*some)).scalars())


def put_error(tx: Connection, id_: int, error: str | None) -> None:
    """Note why nobody can enter; None: everybody can."""
    tx.execute(update(journeys).where(journeys.c.id == id_).values(error=error))


# Orders.


def order(
    tx: Connection, journey: int, kind: str, args: Mapping[str, Any], author: str, now: int
) -> int:
    """Want something done with runs; the number of the order."""
    number = meta.take_numbers(tx, "journey_order", 1)
    tx.execute(
        insert(journey_orders).values(
            id=number,
            journey=journey,
            kind=kind,
            args=json.dumps(dict(args)),
            author=author,
            at=now,
            state=WAITING,
            reached=0,
            done=0,
        )
    )
    return number


def next_order(tx: Connection) -> Order | None:
    """The oldest order that waits."""
    statement = select(journey_orders).where(journey_orders.c.state == WAITING)
    found = tx.execute(statement.order_by(journey_orders.c.id).limit(1)).first()
    return _order(found) if found is not None else None


def next_counting(tx: Connection, journey: int) -> Order | None:
    """The oldest order of a journey that waits for figures."""
    c = journey_orders.c
    statement = select(journey_orders).where(c.state == COUNTING, c.journey == journey)
    found = tx.execute(statement.order_by(c.id).limit(1)).first()
    return _order(found) if found is not None else None


def put_counting(tx: Connection, item: Order) -> None:
    """Note that an order waits for figures."""
    c = journey_orders.c
    tx.execute(update(journey_orders).where(c.id == item.id).values(state=COUNTING))


def orders_of(tx: Connection, journey: int, limit: int = 50) -> list[Order]:
    """The newest orders for a journey."""
    statement = select(journey_orders).where(journey_orders.c.journey == journey)
    statement = statement.order_by(journey_orders.c.id.desc()).limit(limit)
    return [_order(found) for found in tx.execute(statement)]


def launch_of(tx: Connection, row: JourneyRow) -> dict[str, Any] | None:
    """What was said at the launch of what runs."""
    c = journey_orders.c
    statement = select(c.args).where(
        c.journey == row.id, c.kind == "begin", c.at == row.launched_at
    )
    found = tx.execute(statement.order_by(c.id).limit(1)).scalar()
    return json.loads(found) if found is not None else None


def was_launched(tx: Connection, row: JourneyRow, version: int) -> bool:
    """Whether people ever entered by a version."""
    c = journey_orders.c
    found = tx.execute(select(c.args).where(c.journey == row.id, c.kind == "begin")).scalars()
    return any(json.loads(args)["version"] == version for args in found)


def one_order(tx: Connection, id_: int) -> Order | None:
    """An order by its number."""
    found = tx.execute(select(journey_orders).where(journey_orders.c.id == id_)).first()
    return _order(found) if found is not None else None


def _order(found: Any) -> Order:
    return Order(*found)._replace(args=json.loads(found.args))


def advance_order(tx: Connection, item: Order, reached: int, more: int) -> None:
    """Note how far an order is."""
    tx.execute(
        update(journey_orders)
        .where(journey_orders.c.id == item.id)
        .values(reached=reached, done=journey_orders.c.done + more)
    )


def end_order(tx: Connection, item: Order, now: int, error: str | None = None) -> None:
    """Note that an order is done, or why it can't be."""
    tx.execute(
        update(journey_orders)
        .where(journey_orders.c.id == item.id)
        .values(state=FAILED if error else DONE, error=error, ended_at=now)
    )


# Gates.


def gates(tx: Connection) -> dict[str, float]:
    """The last turn of each gate."""
    return {found.gate: found.last for found in tx.execute(select(journey_gates))}


def put_gates(tx: Connection, moved: Mapping[str, float]) -> None:
    """Note the last turns of gates."""
    if not moved:
        return
    statement = upsert(tx, journey_gates)
    for gate, last in sorted(moved.items()):
        one = statement.values(gate=gate, last=last)
        tx.execute(one.on_conflict_do_update(index_elements=["gate"], set_={"last": last}))
