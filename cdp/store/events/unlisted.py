"""Partitions of the history that go as a whole, instead of row by row.

A partition is taken off the list first, so that nobody reads it any more; then its tables
are dropped, one in a transaction. A reader of SQLite sees what was there when it began; on
Postgres somebody may just have read the list, so that the tables are left for a while.
"""

from __future__ import annotations

import json
from collections.abc import Collection

from sqlalchemy import Connection, delete, select
from sqlalchemy.exc import OperationalError

from cdp.store import meta
from cdp.store.db import Store
from cdp.store.events import history, kept_files
from cdp.store.tables import partition_tables, partitions

_KEY = "unlisted_partitions"
#: Longer than anybody reads in one transaction, on Postgres.
GRACE_MS = 3_600_000
#: Rows of a partition whose names are looked at before those of all others.
_GLANCE = 2_000
_LOCK_MS = 2_000
_LOCKED = "55P03"


def take_off(
    tx: Connection, name_ids: Collection[int], before: int, start: int, until: int, now: int
) -> int | None:
    """Take the next partition with events from before ``before`` off the list, if all can go.

    That is one which begins at position ``start`` or later, is closed and not beyond
    ``until``, and has only events of some names from before ``before``. Returns the position
    after it, and None if there is no such partition or something of it stays.
    """
    rows = tx.execute(
        select(partitions.c.id, partitions.c.first_seq, partitions.c.min_t, partitions.c.max_t)
        .where(partitions.c.first_seq < until)
        .order_by(partitions.c.id)
    ).all()
    listed = history.list_partitions(tx)
    for row in rows:
        later = next((info for info in listed if info.id > row.id), None)
        end = later.first_seq if later is not None else None
        if (end is not None and end <= start) or (row.min_t is not None and row.min_t >= before):
            continue
        if end is None or end > until or row.first_seq < start:
            return None
        if row.max_t is None or row.max_t >= before or not _only(tx, row.id, name_ids):
            return None
        tx.execute(delete(partitions).where(partitions.c.id == row.id))
        kept_files.forget(tx, row.id)
        _put(tx, [*_unlisted(tx), (row.id, now)])
        return end
    return None


def _only(tx: Connection, number: int, name_ids: Collection[int]) -> bool:
    """Whether a partition has nothing but events of some names."""
    names, wanted = partition_tables(number).history.c.name, set(name_ids)
    first = tx.execute(select(names).limit(_GLANCE)).scalars()
    return wanted.issuperset(first) and wanted.issuperset(
        tx.execute(select(names).distinct()).scalars()
    )


def _unlisted(tx: Connection) -> list[tuple[int, int]]:
    return [(number, at) for number, at in json.loads(meta.get(tx, _KEY) or "[]")]


def _put(tx: Connection, found: list[tuple[int, int]]) -> None:
    meta.put(tx, _KEY, json.dumps(found))


def step(store: Store, now: int, grace_ms: int = GRACE_MS) -> bool:
    """Drop the tables of one partition that nobody reads any more; False if there is none."""
    with store.read() as tx:
        known = _unlisted(tx)
    due = [n for n, at in known if store.dialect == "sqlite" or now - at >= grace_ms]
    return bool(due) and _drop(store, due[0])


def _drop(store: Store, number: int) -> bool:
    try:
        for table in reversed(partition_tables(number)):
            with store.write() as tx:
                if tx.dialect.name == "postgresql":
                    tx.exec_driver_sql(f"SET LOCAL lock_timeout = {_LOCK_MS}")
                table.drop(tx, checkfirst=True)
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != _LOCKED:
            raise
        return False
    with store.write() as tx:
        _put(tx, [one for one in _unlisted(tx) if one[0] != number])
    return True


def drop_all(store: Store, now: int) -> list[str]:
    """Drop all of them at once; returns in words what could not be."""
    while step(store, now, grace_ms=0):
        pass
    with store.read() as tx:
        return [f"past events of partition {n} (they were being read)" for n, _ in _unlisted(tx)]
