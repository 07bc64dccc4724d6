"""Figures over the events of each person, as columns that a test can be made of.

Rows are counted by node first, since the events of one are many and its profile is one.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Float,
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
from cdp.conditions.sql.events import Carry, Events, Rows, when
from cdp.conditions.sql.tests import Bool, all_hold
from cdp.conditions.sql.values import (
    EXACT,
    SCALE,
    Abstract,
    Const,
    Distinct,
    Fixed,
    Moment,
    Number,
    Sql,
    Unknown,
)
from cdp.store.tables import USERS, homes, nodes

Expr = ColumnElement[Any]
Branches = list[tuple[Bool, Abstract]]
#: A sum of doubles is off by less than this share of what was added, for each number.
_ERROR = 1e-15
#: Larger numbers are not added up as whole ones: the sum of very many would overflow.
LARGE = 1e8
#: So far up none of them is below zero.
LIFT = 2**41


class Figures(NamedTuple):
    """A row for each person who has such events: ``table`` has ``profile`` and what
    ``branches`` are about. ``none`` is the value of anybody else."""

    table: CTE
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
        return _time(node, events, collection)
    if node.fn in ("sum", "avg"):
        return _sum(node, events, collection)
    if node.fn in ("min", "max"):
        return _extreme(node, events, collection)
    if node.fn in ("first", "last"):
        return _end(node, events, collection)
    return _unique(node, events, collection) if node.fn == "unique" else None


def rows_of(node: Aggregate, events: Events, carry: Carry) -> Rows:
    """The events whose figure is asked for."""
    of = node.of.parts if node.of is not None else None
    return events.rows(node.event, node.window, of, carry)


def raw(c: Any) -> dict[str, Expr]:
    """The value as it is kept."""
    return {"num": c.num, "text": c.text, "json": c.json}


def people_of(rows: Rows, collection: int, dialect: str, *where: Any) -> Any:
    """The profiles whose events ``rows`` are, each once."""
    own = select(rows.table.c.node).where(*where)
    home, whose = homes_of(collection)
    if dialect == "postgresql":
        # It takes them for few, and would go through all of them for each node.
        few = own.distinct().subquery()
        among = home.join(few, few.c.node == home.c.id)
        return select(home.c.profile).select_from(among).where(*whose).distinct()
    return select(home.c.profile).where(home.c.id.in_(own), *whose).distinct()


def homes_of(collection: int) -> tuple[Any, list[Any]]:
    """Where to look up whose nodes are, and conditions on them; almost all are people's."""
    if collection == USERS:
        return homes, [homes.c.profile != 0]
    return nodes, [nodes.c.profile != 0, nodes.c.collection == collection]


def _by_person(rows: Rows, measures: list[Measure], collection: int) -> CTE:
    table = rows.table
    home, whose = homes_of(collection)
    by_node = (
        select(table.c.node, *(m.of_rows.label(m.name) for m in measures))
        .group_by(table.c.node)
        .subquery()
    )
    return (
        select(home.c.profile, *(m.together(by_node.c[m.name]).label(m.name) for m in measures))
        .select_from(by_node.join(home, home.c.id == by_node.c.node))
        .where(*whose)
        .group_by(home.c.profile)
        .cte()
    )


def _total(condition: Any) -> Expr:
    return func.sum(case((condition, 1), else_=0))


def _unsure(rows: Rows) -> list[Measure]:
    """How many rows are open, if any can be."""
    if rows.sure is None:
        return []
    return [Measure("unsure", func.sum(1 - rows.sure), func.sum)]


def where_sure(table: CTE, rows: Rows, branches: Branches) -> Branches:
    """The branches of those of whom no row is open; of others nothing is known."""
    if rows.sure is None:
        return branches
    return [
        (table.c.unsure > 0, Unknown()),
        *((all_hold([table.c.unsure == 0, guard]), value) for guard, value in branches),
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


def _time(node: Aggregate, events: Events, collection: int) -> Figures:
    rows = rows_of(node, events, lambda c: {"t": c.t})
    pick = func.min if node.fn == "first" else func.max
    measures = [Measure("t", pick(rows.table.c.t), pick), *_unsure(rows)]
    table = _by_person(rows, measures, collection)
    branches: Branches = [(true(), Moment(table.c.t))]
    return Figures(table, where_sure(table, rows, branches), Const(None))


def _is_odd(value: Columns) -> Bool:
    """A number that no double is near to."""
    return and_(value.json.is_not(None), func.substr(value.json, 1, 1).not_in(("[", "{", '"')))


def to_add_up(c: Any, sql: Sql) -> dict[str, Expr]:
    """What is added up of a kept row: ``num``; ``k``, which is ``num`` as a whole number of
    its fourth decimals, if it is one; ``odd`` is 1 where the value may be no number."""
    small = and_(c.num > -LARGE, c.num < LARGE)
    # Cut, not rounded, which takes SQLite long.
    cut = sql.cut(c.num * float(SCALE) + (LIFT + 0.5))
    scaled = cast(cut, BigInteger) - LIFT
    # A double with four decimals at the most is the nearest one to a whole number of them.
    fine = cast(scaled, Float) / float(SCALE) == c.num
    # What is true or false has a number, too; what is no scalar may be one beyond doubles.
    odd = or_(c.json.is_not(None), and_(c.num.is_not(None), _is_truth(c.text)))
    return {"num": c.num, "k": case((small, case((fine, scaled)))), "odd": case((odd, 1))}


def _sum(node: Aggregate, events: Events, collection: int) -> Figures:
    rows = rows_of(node, events, lambda c: to_add_up(c, events.sql))
    row = rows.table.c
    num: Any = row.num
    k_of: Any = row.k
    open_: Any = None
    if rows.sure is not None:
        num, k_of = case((rows.sure == 1, row.num)), case((rows.sure == 1, row.k))
        open_ = case((rows.sure == 0, row.num))
    measures = [
        Measure("n", func.count(num), func.sum),
        Measure("fine", func.count(k_of), func.sum),
        Measure("k", func.sum(k_of), func.sum),
        Measure("odd", func.count(row.odd), func.sum),
        Measure("s", func.sum(num), func.sum),
        Measure("a", func.sum(func.abs(row.num)), func.sum),
    ]
    if open_ is not None:
        measures += [
            Measure("less", func.sum(case((open_ < 0, open_))), func.sum),
            Measure("more", func.sum(case((open_ > 0, open_))), func.sum),
            *_unsure(rows),
        ]
    table = _by_person(rows, measures, collection)
    c = table.c
    k, n, s = _whole(_or_none(c.k)), _whole(c.n), cast(_or_none(c.s), Float)
    margin = (cast(c.n, Float) + 4.0) * _ERROR * cast(_or_none(c.a), Float)
    less: Any = 0.0
    more: Any = 0.0
    is_fine = and_(c.odd == 0, c.fine == c.n)
    if open_ is not None:
        less, more = cast(_or_none(c.less), Float), cast(_or_none(c.more), Float)
        is_fine = and_(is_fine, c.unsure == 0)
    is_rough, odd = and_(c.odd == 0, not_(is_fine)), (c.odd > 0, Unknown())
    if node.fn == "sum":
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
    return Figures(table, where_sure(table, rows, branches), Const(None))


def _is_truth(text: Expr) -> Bool:
    """Whether a text reads true or false."""
    return or_(text == "true", text == "false")


def _or_none(column: Any) -> Expr:
    return func.coalesce(column, 0)


def _extreme(node: Aggregate, events: Events, collection: int) -> Figures:
    def carry(c: Any) -> dict[str, Expr]:
        value = Columns(c.num, c.text, c.json)
        return {
            "num": case((value.is_number, c.num)),
            "word": case((value.is_text, 1)),
            "odd": case((_is_odd(value), 1)),
        }

    rows = rows_of(node, events, carry)
    row = rows.table.c
    pick = func.min if node.fn == "min" else func.max
    measures = [
        Measure("m", pick(row.num), pick),
        # Without numbers texts may be times; of a number beyond all doubles nothing is known.
        Measure("texts", func.count(row.word), func.sum),
        Measure("odd", func.count(row.odd), func.sum),
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
    return Figures(table, where_sure(table, rows, branches), Const(None))


def _end(node: Aggregate, events: Events, collection: int) -> Figures:
    """The value of the first or last event that has one; of one time position decides."""
    rows = rows_of(node, events, lambda c: {**when(c), **raw(c)})
    t, seq = rows.table.c.t, rows.table.c.seq
    order = (t, seq) if node.fn == "first" else (t.desc(), seq.desc())
    home, who = homes_of(collection)
    whose = home.c.profile
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
        .select_from(rows.table.join(home, home.c.id == rows.table.c.node))
        .where(*who)
        .subquery()
    )
    table = select(ranked).where(ranked.c.place == 1).cte()
    value = Columns(table.c.num, table.c.text, table.c.json)
    return Figures(table, where_sure(table, rows, value.branches()), Const(None))


def _unique(node: Aggregate, events: Events, collection: int) -> Figures:
    """How many different values there are, of each kind; the items of lists are left open."""
    rows = rows_of(node, events, raw)
    value = Columns(rows.table.c.num, rows.table.c.text, rows.table.c.json)
    home, who = homes_of(collection)
    whose = home.c.profile
    truth = and_(value.num.is_not(None), _is_truth(value.text))
    table = (
        select(
            whose,
            _different(value.is_number, value.num).label("numbers"),
            _different(value.is_text, value.text).label("texts"),
            _different(truth, value.text).label("truths"),
            _total(is_listed(value)).label("odd"),
            func.max(func.abs(value.num)).label("most"),
            *([func.sum(1 - rows.sure).label("unsure")] if rows.sure is not None else []),
        )
        .select_from(rows.table.join(home, home.c.id == rows.table.c.node))
        .where(*who)
        .group_by(whose)
        .cte()
    )
    c = table.c
    n = _whole(c.numbers + c.texts + c.truths)
    plain = and_(c.odd == 0, or_(c.most.is_(None), c.most < float(EXACT)))
    branches: Branches = [(not_(plain), Unknown()), (plain, Distinct(n))]
    return Figures(table, where_sure(table, rows, branches), Const([]))


def _different(condition: Any, value: Any) -> Expr:
    return func.count(case((condition, value)).distinct())


def is_listed(value: Columns) -> Bool:
    """JSON but for objects, which are no values of a list."""
    return and_(value.json.is_not(None), func.substr(value.json, 1, 1) != "{")
