"""Streams, the outbox and the calls log."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select, update

from cdp.store import meta
from cdp.store.bulk import insert_many, select_by
from cdp.store.tables import calls, nodes, outbox, profile_changes, profiles, streams


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


def set_boundary(tx: Connection, name: str, to_seq: int) -> None:
    """Persist the end of the batch that is about to be sent."""
    tx.execute(update(streams).where(streams.c.name == name).values(to_seq=to_seq))


def finish_batch(
    tx: Connection, name: str, seq: int, delivered: int, filtered: int, failed: int, now: int,
    done: bool = False,
) -> None:  # fmt: skip
    """Move a stream behind the batch in flight and count what became of it."""
    table = streams.c
    values: dict[str, Any] = {
        "seq": seq,
        "to_seq": None,
        "attempts": 0,
        "next_at": 0,
        "error": None,
        "delivered": table.delivered + delivered,
        "filtered": table.filtered + filtered,
        "failed": table.failed + failed,
        "updated_at": now,
        "state": "done" if done else "running",
    }
    tx.execute(
        update(streams).where(table.name == name, table.state != "running").values(since=now)
    )
    tx.execute(update(streams).where(table.name == name).values(**values))


def set_state(
    tx: Connection, name: str, state: str, error: str, attempts: int, next_at: int, now: int
) -> None:
    """Note that a stream is stalled (it tries again at ``next_at``) or stopped."""
    table = streams.c
    tx.execute(update(streams).where(table.name == name, table.state != state).values(since=now))
    tx.execute(
        update(streams)
        .where(table.name == name)
        .values(state=state, error=error, attempts=attempts, next_at=next_at, updated_at=now)
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


class Item(NamedTuple):
    """Something in the outbox: an event with a fate of its own."""

    id: int
    destination_id: int
    key: str
    seq: int | None
    payload: bytes
    attempts: int
    created_at: int


ITEM_COLUMNS = (
    "id", "destination_id", "key", "seq", "payload", "state", "attempts", "next_at",
    "claimed_until", "error", "created_at", "updated_at",
)  # fmt: skip


def add_items(tx: Connection, rows: list[dict[str, Any]], now: int) -> None:
    """Put events into the outbox: ``state`` waiting or dead, with ``error`` and ``next_at``."""
    if not rows:
        return
    first = meta.take_numbers(tx, "outbox", len(rows))
    insert_many(
        tx,
        outbox,
        ITEM_COLUMNS,
        [
            (
                first + index,
                row["destination_id"],
                row["key"],
                row["seq"],
                row["payload"],
                row["state"],
                row["attempts"],
                row["next_at"],
                None,
                row["error"],
                now,
                now,
            )
            for index, row in enumerate(rows)
        ],
    )


def claim_items(tx: Connection, now: int, until: int, limit: int) -> list[Item]:
    """Take due items out of the outbox until ``until``; a lost claim is due again then."""
    table = outbox.c
    due = or_(
        (table.state == "waiting") & (table.next_at <= now),
        (table.state == "claimed") & (table.claimed_until < now),
    )
    statement = (
        select(
            table.id, table.destination_id, table.key, table.seq, table.payload, table.attempts,
            table.created_at,
        )
        .where(due)
        .order_by(table.next_at, table.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )  # fmt: skip
    items = [Item(*row) for row in tx.execute(statement)]
    if items:
        claim = _claim_items.where(table.id.in_([item.id for item in items]))
        tx.execute(claim, {"until": until})
    return [item._replace(payload=bytes(item.payload)) for item in items]


_claim_items = update(outbox).values(
    state="claimed", claimed_until=bindparam("until"), attempts=outbox.c.attempts + 1
)


def due_items(tx: Connection, now: int) -> int:
    """How many items of the outbox are due."""
    table = outbox.c
    due = or_(
        (table.state == "waiting") & (table.next_at <= now),
        (table.state == "claimed") & (table.claimed_until < now),
    )
    return int(tx.execute(select(func.count()).select_from(outbox).where(due)).scalar() or 0)


def item_delivered(tx: Connection, item: Item) -> None:
    """An item was taken: it leaves the outbox."""
    tx.execute(delete(outbox).where(outbox.c.id == item.id))
    tx.execute(
        update(streams)
        .where(streams.c.name == f"destination:{item.destination_id}")
        .values(delivered=streams.c.delivered + 1)
    )


def item_failed(tx: Connection, item: Item, state: str, error: str, next_at: int, now: int) -> None:
    """An item goes back to ``waiting`` until ``next_at``, or is ``dead``."""
    tx.execute(
        update(outbox)
        .where(outbox.c.id == item.id)
        .values(state=state, error=error, next_at=next_at, claimed_until=None, updated_at=now)
    )


def changes_after(tx: Connection, seq: int, limit: int) -> list[Any]:
    """Profile changes from ``seq`` on, with the hash that names the profile."""
    statement = (
        select(
            profile_changes.c.seq,
            profile_changes.c.at,
            profile_changes.c.kind,
            profile_changes.c.detail,
            profiles.c.collection,
            profiles.c.anchor,
        )
        .join(profiles, profiles.c.id == profile_changes.c.profile, isouter=True)
        .where(profile_changes.c.seq >= seq)
        .order_by(profile_changes.c.seq)
        .limit(limit)
    )
    return list(tx.execute(statement))
