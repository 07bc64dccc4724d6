"""Events put together by person in memory, and all else by the store.

A database sorts the events of everybody to count those of each person. Where it hands them
over as they lie, that takes a fraction of the time; what comes of it goes back as a list.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Float,
    Select,
    and_,
    case,
    cast,
    false,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.sql.elements import False_, True_

from cdp.conditions.ast import Aggregate, Compare
from cdp.conditions.person import Evaluator, Person
from cdp.conditions.sql.aggregates import LIFT, Figures, raw, rows_of, to_add_up
from cdp.conditions.sql.chained import Chained
from cdp.conditions.sql.columns import Columns
from cdp.conditions.sql.events import Rows, when
from cdp.conditions.sql.gather import Gather, KeptValue
from cdp.conditions.sql.reading import Hole
from cdp.conditions.sql.sides import NOBODY, Found, Side, complement, exactly
from cdp.conditions.sql.state import EVER, RECENT, SOME
from cdp.conditions.sql.tests import split
from cdp.conditions.sql.values import (
    SCALE,
    Abstract,
    Const,
    Distinct,
    Fixed,
    Json,
    Moment,
    Number,
    Sql,
)
from cdp.store.tables import trait_values

#: Whether a value meets a test.
_NO, _PERHAPS, _YES = 0, 1, 2
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


class Gathered(Chained):
    """`People` with a `Gather` to put events together, where they surely are the ones meant."""

    def _who(self, rows: Rows, weight: int, sure: bool = False) -> Side:
        pieces = [_sure(piece) for piece in rows.pieces] if sure else rows.pieces
        ids = self._gather.people(pieces)
        if ids is None:
            return super()._who(rows, weight, sure)
        return self._listed(ids, weight)

    def _trait(self, node: Any, hole: tuple[str, ...]) -> Found:
        """What SQL can't tell of a text or number is asked of each value once, if they are few."""
        trait = self._known.traits.get(hole[1:])
        if trait is None or trait.latest > self._now or self._is_plain(node, hole):
            return super()._trait(node, hole)
        values = self._gather.values(trait.id)
        if values is None:
            return super()._trait(node, hole)
        c, otherwise = trait_values.c, self._of_nobody(node)
        differ = [
            row for value, row in values if self._of_value(node, hole, value) is not otherwise
        ]
        ids = select(c.profile).where(c.trait == trait.id, _one_of(differ))
        return exactly(Side(otherwise, ids, weight=SOME))

    def _is_plain(self, node: Any, hole: tuple[str, ...]) -> bool:
        """Whether SQL can tell it of whatever is no list, object or very large number."""
        c = trait_values.c
        values = [value for _, value in Columns(c.num, c.text, c.json, c.ms).branches()]
        return all(self._read(node, hole, v).exact for v in values if not isinstance(v, Json))

    def _of_value(self, node: Any, hole: tuple[str, ...], value: Any) -> bool:
        for key in reversed(hole[2:]):
            value = {key: value}
        person = Person(traits={hole[1]: [(self._now, value)]})
        return Evaluator(person, self._now, None, self._known.lists).holds(node)

    def _people_of(self, accounts: Select[Any], now: int | None = None) -> Select[Any]:
        ids = self._gather.people_of(accounts, now)
        return super()._people_of(accounts, now) if ids is None else select(ids.cte().c.profile)

    def _one(self, node: Any, hole: Hole, item: Any) -> Found | None:
        if type(item) is Aggregate and item.fn in ("first", "last"):
            way = self._before_or_after if item.of is None else self._at_end
            found = way(node, hole, item)
            if found is not None:
                return found
        if type(item) is Aggregate and item.fn == "most_frequent":
            return self._most_frequent(node, hole, item)
        return super()._one(node, hole, item)

    def _before_or_after(self, node: Any, hole: Hole, item: Aggregate) -> Found | None:
        """Whose first or last event is before or after a time: whether any is, or none."""
        if type(node) is not Compare or self._of_nobody(node):
            return None
        op = node.op if node.left is item else _TURNED.get(node.op)
        if op not in _TURNED:
            return None
        rows = rows_of(item, self._events, lambda c: {"t": c.t})
        yes, no = [], []
        for piece in rows.pieces:
            c = piece.subquery().c
            test = self._read(node, hole, Moment(c.t))
            if not test.exact or rows.sure is not None:
                return None
            if not isinstance(test.sure, False_):
                yes.append(select(c.node).where(test.sure))
            if not isinstance(test.sure, True_):
                no.append(select(c.node).where(not_(test.sure)))
        # It holds of the latest one as soon as it holds of any, where it is about being later.
        any_does = (item.fn == "last") is (op in (">", ">="))
        ids = self._gather.people(yes, () if any_does else no)
        weight = EVER if item.window is None else RECENT
        return None if ids is None else exactly(self._listed(ids, weight))

    def _at_end(self, node: Any, hole: Hole, item: Aggregate) -> Found | None:
        """Whose first or last value meets the test: each is judged before they are put together."""
        rows = rows_of(item, self._events, lambda c: {**when(c), **raw(c)})
        if rows.sure is not None:
            return None
        last, pieces = item.fn == "last", []
        for piece in rows.pieces:
            c = piece.subquery().c
            branches = Columns(c.num, c.text, c.json).branches()
            test = split((guard, self._read(node, hole, value)) for guard, value in branches)
            judged = case((test.sure, _YES), (test.could, _PERHAPS), else_=_NO)
            k = (c.t if last else -c.t) * 4 + judged
            pieces.append(select(c.node, k.label("k")).order_by(c.seq))
        found = self._gather.ends(pieces, last)
        if found is None:
            return None
        weight = EVER if item.window is None else RECENT
        sides = [self._listed(ids, weight) if ids is not None else NOBODY for ids in found]
        no, perhaps, yes = sides
        if self._of_nobody(node):
            sure, could = self.sets.any_of([no, perhaps]), no
            both = Found(complement(sure), complement(could))
        else:
            both = Found(yes, self.sets.any_of([yes, perhaps]))
        return both if perhaps.ids is not None else exactly(both.sure)

    def _most_frequent(self, node: Any, hole: Hole, item: Aggregate) -> Found | None:
        """Whose most frequent value meets the test: each different one is asked of once."""
        rows, otherwise = self._rows(item, _raw), self._of_nobody(node)

        def differs(value: Any) -> bool | None:
            holds = self._read(node, hole, Const(value)).constant
            return None if holds is None else holds is not otherwise

        ids = self._gather.frequent(rows.pieces, differs) if rows.sure is None else None
        if ids is None:
            return None
        side = self._listed(ids, EVER if item.window is None else RECENT)
        return exactly(side._replace(all_but=otherwise))

    def _figures(self, item: Aggregate) -> Figures | None:
        way = _WAYS.get(item.fn)
        if way is not None and (item.of is None) is (way.carry is None):
            rows = self._rows(item, way.carry)
            table = way.gathered(self._gather, rows.pieces) if rows.sure is None else None
            if table is not None:
                return Figures(table, [(true(), way.value(table.c))], way.none)
        return super()._figures(item)

    def _rows(self, item: Aggregate, carry: _Carry | None) -> Rows:
        if carry is None:
            return self._events.rows(item.event, item.window)
        return rows_of(item, self._events, lambda c: carry(c, self._sql))


def _one_of(rows: Sequence[KeptValue]) -> ColumnElement[bool]:
    """Whether a row of kept values is one of these."""
    c = trait_values.c
    lone = and_(c.num.is_(None), c.json.is_(None))
    numbers = [text for num, text, _ in rows if num is not None]
    texts = [text for num, text, _ in rows if num is None and text is not None]
    return or_(
        and_(c.num.is_not(None), c.text.in_(numbers)),
        and_(lone, c.text.in_(texts)),
        c.json.in_([raw for _, _, raw in rows if raw is not None]),
        and_(lone, c.text.is_(None)) if (None, None, None) in rows else false(),
    )


def _sure(piece: Any) -> Any:
    c = piece.subquery().c
    return select(c.node).where(c.sure == 1)


def _raw(c: Any, sql: Sql) -> dict[str, Any]:
    return raw(c)


def _scaled(k: Any) -> Number:
    number = cast(k, Float) / float(SCALE)
    return Number(number, number, "least")


_Carry = Callable[[Any, Sql], dict[str, Any]]


class _Way(NamedTuple):
    """How a figure is ``gathered``, its ``value`` by the columns of that, and that of anybody
    else. ``carry`` is what is needed of an event."""

    gathered: Callable[[Gather, Sequence[Any]], Any]
    value: Callable[[Any], Abstract]
    none: Const
    carry: _Carry | None = None


_WAYS = {
    "count": _Way(lambda g, of: g.counts(of), lambda c: Number(c.n, c.n, "int"), Const(0)),
    "sum": _Way(lambda g, of: g.sums(of), lambda c: Fixed(c.n), Const(Decimal(0)), to_add_up),
    "avg": _Way(lambda g, of: g.means(of), lambda c: Fixed(c.k, c.n), Const(None), to_add_up),
    "min": _Way(lambda g, of: g.least(of), lambda c: _scaled(c.n - LIFT), Const(None), _raw),
    "max": _Way(lambda g, of: g.greatest(of), lambda c: _scaled(c.n - LIFT), Const(None), _raw),
    "unique": _Way(lambda g, of: g.different(of), lambda c: Distinct(c.n), Const([]), _raw),
}
