"""How a destination is doing: its queue, what failed, what was called."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
import zstandard
from sqlalchemy import Connection, func, literal_column, select, update

from cdp.store import meta
from cdp.store.bulk import blob
from cdp.store.config_rows import Destination, record_change
from cdp.store.tables import calls, outbox, streams


class Health(NamedTuple):
    """A destination's state: ``running stalled stopped``; ``behind`` is in positions."""

    state: str
    since: int | None
    error: str | None
    next_at: int
    delivered: int
    filtered: int
    failed: int
    behind: int
    waiting: int
    dead: int


def destination_health(tx: Connection, destination_id: int) -> Health:
    """How one destination is doing."""
    stream = tx.execute(
        select(streams).where(streams.c.name == f"destination:{destination_id}")
    ).first()
    n = func.count()
    rows = tx.execute(
        select(outbox.c.state, n)
        .where(outbox.c.destination_id == destination_id)
        .group_by(outbox.c.state)
    )
    items = {state: int(count) for state, count in rows}
    waiting = items.get("waiting", 0) + items.get("claimed", 0)
    dead = items.get("dead", 0)
    if stream is None:
        return Health("running", None, None, 0, 0, 0, 0, 0, waiting, dead)
    return Health(
        stream.state,
        stream.since,
        stream.error,
        stream.next_at,
        stream.delivered,
        stream.filtered,
        stream.failed,
        max(0, meta.next_number(tx, "seq") - stream.seq),
        waiting,
        dead,
    )


# A literal, not a parameter: Postgres must see that it selects what it groups by.
_error = func.coalesce(outbox.c.error, literal_column("''"))


class Group(NamedTuple):
    """Failed items with the same error."""

    error: str
    n: int
    last_at: int


def error_groups(tx: Connection, destination_id: int, limit: int = 20) -> list[Group]:
    """The errors of a destination's dead items, the most frequent first."""
    n = func.count()
    statement = (
        select(_error, n, func.max(outbox.c.updated_at))
        .where(outbox.c.destination_id == destination_id, outbox.c.state == "dead")
        .group_by(_error)
        .order_by(n.desc())
        .limit(limit)
    )
    return [Group(error, int(count), int(last)) for error, count, last in tx.execute(statement)]


class Item(NamedTuple):
    """An item of the outbox, without its payload."""

    id: int
    key: str
    seq: int | None
    state: str
    attempts: int
    next_at: int
    error: str | None
    created_at: int
    updated_at: int


def outbox_items(
    tx: Connection,
    destination_id: int,
    states: tuple[str, ...],
    limit: int,
    before: int | None = None,
) -> list[Item]:
    """Items of a destination in some states, the newest first, below number ``before``."""
    columns = [outbox.c[name] for name in Item._fields]
    statement = (
        select(*columns)
        .where(outbox.c.destination_id == destination_id, outbox.c.state.in_(states))
        .order_by(outbox.c.id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(outbox.c.id < before)
    return [Item(*row) for row in tx.execute(statement)]


def items_of_event(tx: Connection, seq: int, destination_ids: list[int]) -> dict[int, Item]:
    """The items that wait or failed for the event at ``seq``, by destination."""
    columns = [outbox.c[name] for name in Item._fields]
    statement = select(outbox.c.destination_id, *columns).where(
        outbox.c.destination_id.in_(destination_ids), outbox.c.seq == seq
    )
    return {row[0]: Item(*row[1:]) for row in tx.execute(statement)}


def stream_positions(tx: Connection) -> dict[int, tuple[int, str]]:
    """(first position not yet done, state) of each destination's stream."""
    statement = select(streams.c.destination_id, streams.c.seq, streams.c.state).where(
        streams.c.name.like("destination:%")
    )
    return {row[0]: (int(row[1]), row[2]) for row in tx.execute(statement)}


class Call(NamedTuple):
    """One call to a provider; ``exchange`` is {request, response}, capped and masked."""

    id: int
    at: int
    duration_ms: float
    outcome: str
    status: int | None
    events: int
    attempt: int
    key: str
    error: str | None
    exchange: dict[str, Any] | None


def newest_calls(
    tx: Connection,
    destination_id: int,
    limit: int,
    before: int | None = None,
    outcome: str | None = None,
) -> list[Call]:
    """Calls of a destination, newest first, below number ``before``, without exchanges."""
    columns = [calls.c[name] for name in Call._fields if name != "exchange"]
    statement = (
        select(*columns)
        .where(calls.c.destination_id == destination_id)
        .order_by(calls.c.id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(calls.c.id < before)
    if outcome:
        statement = statement.where(calls.c.outcome == outcome)
    return [Call._make((*row, None)) for row in tx.execute(statement)]


#: So many calls in a row that got nowhere are no accident.
_IN_A_ROW = 3


def failing(tx: Connection, destination_id: int) -> Call | None:
    """The newest call of a channel that gets nowhere just now; None: it does.

    One that has stopped says so at once. What is left alone meanwhile goes by others.
    """
    newest = newest_calls(tx, destination_id, _IN_A_ROW)
    if newest and newest[0].outcome == "stopped":
        return newest[0]
    lost = [call for call in newest if call.outcome in ("retry", "stopped")]
    return newest[0] if len(lost) == _IN_A_ROW else None


def one_call(tx: Connection, destination_id: int, number: int) -> Call | None:
    """A call with its exchange."""
    columns = [calls.c[name] for name in Call._fields]
    row = tx.execute(
        select(*columns).where(calls.c.destination_id == destination_id, calls.c.id == number)
    ).first()
    if row is None:
        return None
    return Call._make((*row[:-1], _exchange(blob(row[-1]))))


def latest_call(tx: Connection, destination_id: int, key: str) -> Call | None:
    """The latest call that carried one event alone, by its key, without the exchange."""
    columns = [calls.c[name] for name in Call._fields if name != "exchange"]
    statement = (
        select(*columns)
        .where(calls.c.destination_id == destination_id, calls.c.key == key)
        .order_by(calls.c.id.desc())
        .limit(1)
    )
    row = tx.execute(statement).first()
    return Call._make((*row, None)) if row else None


class Replay(NamedTuple):
    """A replay and how far it is; times in ms, ``share`` from 0 to 1."""

    name: str
    state: str
    from_ms: int
    to_ms: int
    share: float
    delivered: int
    since: int
    error: str | None


def replays(tx: Connection, destination_id: int, limit: int = 10) -> list[Replay]:
    """The replays of a destination, the latest first."""
    statement = (
        select(streams)
        .where(streams.c.destination_id == destination_id, streams.c.name.like("replay:%"))
        .order_by(streams.c.since.desc())
        .limit(limit)
    )
    found = []
    for row in tx.execute(statement):
        from_ms, to_ms = msgspec.json.decode(row.selection or "[0,0]")
        share = min(1.0, row.seq / row.until_seq) if row.until_seq else 1.0
        share = 1.0 if row.state == "done" else share
        found.append(
            Replay(row.name, row.state, from_ms, to_ms, share, row.delivered, row.since, row.error)
        )
    return found


def _exchange(data: bytes | None) -> dict[str, Any] | None:
    if data is None:
        return None
    if data[:4] == b"\x28\xb5\x2f\xfd":
        data = zstandard.ZstdDecompressor().decompress(data)
    found: dict[str, Any] = msgspec.json.decode(data)
    return found


def replay_dead(
    tx: Connection,
    now: int,
    destination: Destination,
    author: str,
    *,
    item: int | None = None,
    error: str | None = None,
) -> int:
    """Let dead items (one, those of an error, or all) be tried anew; returns how many."""
    statement = (
        update(outbox)
        .where(outbox.c.destination_id == destination.id, outbox.c.state == "dead")
        .values(
            state="waiting",
            attempts=0,
            next_at=now,
            claimed_until=None,
            created_at=now,  # the time for retries begins anew
            updated_at=now,
        )
    )
    if item is not None:
        statement = statement.where(outbox.c.id == item)
    if error is not None:
        statement = statement.where(_error == error)
    n = tx.execute(statement).rowcount
    if n:
        record_change(
            tx, now, author, "destination", destination.key, "replayed", after={"items": n}
        )
    return n
