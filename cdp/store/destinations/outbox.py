"""The outbox: what has a fate of its own, a row each."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, or_, select, update

from cdp.store import meta
from cdp.store.bulk import insert_many
from cdp.store.tables import destinations, outbox, streams


class Item(NamedTuple):
    """Something in the outbox: an event with a fate of its own, claimed by us."""

    id: int
    destination_id: int
    key: str
    seq: int | None
    payload: bytes
    attempts: int
    created_at: int
    claimed_until: int


ITEM_COLUMNS = (
    "id", "destination_id", "key", "seq", "payload", "state", "attempts", "next_at",
    "claimed_until", "error", "created_at", "updated_at",
)  # fmt: skip


def add_items(tx: Connection, rows: list[dict[str, Any]], now: int) -> None:
    """Put events into the outbox: ``state`` waiting or dead, with ``error`` and ``next_at``."""
    if not rows:
        return
    first = meta.take_numbers(tx, "outbox", len(rows))
    own = {"claimed_until": None, "created_at": now, "updated_at": now}
    items = [{**row, **own, "id": first + index} for index, row in enumerate(rows)]
    insert_many(
        tx, outbox, ITEM_COLUMNS, [tuple(item[name] for name in ITEM_COLUMNS) for item in items]
    )


def _due(now: int) -> ColumnElement[bool]:
    table = outbox.c
    return or_(
        (table.state == "waiting") & (table.next_at <= now),
        (table.state == "claimed") & (table.claimed_until < now),
    )


def due_destinations(tx: Connection, now: int) -> list[int]:
    """The enabled destinations for which items are due."""
    statement = (
        select(outbox.c.destination_id)
        .join(destinations, destinations.c.id == outbox.c.destination_id)
        .where(_due(now), destinations.c.enabled)
        .distinct()
    )
    return [row[0] for row in tx.execute(statement)]


def has_due(tx: Connection, destination_id: int, now: int) -> bool:
    """Whether any item of a destination is due."""
    statement = select(outbox.c.id).where(outbox.c.destination_id == destination_id, _due(now))
    return tx.execute(statement.limit(1)).first() is not None


def claim_items(
    tx: Connection, destination_id: int, now: int, until: int, limit: int
) -> list[Item]:
    """Take due items of a destination until ``until``; a lost claim is due again then."""
    table = outbox.c
    statement = (
        select(
            table.id, table.destination_id, table.key, table.seq, table.payload, table.attempts,
            table.created_at,
        )
        .where(table.destination_id == destination_id, _due(now))
        .order_by(table.next_at, table.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )  # fmt: skip
    items = [Item(*row, until) for row in tx.execute(statement)]
    if items:
        tx.execute(
            update(outbox)
            .where(table.id.in_([item.id for item in items]))
            .values(state="claimed", claimed_until=until)
        )
    return [item._replace(payload=bytes(item.payload)) for item in items]


def _mine(item: Item) -> ColumnElement[bool]:
    table = outbox.c
    claimed = (table.state == "claimed") & (table.claimed_until == item.claimed_until)
    return (table.id == item.id) & claimed


def item_delivered(tx: Connection, item: Item) -> None:
    """An item was taken: it leaves the outbox, whoever has claimed it since."""
    if tx.execute(delete(outbox).where(outbox.c.id == item.id)).rowcount:
        tx.execute(
            update(streams)
            .where(streams.c.name == f"destination:{item.destination_id}")
            .values(delivered=streams.c.delivered + 1)
        )


def item_failed(tx: Connection, item: Item, state: str, error: str, next_at: int, now: int) -> None:
    """An item goes back to ``waiting`` until ``next_at``, or is ``dead``; if it is still ours."""
    tx.execute(
        update(outbox)
        .where(_mine(item))
        .values(
            state=state,
            error=error,
            next_at=next_at,
            attempts=outbox.c.attempts + 1,
            claimed_until=None,
            updated_at=now,
        )
    )


def release_items(tx: Connection, items: list[Item], next_at: int) -> None:
    """Items that were claimed but not tried: due again at ``next_at``, nothing counted."""
    for item in items:
        tx.execute(
            update(outbox)
            .where(_mine(item))
            .values(state="waiting", next_at=next_at, claimed_until=None)
        )


def unclaim_all(tx: Connection, now: int) -> None:
    """Forget the claims of a process that died; only for the one process of a store."""
    tx.execute(
        update(outbox)
        .where(outbox.c.state == "claimed")
        .values(state="waiting", next_at=now, claimed_until=None)
    )
