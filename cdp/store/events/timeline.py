"""One profile's part of the history, by event time, without reading all of it.

The index of a partition is (node, name, t): it keeps the events of one name of one
node in order of time, a *stream*. A page is merged from streams. First the newest
time of each stream is looked up, hopping from name to name; then streams are read in
the order of these times until the next one can't reach the page any more. Partitions
come in the order of their newest event and end the search in the same way. So a page
costs look-ups by the number of names that the profile has used, not of its events.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Connection,
    Integer,
    Select,
    Text,
    bindparam,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects import postgresql

from cdp.store.bulk import Row, fetch
from cdp.store.events.history import HistoryRow
from cdp.store.tables import Partition, partition_tables, partitions

#: Streams that a round trip to Postgres reads.
_AT_ONCE = 16
#: Up to so many names are looked up by name; more are filtered on the way.
_NAMED = 32
_FIRST, _LAST = -(2**62), 2**62
# Written out: a bound OFFSET is what SQLite's dialect would add by itself.
_ZERO: Any = literal_column("0")
_ONE: Any = literal_column("1")


class _Range(NamedTuple):
    """The bounds of a page: ``lo`` ≤ t ≤ ``hi``, and beyond (``edge_t``, ``edge_seq``)."""

    lo: int
    hi: int
    edge_t: int
    edge_seq: int


def rows_of_nodes(
    tx: Connection,
    node_ids: list[int],
    *,
    before: tuple[int, int] | None = None,
    limit: int = 50,
    ascending: bool = False,
    start: int | None = None,
    end: int | None = None,
    name_ids: list[int] | None = None,
    without: list[int] | None = None,
) -> list[HistoryRow]:
    """Rows of some nodes by event time, newest first (or oldest, if ``ascending``).

    ``before`` is the (t, seq) of the last row of the page before; ``start`` and
    ``end`` bound the event time in ms, both inclusive; ``name_ids`` and ``without``
    pick event names.
    """
    bounds = _range(before, ascending, start, end)
    unwanted = set(without or ())
    wanted = set(name_ids) - unwanted if name_ids is not None else None
    if not node_ids or limit < 1 or wanted == set() or bounds.lo > bounds.hi:
        return []
    best: list[Row] = []
    for number, near in _partitions(tx, bounds, ascending):
        if len(best) >= limit and _beyond(near, best[-1][3], ascending):
            break
        heads = [
            head
            for head in _heads(tx, number, ascending, node_ids, wanted, bounds)
            if head[1] not in unwanted and (wanted is None or head[1] in wanted)
        ]
        heads.sort(key=lambda head: head[2], reverse=not ascending)
        step = 1 if tx.dialect.name == "sqlite" else _AT_ONCE
        for at in range(0, len(heads), step):
            if len(best) >= limit and _beyond(heads[at][2], best[-1][3], ascending):
                break
            rows = _streams(tx, number, ascending, heads[at : at + step], bounds, limit)
            best = sorted([*best, *rows], key=_place, reverse=not ascending)[:limit]
            if len(best) >= limit:
                last = best[-1][3]
                bounds = bounds._replace(**{"hi" if ascending else "lo": last})
    return [HistoryRow(*row) for row in best]


def newest_of_nodes(tx: Connection, node_ids: list[int]) -> dict[int, int]:
    """The event time in ms of the newest row of each node that has any."""
    bounds = _range(None, False, None, None)
    found: dict[int, int] = {}
    for number, _ in _partitions(tx, bounds, ascending=False) if node_ids else ():
        for node, _name, t in _heads(tx, number, False, node_ids, None, bounds):
            found[node] = max(t, found.get(node, t))
    return found


def _range(
    before: tuple[int, int] | None, ascending: bool, start: int | None, end: int | None
) -> _Range:
    lo = _FIRST if start is None else max(start, _FIRST)
    hi = _LAST if end is None else min(end, _LAST)
    if before is None:
        return _Range(lo, hi, _FIRST - 1 if ascending else _LAST + 1, 0)
    t, seq = (min(max(number, _FIRST), _LAST) for number in before)
    return _Range(max(lo, t), hi, t, seq) if ascending else _Range(lo, min(hi, t), t, seq)


def _place(row: Row) -> tuple[int, int]:
    return row[3], row[0]


def _beyond(t: int | None, last: int, ascending: bool) -> bool:
    """Whether all from ``t`` on comes after ``last``; of equal times seq decides."""
    return t is not None and (t > last if ascending else t < last)


def _partitions(
    tx: Connection, bounds: _Range, ascending: bool
) -> Iterable[tuple[int, int | None]]:
    """(number, time of the event nearest to the page's beginning) of each that may matter."""
    statement = select(partitions.c.id, partitions.c.min_t, partitions.c.max_t)
    found = []
    for number, least, most in tx.execute(statement):
        if least is None or most is None:  # from before these were kept
            found.append((number, None))
        elif least <= bounds.hi and most >= bounds.lo:
            found.append((number, least if ascending else most))
    unknown = [pair for pair in found if pair[1] is None]
    known = [pair for pair in found if pair[1] is not None]
    known.sort(key=lambda pair: (pair[1], pair[0]), reverse=not ascending)
    return unknown + known


def _heads(
    tx: Connection,
    number: int,
    ascending: bool,
    node_ids: list[int],
    wanted: set[int] | None,
    bounds: _Range,
) -> list[Row]:
    """(node, name, first t within the bounds) of each stream that has any."""
    dialect = tx.dialect.name
    named = wanted is not None and len(wanted) <= _NAMED
    values: dict[str, Any] = {**bounds._asdict(), "nodes": _packed(dialect, node_ids)}
    if named:
        values["names"] = _packed(dialect, sorted(wanted or ()))
    statement = _heads_statement(number, ascending, named, dialect)
    return [row for row in fetch(tx, statement, values) if row[2] is not None]


def _streams(
    tx: Connection, number: int, ascending: bool, heads: list[Row], bounds: _Range, limit: int
) -> list[Row]:
    """At most ``limit`` rows of each of some streams."""
    dialect = tx.dialect.name
    values: dict[str, Any] = {**bounds._asdict(), "most": limit}
    if dialect == "sqlite":
        values |= {"node": heads[0][0], "name": heads[0][1]}
    else:
        values |= {"node": [head[0] for head in heads], "name": [head[1] for head in heads]}
    return fetch(tx, _streams_statement(number, ascending, dialect), values)


def _packed(dialect: str, ids: list[int]) -> Any:
    return json.dumps(ids) if dialect == "sqlite" else ids


def _listed(name: str, dialect: str) -> Any:
    """The integers of a parameter as rows with a column ``value``."""
    if dialect == "sqlite":
        each = func.json_each(bindparam(name, type_=Text)).table_valued("value", name=name)
        return select(each.c.value).subquery()
    array = bindparam(name, type_=postgresql.ARRAY(BigInteger))
    return select(func.unnest(array).label("value")).subquery()


def _within(tables: Partition, ascending: bool) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The conditions of a `_Range` and the order of a page."""
    t, seq = tables.history.c.t, tables.history.c.seq
    edge_t, edge_seq = (
        bindparam("edge_t", type_=BigInteger),
        bindparam("edge_seq", type_=BigInteger),
    )
    # seq + 0: the order comes from (node, name, t), never from the primary key.
    past = (
        or_(t > edge_t, seq + _ZERO > edge_seq)
        if ascending
        else or_(t < edge_t, seq + _ZERO < edge_seq)
    )
    bounds = (
        t >= bindparam("lo", type_=BigInteger),
        t <= bindparam("hi", type_=BigInteger),
        past,
    )
    return bounds, ((t, seq) if ascending else (t.desc(), seq.desc()))


@lru_cache(maxsize=1024)
def _heads_statement(number: int, ascending: bool, named: bool, dialect: str) -> Select[Any]:
    tables = partition_tables(number)
    h = tables.history.c
    nodes = _listed("nodes", dialect)
    if named:
        names = _listed("names", dialect)
        pairs: Any = (
            select(nodes.c.value.label("node"), names.c.value.label("name"))
            .join_from(nodes, names, literal_column("true"))
            .cte("pairs")
        )
    else:

        def first_name(*conditions: Any) -> Any:
            found = select(h.name).where(*conditions).order_by(h.name).limit(_ONE).offset(_ZERO)
            return found.scalar_subquery().label("name")

        seed = select(nodes.c.value.label("node"), first_name(h.node == nodes.c.value))
        pairs = seed.cte("pairs", recursive=True)
        following = first_name(h.node == pairs.c.node, h.name > pairs.c.name)
        pairs = pairs.union_all(select(pairs.c.node, following).where(pairs.c.name.is_not(None)))
    bounds, order = _within(tables, ascending)
    head = (
        select(h.t)
        .where(h.node == pairs.c.node, h.name == pairs.c.name, *bounds)
        .order_by(*order)
        .limit(_ONE)
        .offset(_ZERO)
        .scalar_subquery()
    )
    return select(pairs.c.node, pairs.c.name, head).where(pairs.c.name.is_not(None))


@lru_cache(maxsize=1024)
def _streams_statement(number: int, ascending: bool, dialect: str) -> Select[Any]:
    """SQLite, which is in the process, reads one stream; Postgres several at once."""
    tables = partition_tables(number)
    h = tables.history.c
    bounds, order = _within(tables, ascending)
    rows = select(tables.history).where(*bounds).order_by(*order)
    rows = rows.limit(bindparam("most", type_=Integer)).offset(_ZERO)
    if dialect == "sqlite":
        return rows.where(
            h.node == bindparam("node", type_=BigInteger),
            h.name == bindparam("name", type_=Integer),
        )
    numbers = postgresql.ARRAY(BigInteger)
    listed = func.unnest(bindparam("node", type_=numbers), bindparam("name", type_=numbers))
    pairs = listed.table_valued("node", "name").render_derived(name="pairs")
    each = rows.where(h.node == pairs.c.node, h.name == pairs.c.name).lateral()
    return select(each).select_from(pairs.join(each, literal_column("true")))
