"""What was told of deliveries: each thing once, and what it changes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, select, update

from cdp.plugin import Report
from cdp.store import meta
from cdp.store.bulk import run_many, select_by, upsert
from cdp.store.tables import deliveries, reports

_encode = msgspec.json.Encoder().encode

#: The moment of a delivery that a report of a kind sets, the first time.
MOMENTS = {
    "delivered": "delivered_at",
    "opened": "opened_at",
    "clicked": "clicked_at",
    "bounced": "bounced_at",
    "complained": "complained_at",
    "unsubscribed": "unsubscribed_at",
}


def record(tx: Connection, source: int, told: Sequence[Report], now: int) -> None:
    """Keep reports of the destination ``source``; what was told before changes nothing."""
    known = _deliveries(tx, source, told)
    first = meta.take_numbers(tx, "report", len(told))
    rows: list[dict[str, Any]] = []
    for number, item in enumerate(told, first):
        detail = {**item.detail, "reason": item.reason or None, "hard": item.hard or None}
        kept = {key: value for key, value in detail.items() if value is not None}
        rows.append(
            {
                "id": number,
                "delivery": known.get(item.delivery or item.provider_id),
                "source": source,
                "ref": item.id,
                "kind": item.kind,
                "at": item.at,
                "received_at": now,
                "machine": item.machine,
                "detail": _encode(kept).decode() if kept else None,
            }
        )
    statement = upsert(tx, reports).values({name: bindparam(name) for name in rows[0]})
    run_many(tx, statement.on_conflict_do_nothing(index_elements=["source", "ref"]), rows)
    numbers = list(range(first, first + len(told)))
    new = {row[0] for row in select_by(tx, (reports.c.id,), reports.c.id, numbers)}
    for row in rows:
        moment = MOMENTS.get(row["kind"])
        if row["id"] in new and row["delivery"] is not None and moment is not None:
            column = deliveries.c[moment]
            one = (deliveries.c.id == row["delivery"]) & column.is_(None)
            tx.execute(update(deliveries).where(one).values({moment: row["at"], "updated_at": now}))


def _deliveries(tx: Connection, source: int, told: Sequence[Report]) -> dict[str, int]:
    """Numbers of deliveries by the name by which a report calls them."""
    ours = [int(item.delivery) for item in told if item.delivery.isdecimal()]
    found = {
        str(row[0]): row[0] for row in select_by(tx, (deliveries.c.id,), deliveries.c.id, ours)
    }
    theirs = [item.provider_id for item in told if not item.delivery and item.provider_id]
    table = deliveries.c
    columns = (table.provider_id, table.id)
    for name, number in tx.execute(
        select(*columns).where(table.provider_id.in_(theirs), table.destination == source)
    ):
        found[name] = number
    return found
