"""Events of our own on their way into the log.

They are written in the transaction that caused them and leave when the log has them; a
crash between the two sends one twice, under the same ``messageId``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, delete, select

from cdp.store import meta
from cdp.store.bulk import chunks, insert_many
from cdp.store.tables import emissions

_encode = msgspec.json.Encoder().encode


class Emission(NamedTuple):
    """An event: whose (``node``), from which source, and the call itself as JSON."""

    id: int
    node: int | None
    source: int
    body: bytes


def add(tx: Connection, events: Sequence[tuple[int | None, int, dict[str, Any]]], now: int) -> None:
    """Let ``(node, source, call)`` go into the log."""
    if not events:
        return
    first = meta.take_numbers(tx, "emission", len(events))
    insert_many(
        tx,
        emissions,
        ("id", "node", "source", "body", "created_at"),
        [
            (first + index, node, source, _encode(call), now)
            for index, (node, source, call) in enumerate(events)
        ],
    )


def oldest(tx: Connection, limit: int) -> list[Emission]:
    """The next to go; on Postgres others get others while ``tx`` lasts."""
    table = emissions.c
    statement = (
        select(table.id, table.node, table.source, table.body)
        .order_by(table.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [Emission(i, n, s, bytes(b)) for i, n, s, b in tx.execute(statement)]


def gone(tx: Connection, ids: Sequence[int]) -> None:
    """The log has them."""
    for some in chunks(ids):
        tx.execute(delete(emissions).where(emissions.c.id.in_(some)))


def forget(tx: Connection, node_ids: Sequence[int]) -> None:
    """Drop what was to be said of deleted people."""
    for some in chunks(node_ids):
        tx.execute(delete(emissions).where(emissions.c.node.in_(some)))
