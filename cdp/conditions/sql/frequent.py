"""The value that comes most often among the events of each person, as columns to be tested."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, case, func, not_, or_, select

from cdp.conditions.ast import Aggregate
from cdp.conditions.sql.aggregates import (
    Branches,
    Figures,
    homes_of,
    is_listed,
    raw,
    rows_of,
    where_sure,
)
from cdp.conditions.sql.columns import Columns
from cdp.conditions.sql.events import Events
from cdp.conditions.sql.values import EXACT, Const, Number, Text, Unknown

#: Kinds of values in their order (`cdp.conditions.forms.aggregates.order`), and what is left open.
_NUMBER, _TEXT, _TRUTH, _ODD = range(4)


def most_frequent(node: Aggregate, events: Events, collection: int) -> Figures:
    """The most frequent value of each person; of several the first in order.

    The items of lists are left open, as are numbers that no double stands for.
    """
    rows = rows_of(node, events, raw)
    row = rows.table.c
    value = Columns(row.num, row.text, row.json)
    home, who = homes_of(collection)
    whose = home.c.profile
    kind = case(
        (is_listed(value), _ODD), (value.is_number, _NUMBER), (value.is_text, _TEXT), else_=_TRUTH
    )
    number = case((value.is_number, value.num))
    word = case((not_(value.is_number), value.text))
    sure = [rows.sure.label("sure")] if rows.sure is not None else []
    said = (
        select(whose, kind.label("kind"), number.label("number"), word.label("word"), *sure)
        .select_from(rows.table.join(home, home.c.id == row.node))
        # An object is no value of its own.
        .where(*who, or_(value.json.is_(None), is_listed(value)))
        .subquery()
        .c
    )
    each = (said.profile, said.kind, said.number, said.word)
    unsure = [func.sum(1 - said.sure).label("unsure")] if sure else []
    counted = select(*each, func.count().label("n"), *unsure).group_by(*each).subquery()
    c = counted.c
    text = c.word.collate("C") if events.sql.dialect == "postgresql" else c.word
    order = (c.n.desc(), c.kind, c.number, text)
    odd = or_(c.kind == _ODD, func.abs(func.coalesce(c.number, 0.0)) >= float(EXACT))
    over_all = [func.max(case((odd, 1), else_=0)).over(partition_by=c.profile).label("odd")]
    if unsure:
        over_all.append(func.sum(c.unsure).over(partition_by=c.profile).label("unsure_all"))
    place = func.row_number().over(partition_by=c.profile, order_by=order).label("place")
    ranked = select(c.profile, c.kind, c.number, c.word, c.n, place, *over_all).subquery()
    r = ranked.c
    fields = [r.profile, r.kind, r.number, r.word, r.n, r.odd]
    fields += [r.unsure_all.label("unsure")] if unsure else []
    table = select(*fields).where(r.place == 1).cte()
    return Figures(table, where_sure(table, rows, _branches(table.c)), Const(None))


def _branches(c: Any) -> Branches:
    often = and_(c.odd == 0, c.n >= 2)
    return [
        (c.odd > 0, Unknown()),
        (and_(c.odd == 0, c.n < 2), Const(None)),
        (and_(often, c.kind == _NUMBER), Number(c.number, c.number, "json")),
        (and_(often, c.kind == _TEXT), Text(c.word, c.word)),
        (and_(often, c.kind == _TRUTH, c.word == "true"), Const(True)),
        (and_(often, c.kind == _TRUTH, c.word == "false"), Const(False)),
    ]
