"""What was told of deliveries, each thing once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, select

from cdp.plugin.messages import Report
from cdp.store import meta
from cdp.store.bulk import chunks, run_many, upsert_of
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
    values = _values(meta.take_numbers(tx, "report", 1), delivery, source, report, now)
    return bool(tx.execute(_add(tx.dialect.name), values).rowcount)


def add_many(tx: Connection, told: Sequence[tuple[int | None, int, Report]], now: int) -> None:
    """Keep (delivery, destination, report), each that was not told before."""
    if told:
        first = meta.take_numbers(tx, "report", len(told))
        rows = [_values(number, *one, now) for number, one in enumerate(told, first)]
        run_many(tx, _add(tx.dialect.name), rows)


def _values(
    number: int, delivery: int | None, source: int, report: Report, now: int
) -> dict[str, Any]:
    more = {
        name: value
        for name in ("reason", "recipient", "hard", "provider_id")
        if (value := getattr(report, name))
    }
    detail = {**report.detail, **more}
    return {
        "id": number,
        "delivery": delivery,
        "source": source,
        "ref": report.id[:500],
        "kind": report.kind,
        "at": report.at,
        "received_at": now,
        "machine": report.machine,
        "detail": json.dumps(detail) if detail else None,
    }


@lru_cache(maxsize=2)
def _add(dialect: str) -> Any:
    names = ("id", "delivery", "source", "ref", "kind", "at", "received_at", "machine", "detail")
    statement = upsert_of(dialect, reports).values({name: bindparam(name) for name in names})
    return statement.on_conflict_do_nothing(index_elements=["source", "ref"])


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
