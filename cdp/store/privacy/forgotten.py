"""Messages and journeys of people who are deleted (law 7)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Select, delete, select

from cdp.identity import Identifier
from cdp.store.bulk import chunks
from cdp.store.journeys import runs as journey_runs
from cdp.store.messages import broadcast_people, emissions, preferences
from cdp.store.tables import deliveries, delivery_contents, followups, inquiries, reports


def forget_messages(
    tx: Connection, node_ids: Sequence[int], identifiers: Iterable[Identifier]
) -> None:
    """Drop all that was sent to people or is to be sent, what was told of it and what they wanted.

    Their runs of journeys go as well.

    Messages to their addresses that name no person go, too. What is being handed over at
    this moment can't be called back; nothing is handed over any more.
    """
    values = sorted({value for _, value in identifiers})
    for some in chunks(node_ids):
        _drop(tx, select(deliveries.c.id).where(deliveries.c.node.in_(some)))
    for some in chunks(values):
        unnamed = deliveries.c.node.is_(None) & deliveries.c.recipient.in_(some)
        _drop(tx, select(deliveries.c.id).where(unnamed))
    broadcast_people.forget(tx, node_ids)
    preferences.forget(tx, node_ids, values)
    emissions.forget(tx, node_ids)
    journey_runs.forget(tx, node_ids)


def _drop(tx: Connection, ids: Select[Any]) -> None:
    found = [row[0] for row in tx.execute(ids)]
    for some in chunks(found):
        tx.execute(delete(delivery_contents).where(delivery_contents.c.delivery.in_(some)))
        tx.execute(delete(inquiries).where(inquiries.c.delivery.in_(some)))
        tx.execute(delete(followups).where(followups.c.delivery.in_(some)))
        tx.execute(delete(reports).where(reports.c.delivery.in_(some)))
        tx.execute(delete(deliveries).where(deliveries.c.id.in_(some)))
