"""One thing after another, by windows over the events of each person in their order.

For databases that sort many rows quickly. Events of one time are in the order of their
positions; a row that is one of each kind is no neighbour of itself.
"""

from __future__ import annotations

from collections.abc import Sequence as Items
from typing import Any

from sqlalchemy import and_, case, func, literal, not_, or_, select, true, union_all

from cdp.conditions.ast import Changed, Followed, Sequence, Value
from cdp.conditions.sql.aggregates import homes_of, raw
from cdp.conditions.sql.columns import Columns
from cdp.conditions.sql.events import Rows, bounds, when
from cdp.conditions.sql.people import People, trait_of
from cdp.conditions.sql.sides import Found, Side, exactly
from cdp.conditions.sql.state import SOME
from cdp.conditions.sql.tests import Bool
from cdp.conditions.sql.values import EXACT
from cdp.store.tables import MAX_TEXT

_VALUE = ("num", "text", "json")


class Ordered(People):
    """`People` over such a database."""

    def _followed(self, item: Followed) -> Found:
        first, then = self._events.in_turn(item)
        if first.sure is not None or then.sure is not None:
            return super()._followed(item)
        if not item.negated:
            return exactly(_people(self._next(self._of_people(first), then, item.ms)))
        both = _both(self._of_people(first), self._of_people(then)).c
        next_ = _over(both, func.min(case((both.is_first == 0, both.t))), (1, None))
        looked = select(both.profile, both.t, both.is_first, next_.label("next")).subquery().c
        late = or_(looked.next.is_(None), looked.next - looked.t > item.ms)
        return exactly(_people(select(looked.profile).where(looked.is_first == 1, late)))

    def _sequence(self, item: Sequence) -> Found:
        steps = self._events.in_turn(item)
        if any(rows.sure is not None for rows in steps):
            return super()._sequence(item)
        ends = self._of_people(steps[0])
        for rows, step in zip(steps[1:], item.steps[1:], strict=True):
            ends = self._next(ends, rows, step.within)
        return exactly(_people(ends))

    def _next(self, ends: Any, then: Rows, ms: int | None) -> Any:
        """The events of ``then`` before which one of ``ends`` was, at most ``ms`` before it."""
        both = _both(ends, self._of_people(then)).c
        last = _over(both, func.max(case((both.is_first == 1, both.t))), (None, -1))
        columns = both.profile, both.t, both.seq, both.is_first
        looked = select(*columns, last.label("last")).subquery().c
        in_time = looked.last.is_not(None) if ms is None else looked.t - looked.last <= ms
        return select(looked.profile, looked.t, looked.seq).where(looked.is_first == 0, in_time)

    def _changed(self, item: Changed) -> Found:
        start, end, sure = bounds(item.window, self._now)
        tests = [_is(value) for value in (item.before, item.after)]
        if sure > start or None in tests:
            return super()._changed(item)
        was, became = tests
        assert was is not None and became is not None
        parts = trait_of(item)
        if len(parts) != 2:
            return super()._changed(item)
        rows = self._events.said(parts, None, _said)
        own = self._of_people(rows, *_VALUE).subquery()
        order = (own.c.t, own.c.seq)
        before = [
            func.lag(own.c[name])
            .over(partition_by=own.c.profile, order_by=order)
            .label(f"old_{name}")
            for name in _VALUE
        ]
        moved = select(own.c.profile).where(own.c.t >= start, own.c.t <= end)
        some = [own.c.profile.in_(moved)] if item.window is not None else []
        both = select(own, *before).where(*some).subquery().c
        old = Columns(*(both[f"old_{name}"] for name in _VALUE))
        new = Columns(*(both[name] for name in _VALUE))
        meant = (both.t >= start, both.t <= end, was(old), became(new))
        could, surely = (
            _people(select(both.profile).where(*meant, differ)) for differ in _differ(old, new)
        )
        return Found(surely, could)

    def _of_people(self, rows: Rows, *more: str) -> Any:
        """The events with whose they are: ``profile``, ``t``, ``seq`` and more."""
        home, who = homes_of(self._known.collection)
        c = rows.table.c
        return (
            select(home.c.profile, c.t, c.seq, *(c[name] for name in more))
            .select_from(rows.table.join(home, home.c.id == c.node))
            .where(*who)
        )


def _people(found: Any) -> Side:
    """The people of some events, each once."""
    ids = select(select(found.subquery().c.profile).distinct().cte().c.profile)
    return Side(False, ids, weight=SOME)


def _said(c: Any) -> dict[str, Any]:
    """A trait that was taken away is null."""
    return {**when(c), **raw(c), "json": func.nullif(c.json, "null")}


def _both(first: Any, then: Any) -> Any:
    """Events of two kinds in one table; ``is_first`` says of which a row is."""
    kinds = [(first.subquery().c, 1), (then.subquery().c, 0)]
    return union_all(
        *(select(c.profile, c.t, c.seq, literal(kind).label("is_first")) for c, kind in kinds)
    ).subquery()


def _over(both: Any, figure: Any, rows: tuple[int | None, int | None]) -> Any:
    """A figure over a person's rows before or after each. Of a row that is of both kinds the
    one that is not first comes first."""
    order = both.t, both.seq, both.is_first
    return figure.over(partition_by=both.profile, order_by=order, rows=rows)


def _is(value: Value | None) -> Any:
    """Whether columns are a value, if one is said; None where SQL can't tell."""
    if value is None:
        return lambda c: true()
    of = value.value
    if of is None:
        return lambda c: c.is_null
    if type(of) is bool:
        return lambda c: and_(c.num.is_not(None), c.text == ("true" if of else "false"))
    if type(of) is str and len(of) <= MAX_TEXT:
        return lambda c: and_(c.is_text, c.text == of)
    if isinstance(of, int | float) and abs(of) < EXACT:
        return lambda c: and_(c.is_number, c.num == float(of))
    return None


def _differ(old: Columns, new: Columns) -> Items[Bool]:
    """Whether two values could be different, and whether they surely are. Lists, objects, long
    texts and very large numbers may be the same though they are written otherwise."""
    pairs = (old.num, new.num), (old.text, new.text), (old.json, new.json)
    apart = or_(*(one.is_distinct_from(other) for one, other in pairs))
    numbers = and_(old.is_number, new.is_number)
    near = and_(numbers, old.num == new.num)
    small = func.abs(func.coalesce(new.num, 0.0)) < float(EXACT)
    plain = and_(old.json.is_(None), new.json.is_(None))
    return and_(apart, not_(and_(near, small))), and_(apart, not_(near), plain)
