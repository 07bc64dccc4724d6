"""Streams and the calls log."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, case, delete, insert, or_, select, update

from cdp.store import meta
from cdp.store.bulk import insert_many, select_by
from cdp.store.tables import calls, nodes, streams


class Stream(NamedTuple):
    """A reader of the history and how far it is; see `cdp.store.tables.streams`."""

    name: str
    destination_id: int | None
    seq: int
    to_seq: int | None
    attempts: int
    next_at: int
    state: str
    error: str | None
    claimed_by: str | None
    claimed_until: int
    until_seq: int | None
    selection: str | None
    remaining: str | None


_stream = tuple(streams.c[name] for name in Stream._fields)


def all_streams(tx: Connection) -> list[Stream]:
    """Every stream that is not done."""
    rows = tx.execute(select(*_stream).where(streams.c.state != "done"))
    return [Stream(*row) for row in rows]


def stream_by_name(tx: Connection, name: str) -> Stream | None:
    """The stream called ``name``."""
    row = tx.execute(select(*_stream).where(streams.c.name == name)).first()
    return Stream(*row) if row else None


def ensure_stream(tx: Connection, name: str, seq: int, now: int) -> None:
    """Make a stream that begins at ``seq``, if there is none of that name."""
    if stream_by_name(tx, name) is None:
        add_stream(tx, now, name=name, seq=seq)


def add_stream(tx: Connection, now: int, **values: Any) -> None:
    """Make a stream."""
    row = {"state": "running", "since": now, "updated_at": now, "claimed_until": 0, **values}
    tx.execute(insert(streams).values(**row))


_claim = (
    update(streams)
    .where(
        streams.c.name == bindparam("name_"),
        or_(
            streams.c.claimed_by.is_(None),
            streams.c.claimed_by == bindparam("me"),
            streams.c.claimed_until < bindparam("now"),
        ),
    )
    .values(claimed_by=bindparam("me_"), claimed_until=bindparam("until"))
)


def claim_stream(tx: Connection, name: str, me: str, now: int, until: int) -> bool:
    """Take (or keep) a stream for ``me`` until ``until``; False if another has it."""
    values = {"name_": name, "me": me, "me_": me, "now": now, "until": until}
    return tx.execute(_claim, values).rowcount == 1


def release_stream(tx: Connection, name: str, me: str) -> None:
    """Let go of a stream."""
    tx.execute(
        update(streams)
        .where(streams.c.name == name, streams.c.claimed_by == me)
        .values(claimed_by=None, claimed_until=0)
    )


def renew_claims(tx: Connection, me: str, now: int, until: int) -> None:
    """Keep all streams that ``me`` has."""
    tx.execute(
        update(streams)
        .where(streams.c.claimed_by == me, streams.c.claimed_until >= now)
        .values(claimed_until=until)
    )


class ClaimLost(RuntimeError):
    """Another process works on the stream, or it is gone: nothing of ours counts."""


def _change(tx: Connection, name: str, me: str, now: int, values: dict[str, Any]) -> None:
    """Change a stream that ``me`` holds. Raises `ClaimLost`."""
    table = streams.c
    state = values.get("state")
    if state is not None:
        values["since"] = case((table.state == state, table.since), else_=now)
    statement = update(streams).where(table.name == name, table.claimed_by == me)
    if tx.execute(statement.values(updated_at=now, **values)).rowcount != 1:
        raise ClaimLost(name)


def set_boundary(tx: Connection, name: str, me: str, to_seq: int, now: int) -> None:
    """Persist the end of the batch that is about to be sent. Raises `ClaimLost`."""
    _change(tx, name, me, now, {"to_seq": to_seq})


class Tally(NamedTuple):
    """What became of events: how many of each."""

    delivered: int = 0
    filtered: int = 0
    failed: int = 0


def _counted(tally: Tally) -> dict[str, Any]:
    return {name: streams.c[name] + n for name, n in tally._asdict().items() if n}


def finish_batch(
    tx: Connection, name: str, me: str, seq: int, tally: Tally, now: int, done: bool = False
) -> None:
    """Move a stream behind the batch in flight. Raises `ClaimLost`."""
    values = {
        "seq": seq,
        "to_seq": None,
        "remaining": None,
        "attempts": 0,
        "next_at": 0,
        "error": None,
        "state": "done" if done else "running",
    }
    _change(tx, name, me, now, values | _counted(tally))


def keep_batch(
    tx: Connection,
    name: str,
    me: str,
    remaining: str | None,
    tally: Tally,
    now: int,
    *,
    state: str = "running",
    error: str | None = None,
    attempts: int = 0,
    next_at: int = 0,
) -> None:
    """Note what is left of the batch in flight. Raises `ClaimLost`.

    With ``state`` stalled it is tried again at ``next_at``, with stopped when
    somebody changes the settings.
    """
    values = {
        "remaining": remaining,
        "state": state,
        "error": error,
        "attempts": attempts,
        "next_at": next_at,
    }
    _change(tx, name, me, now, values | _counted(tally))


def stop_stream(tx: Connection, name: str, error: str, now: int) -> None:
    """Stop a stream that can't even be begun, whoever has it."""
    tx.execute(
        update(streams)
        .where(streams.c.name == name)
        .values(state="stopped", error=error, attempts=0, next_at=0, since=now, updated_at=now)
    )


def profiles_of_nodes(tx: Connection, node_ids: list[int]) -> dict[int, int]:
    """The profile of each node."""
    return {r[0]: r[1] for r in select_by(tx, (nodes.c.id, nodes.c.profile), nodes.c.id, node_ids)}


CALL_COLUMNS = (
    "id", "destination_id", "at", "duration_ms", "outcome", "status", "events", "attempt", "key",
    "error", "exchange",
)  # fmt: skip


class Call(NamedTuple):
    """A call of a destination, as the log keeps it; ``exchange`` is JSON."""

    destination_id: int
    at: int
    duration_ms: float
    outcome: str
    status: int | None
    events: int
    attempt: int
    key: str
    error: str | None
    exchange: bytes | None


def add_calls(tx: Connection, items: list[Call]) -> None:
    """Log calls."""
    if items:
        first = meta.take_numbers(tx, "call", len(items))
        rows = [(first + index, *item) for index, item in enumerate(items)]
        insert_many(tx, calls, CALL_COLUMNS, rows)


def trim_calls(tx: Connection, destination_id: int, keep: int) -> None:
    """Forget all but the newest calls of a destination."""
    oldest = tx.execute(
        select(calls.c.id)
        .where(calls.c.destination_id == destination_id)
        .order_by(calls.c.id.desc())
        .offset(keep)
        .limit(1)
    ).scalar()
    if oldest is not None:
        tx.execute(
            delete(calls).where(calls.c.destination_id == destination_id, calls.c.id <= oldest)
        )
