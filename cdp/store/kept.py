"""Typed copies of properties, which SQL can read where it can't look into blocks."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select, update

from cdp.store import history, meta
from cdp.store.bulk import insert_many
from cdp.store.tables import kept_properties, partition_tables

COLUMNS = ("property", "seq", "num", "text")


class KeptProperty(NamedTuple):
    """A property of an event, of which values are kept.

    What came after ``backfill_until`` was kept as it arrived; below, the backfill
    has reached ``backfilled_to``.
    """

    id: int
    event: str
    path: str
    backfilled_to: int
    backfill_until: int


def all_kept(tx: Connection) -> list[KeptProperty]:
    """Every property of which values are kept."""
    table = kept_properties.c
    rows = tx.execute(
        select(table.id, table.event, table.path, table.backfilled_to, table.backfill_until)
    )
    return [KeptProperty(*row) for row in rows]


def keep(tx: Connection, event: str, path: str, now: int) -> KeptProperty:
    """Begin to keep ``path`` of ``event``; what is already there waits for the backfill."""
    for known in all_kept(tx):
        if (known.event, known.path) == (event, path):
            return known
    until = meta.next_number(tx, "seq")
    id_ = meta.take_numbers(tx, "kept_property", 1)
    tx.execute(
        insert(kept_properties).values(
            id=id_, event=event, path=path, created_at=now, backfill_until=until
        )
    )
    meta.bump(tx)
    return KeptProperty(id_, event, path, 0, until)


def value_row(property_: int, seq: int, value: Any) -> tuple[Any, ...] | None:
    """The row that keeps ``value``; None for what has no scalar value.

    Numbers keep their literal beside the float, so that sums can be exact.
    """
    if isinstance(value, bool):
        return (property_, seq, float(value), "true" if value else "false")
    if isinstance(value, int | float):
        try:
            return (property_, seq, float(value), repr(value))
        except OverflowError:
            return (property_, seq, None, repr(value))
    if isinstance(value, str):
        return (property_, seq, None, value.replace("\0", "")[:1000])
    return None


def look_up(body: dict[str, Any], path: str) -> Any:
    """The value at a dotted ``path`` of a message; None where there is none."""
    value: Any = body
    for key in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def insert_values(tx: Connection, partition: int, rows: list[tuple[Any, ...]]) -> None:
    """Keep values (in the order of `COLUMNS`) in a partition."""
    insert_many(tx, partition_tables(partition).kept, COLUMNS, rows)


def backfill_step(tx: Connection, kept: KeptProperty, limit: int, decode: Any) -> KeptProperty:
    """Keep the values of up to ``limit`` older messages; done when it reaches its end."""
    start = max(kept.backfilled_to, 1)
    rows = [r for r in history.rows_after(tx, start, limit) if r.seq < kept.backfill_until]
    if not rows:
        reached = kept.backfill_until
    else:
        reached = rows[-1].seq + 1
        names = history.names_of(tx, [row.name for row in rows])
        wanted = [r for r in rows if r.body_seq is None and names[r.name][1] == kept.event]
        bodies = history.bodies_of(tx, wanted)
        infos = history.list_partitions(tx)
        by_partition: dict[int, list[tuple[Any, ...]]] = {}
        for row in wanted:
            value = look_up(decode(bodies[row.seq].raw), kept.path)
            entry = value_row(kept.id, row.seq, value)
            info = history.partition_of(infos, row.seq)
            if entry is not None and info is not None:
                by_partition.setdefault(info.id, []).append(entry)
        for partition, entries in by_partition.items():
            insert_values(tx, partition, entries)
    tx.execute(
        update(kept_properties).where(kept_properties.c.id == kept.id).values(backfilled_to=reached)
    )
    return kept._replace(backfilled_to=reached)
