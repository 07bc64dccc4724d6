"""Old events that go from partitions in which something stays: by ranges of positions.

Rows go by one statement for all of a range. Their bodies are found afterwards: a body to which
no row of the history leads any more.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, or_, select

from cdp.store.bulk import blob, chunks
from cdp.store.events import history, kept_files
from cdp.store.privacy.removal import BODY, GONE, put_block
from cdp.store.tables import (
    doomed,
    kept_properties,
    names,
    partition_tables,
    partitions,
    removals,
)


class Gone(NamedTuple):
    """What went of a range: how many rows, from which position on, and where to go on."""

    rows: int
    first: int
    stop: int


def delete_range(
    tx: Connection, name_ids: Collection[int], before: int, start: int, until: int, limit: int
) -> Gone:
    """Delete the events of some names from before ``before`` among ``limit`` positions.

    From position ``start`` on, below ``until``; with what is kept of them. Partitions that
    hold nothing so old are passed over.
    """
    infos = history.list_partitions(tx)
    old = select(partitions.c.id).where(
        or_(partitions.c.min_t.is_(None), partitions.c.min_t < before)
    )
    worth = set(tx.execute(old).scalars())
    ends = [info.first_seq for info in infos[1:]] + [until]
    for info, end in zip(infos, ends, strict=True):
        first = max(start, info.first_seq)
        if info.id not in worth or end <= start or first >= until:
            continue
        stop = min(until, end, first + limit)
        rows = _delete(tx, info.id, first, stop, [_named(tx, info.id, name_ids, before)])
        return Gone(rows, first, stop)
    return Gone(0, until, until)


def _named(tx: Connection, number: int, name_ids: Collection[int], before: int) -> Any:
    """What rows of events of some names, and so old, meet.

    There may be as many names as events: the shorter list is said.
    """
    c = partition_tables(number).history.c
    wanted = set(name_ids)
    others = set(tx.execute(select(names.c.id)).scalars()) - wanted
    if len(wanted) <= len(others):
        return (c.t < before) & c.name.in_(sorted(wanted))
    return (c.t < before) & c.name.not_in(sorted(others))


def _delete(tx: Connection, number: int, first: int, stop: int, which: list[Any]) -> int:
    tables = partition_tables(number)
    seq = tables.history.c.seq
    gone = tx.execute(delete(tables.history).where(seq >= first, seq < stop, *which)).rowcount
    if gone:
        kept_files.forget(tx, number)
        kept = tables.kept.c
        left = select(seq).where(seq >= first, seq < stop)
        properties = list(tx.execute(select(kept_properties.c.id)).scalars())
        for some in chunks(properties):
            tx.execute(
                delete(tables.kept).where(
                    kept.property.in_(some),
                    kept.seq >= first,
                    kept.seq < stop,
                    kept.seq.not_in(left),
                )
            )
    return int(gone)


class Swept(NamedTuple):
    """How many bodies went, and at which position to go on."""

    bodies: int
    stop: int


def sweep_bodies(tx: Connection, start: int, until: int, blocks: int, look: int) -> Swept:
    """Take out the bodies between two positions to which no row leads.

    Rewrites ``blocks`` blocks and looks at ``look`` at most.
    """
    infos = history.list_partitions(tx)
    ends = [info.first_seq for info in infos[1:]] + [until]
    others = list(tx.execute(select(removals.c.id)).scalars())
    gone = written = looked = 0
    for info, end in zip(infos, ends, strict=True):
        if end <= start or info.first_seq >= until:
            continue
        table = partition_tables(info.id).blocks
        some = (
            select(table.c.first_seq, table.c.n)
            .where(table.c.first_seq >= start, table.c.first_seq < min(end, until))
            .order_by(table.c.first_seq)
            .limit(look - looked)
        )
        for first, n in tx.execute(some).all():
            if written >= blocks:
                return Swept(gone, first)
            bodies = _sweep_block(tx, info.id, first, n, others)
            gone += bodies
            written += bool(bodies)
            looked += 1
            start = first + 1
            if looked >= look:
                return Swept(gone, start)
        start = max(start, min(end, until))
    return Swept(gone, until)


def _sweep_block(tx: Connection, number: int, first: int, n: int, others: list[int]) -> int:
    tables = partition_tables(number)
    seq, d = tables.history.c.seq, doomed.c
    kept = set(tx.execute(select(seq).where(seq >= first, seq < first + n)).scalars())
    if others:  # a source's messages are to be read before they go
        theirs = (d.removal.in_(others), d.what == BODY, d.number >= first, d.number < first + n)
        kept.update(tx.execute(select(d.number).where(*theirs)).scalars())
    if len(kept) == n:
        return 0
    blocks = tables.blocks
    if not kept:
        tx.execute(delete(blocks).where(blocks.c.first_seq == first))
        return n
    data = tx.execute(select(blocks.c.data).where(blocks.c.first_seq == first)).scalar()
    bodies = history.unpack(blob(data) or b"", list(range(n)))
    lost = [at for at in range(n) if first + at not in kept and bodies[at] != GONE]
    for at in lost:
        bodies[at] = GONE
    if lost:
        put_block(tx, blocks, first, bodies)
    return len(lost)
