"""What was told of deliveries, each thing once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from cdp.plugin.messages import Report
from cdp.store import meta
from cdp.store.bulk import chunks, upsert
from cdp.store.tables import reports


class Kept(NamedTuple):
    """A report as it is kept. Times in ms since 1970."""

    id: int
    delivery: int | None
    source: int
    ref: str
    kind: str
    at: int
    received_at: int
    machine: bool
    detail: dict[str, Any]


def add(tx: Connection, delivery: int | None, source: int, report: Report, now: int) -> bool:
    """Keep a report of destination ``source``; False if it was told before."""
    detail = {
        **report.detail,
        **{
            name: value
            for name in ("reason", "recipient", "hard", "provider_id")
            if (value := getattr(report, name))
        },
    }
    values = {
        "id": meta.take_numbers(tx, "report", 1),
        "delivery": delivery,
        "source": source,
        "ref": report.id[:500],
        "kind": report.kind,
        "at": report.at,
        "received_at": now,
        "machine": report.machine,
        "detail": json.dumps(detail) if detail else None,
    }
    statement = upsert(tx, reports).values(values)
    return bool(
        tx.execute(statement.on_conflict_do_nothing(index_elements=["source", "ref"])).rowcount
    )


def told_before(tx: Connection, source: int, refs: Sequence[str]) -> set[str]:
    """Which of ``refs`` are kept already."""
    found: set[str] = set()
    for some in chunks(sorted(set(refs))):
        statement = select(reports.c.ref).where(reports.c.source == source, reports.c.ref.in_(some))
        found.update(tx.execute(statement).scalars())
    return found


def of_delivery(tx: Connection, delivery: int) -> list[Kept]:
    """What was told of one delivery, as it came."""
    statement = select(reports).where(reports.c.delivery == delivery).order_by(reports.c.id)
    rows = [row._asdict() for row in tx.execute(statement)]
    return [Kept(**{**row, "detail": json.loads(row["detail"] or "{}")}) for row in rows]
