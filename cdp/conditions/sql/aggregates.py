"""Figures over the events of each person, as columns that a test can be made of.

Rows are counted by node first, since the events of one are many and its profile is one.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Float,
    Subquery,
    and_,
    case,
    cast,
    func,
    not_,
    or_,
    select,
    true,
)

from cdp.conditions.ast import Aggregate
from cdp.conditions.sql.columns import Columns
from cdp.conditions.sql.events import Events, Rows
from cdp.conditions.sql.tests import Bool
from cdp.conditions.sql.values import (
    EXACT,
    SCALE,
    Abstract,
    Const,
    Distinct,
    Fixed,
    Moment,
    Number,
    Unknown,
)
from cdp.store.tables import USERS, nodes

Expr = ColumnElement[Any]
Branches = list[tuple[Bool, Abstract]]
#: A sum of doubles is off by less than this share of what was added, for each number.
_ERROR = 1e-15
#: Larger numbers are not added up as whole ones: the sum of very many would overflow.
_LARGE = 1e8


class Figures(NamedTuple):
    """A row for each person who has such events: ``table`` has ``profile`` and what
    ``branches`` are about. ``none`` is the value of anybody else."""

    table: Subquery
    branches: Branches
    none: Const


class Measure(NamedTuple):
    """A figure of a node's rows, and how those of a person's nodes are put together."""

    name: str
    of_rows: Expr
    together: Callable[[Any], Any]


def figures(node: Aggregate, events: Events, collection: int) -> Figures | None:
    """The figures of an aggregate; None where SQL has none for it."""
    if node.fn == "count":
        return _count(events.rows(node.event, node.window), collection)
    if node.of is None:
        return _time(node.fn, events.rows(node.event, node.window), collection)
    of = node.of.parts
    if node.fn in ("sum", "avg"):
        return _sum(node.fn, events.rows(node.event, node.window, of), collection)
    if node.fn in ("min", "max"):
        return _extreme(node.fn, events.rows(node.event, node.window, of), collection)
    if node.fn in ("first", "last"):
        return _end(node.fn, events.rows(node.event, node.window, of, order=True), collection)
    if node.fn == "unique":
        return _unique(events.rows(node.event, node.window, of), collection)
    return None


def people_of(rows: Rows, collection: int, *where: Any) -> Any:
    """The profiles whose events ``rows`` are, each once."""
    own = select(rows.table.c.node).where(*where)
    return select(nodes.c.profile).where(nodes.c.id.in_(own), *_of(collection)).distinct()


def _of(collection: int) -> list[Any]:
    """Conditions on nodes; almost all are people's, so that these are not looked for."""
    others = [nodes.c.collection == collection] if collection != USERS else []
    return [nodes.c.profile != 0, *others]


def _by_person(rows: Rows, measures: list[Measure], collection: int) -> Subquery:
    table = rows.table
    by_node = (
        select(table.c.node, *(m.of_rows.label(m.name) for m in measures))
        .group_by(table.c.node)
        .subquery()
    )
    return (
        select(nodes.c.profile, *(m.together(by_node.c[m.name]).label(m.name) for m in measures))
        .select_from(by_node.join(nodes, nodes.c.id == by_node.c.node))
        .where(*_of(collection))
        .group_by(nodes.c.profile)
        .subquery()
    )


def _total(condition: Any) -> Expr:
    return func.sum(case((condition, 1), else_=0))


def _unsure(rows: Rows) -> list[Measure]:
    """How many rows are open, if any can be."""
    if rows.sure is None:
        return []
    return [Measure("unsure", func.sum(1 - rows.sure), func.sum)]


def _where_sure(table: Subquery, rows: Rows, branches: Branches) -> Branches:
    """The branches of those of whom no row is open; of others nothing is known."""
    if rows.sure is None:
        return branches
    return [
        (table.c.unsure > 0, Unknown()),
        *((and_(table.c.unsure == 0, guard), value) for guard, value in branches),
    ]


def _count(rows: Rows, collection: int) -> Figures:
    measures = [Measure("n", func.count(), func.sum)]
    if rows.sure is not None:
        measures.append(Measure("lo", func.sum(rows.sure), func.sum))
    table = _by_person(rows, measures, collection)
    n = _whole(table.c.n)
    lo = n if rows.sure is None else _whole(table.c.lo)
    return Figures(table, [(true(), Number(lo, n, "int"))], Const(0))


def _whole(column: Any) -> Expr:
    """Postgres adds whole numbers up to decimals, which SQLAlchemy would not compare so."""
    return cast(column, BigInteger)


def _time(fn: str, rows: Rows, collection: int) -> Figures:
    pick = func.min if fn == "first" else func.max
    measures = [Measure("t", pick(rows.table.c.t), pick), *_unsure(rows)]
    table = _by_person(rows, measures, collection)
    branches: Branches = [(true(), Moment(table.c.t))]
    return Figures(table, _where_sure(table, rows, branches), Const(None))


def _value(rows: Rows) -> Columns:
    assert rows.value is not None
    return rows.value


def _is_odd(value: Columns) -> Bool:
    """A number that no double is near to."""
    return and_(value.json.is_not(None), func.substr(value.json, 1, 1).not_in(("[", "{", '"')))


def _sum(fn: str, rows: Rows, collection: int) -> Figures:
    value = _value(rows)
    num = value.num
    scaled = case((func.abs(num) < _LARGE, cast(func.round(num * SCALE), BigInteger)))
    # A double with four decimals at the most is the nearest one to a whole number of them.
    fine = and_(value.is_number, func.abs(num) < _LARGE, cast(scaled, Float) / float(SCALE) == num)
    if rows.sure is not None:
        fine = and_(fine, rows.sure == 1)
    number = case((value.is_number, num), else_=0.0)
    sure = number if rows.sure is None else case((rows.sure == 1, number), else_=0.0)
    measures = [
        Measure("n", _total(value.is_number), func.sum),
        Measure("k", func.sum(case((fine, scaled), else_=0)), func.sum),
        Measure("rough", _total(and_(value.is_number, ~fine)), func.sum),
        Measure("odd", _total(_is_odd(value)), func.sum),
        Measure("s", func.sum(sure), func.sum),
        Measure("a", func.sum(func.abs(number)), func.sum),
    ]
    if rows.sure is not None:
        open_ = case((rows.sure == 0, number), else_=0.0)
        measures += [
            Measure("less", func.sum(case((open_ < 0, open_), else_=0.0)), func.sum),
            Measure("more", func.sum(case((open_ > 0, open_), else_=0.0)), func.sum),
            *_unsure(rows),
        ]
    table = _by_person(rows, measures, collection)
    c = table.c
    k, n, s = _whole(c.k), _whole(c.n), cast(c.s, Float)
    margin = (cast(c.n, Float) + 4.0) * _ERROR * cast(c.a, Float)
    less = cast(c.less, Float) if rows.sure is not None else 0.0
    more = cast(c.more, Float) if rows.sure is not None else 0.0
    is_fine, is_rough = and_(c.odd == 0, c.rough == 0), and_(c.odd == 0, c.rough > 0)
    odd = (c.odd > 0, Unknown())
    if fn == "sum":
        between = Number(s + less - margin, s + more + margin, "decimal")
        branches: Branches = [odd, (is_fine, Fixed(k)), (is_rough, between)]
        return Figures(table, branches, Const(Decimal(0)))
    safe = case((n == 0, 1.0), else_=cast(n, Float))
    mean = Number((s - margin) / safe, (s + margin) / safe, "decimal")
    branches = [
        odd,
        (and_(is_fine, n == 0), Const(None)),
        (and_(is_fine, n > 0), Fixed(k, n)),
        (is_rough, mean),
    ]
    return Figures(table, _where_sure(table, rows, branches), Const(None))


def _extreme(fn: str, rows: Rows, collection: int) -> Figures:
    value = _value(rows)
    pick = func.min if fn == "min" else func.max
    measures = [
        Measure("m", pick(case((value.is_number, value.num))), pick),
        # Without numbers texts may be times; of a number beyond all doubles nothing is known.
        Measure("texts", _total(value.is_text), func.sum),
        Measure("odd", _total(_is_odd(value)), func.sum),
        *_unsure(rows),
    ]
    table = _by_person(rows, measures, collection)
    c = table.c
    branches: Branches = [
        (c.odd > 0, Unknown()),
        (and_(c.odd == 0, c.m.is_not(None)), Number(c.m, c.m, "least")),
        (and_(c.odd == 0, c.m.is_(None), c.texts > 0), Unknown()),
        (and_(c.odd == 0, c.m.is_(None), c.texts == 0), Const(None)),
    ]
    return Figures(table, _where_sure(table, rows, branches), Const(None))


def _end(fn: str, rows: Rows, collection: int) -> Figures:
    """The value of the first or last event that has one; of one time position decides."""
    t, seq = rows.table.c.t, rows.table.c.seq
    order = (t, seq) if fn == "first" else (t.desc(), seq.desc())
    whose = nodes.c.profile
    unsure = []
    if rows.sure is not None:
        unsure = [func.sum(1 - rows.sure).over(partition_by=whose).label("unsure")]
    ranked = (
        select(
            whose,
            rows.table.c.num,
            rows.table.c.text,
            rows.table.c.json,
            func.row_number().over(partition_by=whose, order_by=order).label("place"),
            *unsure,
        )
        .select_from(rows.table.join(nodes, nodes.c.id == rows.table.c.node))
        .where(*_of(collection))
        .subquery()
    )
    table = select(ranked).where(ranked.c.place == 1).subquery()
    value = Columns(table.c.num, table.c.text, table.c.json)
    return Figures(table, _where_sure(table, rows, value.branches()), Const(None))


def _unique(rows: Rows, collection: int) -> Figures:
    """How many different values there are, of each kind; the items of lists are left open."""
    value = _value(rows)
    whose = nodes.c.profile
    truth = and_(value.num.is_not(None), value.text.in_(("true", "false")))
    table = (
        select(
            whose,
            _different(value.is_number, value.num).label("numbers"),
            _different(value.is_text, value.text).label("texts"),
            _different(truth, value.text).label("truths"),
            _total(_is_listed(value)).label("odd"),
            func.max(func.abs(value.num)).label("most"),
            *([func.sum(1 - rows.sure).label("unsure")] if rows.sure is not None else []),
        )
        .select_from(rows.table.join(nodes, nodes.c.id == rows.table.c.node))
        .where(*_of(collection))
        .group_by(whose)
        .subquery()
    )
    c = table.c
    n = _whole(c.numbers + c.texts + c.truths)
    plain = and_(c.odd == 0, or_(c.most.is_(None), c.most < float(EXACT)))
    branches: Branches = [(not_(plain), Unknown()), (plain, Distinct(n))]
    return Figures(table, _where_sure(table, rows, branches), Const([]))


def _different(condition: Any, value: Any) -> Expr:
    return func.count(case((condition, value)).distinct())


def _is_listed(value: Columns) -> Bool:
    """JSON but for objects, which are no values of a list."""
    return and_(value.json.is_not(None), func.substr(value.json, 1, 1) != "{")
