"""Removing what one source brought, in short transactions."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, delete, func, select

from cdp.store import catalogue, graph, history
from cdp.store.bulk import chunks
from cdp.store.db import Store
from cdp.store.tables import (
    components,
    counts,
    identifiers,
    memberships,
    nodes,
    partition_tables,
    profiles,
    rejected,
)

_STEP = 400


def removal_steps(store: Store, source: int) -> Iterator[tuple[int, int]]:
    """Remove all that ``source`` brought; yields (done, total) after each transaction.

    People of whom another source spoke first, or with whose nodes it shares a
    component, are somebody's real data and stay.
    """
    with store.read() as tx:
        owned = _components_of(tx, source)
        infos = history.list_partitions(tx)
    total, done = len(owned) // _STEP + 1 + len(infos) + 1, 0
    for some in chunks(owned, _STEP):
        with store.write() as tx:
            _remove_components(tx, list(some))
        done += 1
        yield done, total
    for info in infos:
        with store.write() as tx:
            _remove_history(tx, info.id, source)
        done += 1
        yield done, total
    with store.write() as tx:
        tx.execute(delete(counts).where(counts.c.source_id == source))
        tx.execute(delete(rejected).where(rejected.c.source_id == source))
        catalogue.forget_source(tx, source)
    yield total, total


def _components_of(tx: Connection, source: int) -> list[int]:
    """Components all of whose nodes were first seen from ``source``."""
    statement = (
        select(nodes.c.component)
        .group_by(nodes.c.component)
        .having(func.min(nodes.c.first_source) == source)
        .having(func.max(nodes.c.first_source) == source)
    )
    return [row[0] for row in tx.execute(statement)]


def _remove_components(tx: Connection, ids: list[int]) -> None:
    rows = graph.nodes_of_components(tx, ids)
    node_ids = [row.id for row in rows]
    people = sorted({row.profile for row in rows})
    for some in chunks(node_ids):
        tx.execute(delete(memberships).where(memberships.c.user_node.in_(some)))
        tx.execute(delete(memberships).where(memberships.c.account_node.in_(some)))
    for some in chunks(people):
        tx.execute(delete(profiles).where(profiles.c.id.in_(some)))
    tx.execute(delete(identifiers).where(identifiers.c.component.in_(ids)))
    tx.execute(delete(nodes).where(nodes.c.component.in_(ids)))
    tx.execute(delete(components).where(components.c.id.in_(ids)))


def _remove_history(tx: Connection, partition: int, source: int) -> None:
    tables = partition_tables(partition)
    rows = tables.history
    theirs = select(rows.c.seq).where(rows.c.source == source)
    # A micro-batch comes from one part of the log, so a block is one source's whole.
    tx.execute(delete(tables.blocks).where(tables.blocks.c.first_seq.in_(theirs)))
    tx.execute(delete(tables.kept).where(tables.kept.c.seq.in_(theirs)))
    tx.execute(delete(rows).where(rows.c.source == source))
