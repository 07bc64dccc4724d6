"""What leaves the store as a file: rows in canonical order, and who took them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, insert, or_, select, update

from cdp.profiles.traits import TraitMap
from cdp.store import meta
from cdp.store.bulk import blob, select_by
from cdp.store.db import Store
from cdp.store.events import history
from cdp.store.events.history import Body, HistoryRow
from cdp.store.profiles.graph import IDENTIFIER_COLUMNS, IdentifierRow
from cdp.store.profiles.people import Profile
from cdp.store.tables import exports, identifiers, nodes, partition_tables, profiles

PAGE, BLOCKS = 1000, 32


class Export(NamedTuple):
    """A file that was made of the store's content; ``rows`` None if it broke off."""

    id: int
    at: int
    author: str
    what: str
    format: str
    selection: dict[str, Any]
    target: str
    rows: int | None
    finished_at: int | None


def exports_since(tx: Connection, since: int = 0) -> list[Export]:
    """All that was exported from the time ``since`` on, in milliseconds; oldest first.

    A deletion names these to the operator: what they hold is beyond our reach.
    """
    rows = tx.execute(select(exports).where(exports.c.at >= since).order_by(exports.c.id))
    return [
        Export(
            r.id,
            r.at,
            r.author,
            r.what,
            r.format,
            json.loads(r.selection),
            r.target,
            r.rows,
            r.finished_at,
        )
        for r in rows
    ]


def begin_export(
    tx: Connection,
    now: int,
    author: str,
    what: str,
    format_: str,
    selection: dict[str, Any],
    target: str,
) -> int:
    """Note an export before its first byte goes out; returns its number."""
    number = meta.take_numbers(tx, "export", 1)
    tx.execute(
        insert(exports).values(
            id=number,
            at=now,
            author=author,
            what=what,
            format=format_,
            selection=json.dumps(selection),
            target=target,
        )
    )
    return number


def end_export(tx: Connection, number: int, now: int, rows: int) -> None:
    """Note that an export came to its end."""
    tx.execute(update(exports).where(exports.c.id == number).values(rows=rows, finished_at=now))


@contextmanager
def one_moment(store: Store) -> Iterator[Connection]:
    """A transaction in which all reads see the same moment, however long it lasts."""
    if store.dialect == "sqlite":
        with store.read() as tx:
            yield tx
        return
    with store.engine.connect() as connection:
        connection = connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection
        connection.rollback()


def profiles_by_name(tx: Connection, collection: int) -> Iterator[list[Profile]]:
    """All profiles of a collection by the hash that names them, a page at a time.

    That order is the same in every store that knows the same messages.
    """
    columns = tuple(profiles.c[name] for name in Profile._fields)
    after: tuple[int, int] | None = None
    while True:
        wanted = select(*columns).where(profiles.c.collection == collection)
        if after is not None:
            anchor, id_ = after
            wanted = wanted.where(
                or_(
                    profiles.c.anchor > anchor,
                    and_(profiles.c.anchor == anchor, profiles.c.id > id_),
                )
            )
        rows = tx.execute(wanted.order_by(profiles.c.anchor, profiles.c.id).limit(PAGE)).all()
        if not rows:
            return
        page = [Profile._make((*row[:-1], TraitMap.decode(blob(row[-1])))) for row in rows]
        yield page
        after = (page[-1].anchor, page[-1].id)


def identifiers_by_name(tx: Connection) -> Iterator[list[IdentifierRow]]:
    """All identifiers by their hash, a page at a time."""
    columns = tuple(identifiers.c[name] for name in IDENTIFIER_COLUMNS)
    after: tuple[int, int] | None = None
    while True:
        wanted = select(*columns)
        if after is not None:
            hash_, id_ = after
            wanted = wanted.where(
                or_(
                    identifiers.c.hash > hash_,
                    and_(identifiers.c.hash == hash_, identifiers.c.id > id_),
                )
            )
        rows = tx.execute(wanted.order_by(identifiers.c.hash, identifiers.c.id).limit(PAGE)).all()
        if not rows:
            return
        page = [IdentifierRow(*row) for row in rows]
        yield page
        after = (page[-1].hash, page[-1].id)


def anchors(tx: Connection, ids: list[int]) -> dict[int, tuple[int, int]]:
    """(collection, name-giving hash) of some profiles."""
    columns = (profiles.c.id, profiles.c.collection, profiles.c.anchor)
    return {row[0]: (row[1], row[2]) for row in select_by(tx, columns, profiles.c.id, ids)}


def profiles_of_nodes(tx: Connection, ids: list[int]) -> dict[int, int]:
    """To which profile some nodes belong; nodes of nobody are left out."""
    rows = select_by(tx, (nodes.c.id, nodes.c.profile), nodes.c.id, ids)
    return {row[0]: row[1] for row in rows if row[1]}


class Block(NamedTuple):
    """A micro-batch of the history: its rows, and their bodies by position."""

    rows: list[HistoryRow]
    bodies: dict[int, Body]


def blocks(tx: Connection) -> Iterator[Block]:
    """The whole history in the order in which it was written."""
    for info in history.list_partitions(tx):
        tables = partition_tables(info.id)
        at, rows_at = tables.blocks.c.first_seq, tables.history.c.seq
        after, full = -1, True
        while full:
            wanted = select(tables.blocks).where(at > after).order_by(at).limit(BLOCKS + 1)
            page = tx.execute(wanted).all()
            full = len(page) > BLOCKS
            for index, (first, n, data) in enumerate(page[:BLOCKS]):
                raw = history.unpack(blob(data) or b"", list(range(n)))
                bodies = {first + place: body for place, body in enumerate(raw)}
                statement = select(tables.history).where(rows_at >= first).order_by(rows_at)
                if index + 1 < len(page):
                    statement = statement.where(rows_at < page[index + 1].first_seq)
                yield Block([HistoryRow(*row) for row in tx.execute(statement)], bodies)
                after = first
