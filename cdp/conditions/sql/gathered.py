"""Events put together by person in memory, and all else by the store.

A database sorts the events of everybody to count those of each person. Where it hands them
over as they lie, that takes a fraction of the time; what comes of it goes back as a list.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Protocol

from sqlalchemy import Select, not_, select, true
from sqlalchemy.sql.elements import False_, True_

from cdp.conditions.ast import Aggregate, Compare
from cdp.conditions.sql.aggregates import Figures, rows_of, to_add_up
from cdp.conditions.sql.events import Rows
from cdp.conditions.sql.known import Known
from cdp.conditions.sql.people import EVER, RECENT, People
from cdp.conditions.sql.reading import Hole
from cdp.conditions.sql.sides import Found, Side, exactly
from cdp.conditions.sql.values import Const, Fixed, Moment, Number

_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


class Gather(Protocol):
    """Puts together events that selects of ``node`` give; None where only the database can."""

    def people(self, pieces: Sequence[Any], but: Sequence[Any] = ()) -> Select[Any] | None:
        """The profiles with such events but none of ``but``, as the one column ``profile``."""

    def counts(self, pieces: Sequence[Any]) -> Any:
        """A table with ``profile`` and how many are its, ``n``."""

    def sums(self, pieces: Sequence[Any]) -> Any:
        """The same with the sum of what `to_add_up` gives of them; zeros may be left out."""


class Gathered(People):
    """`People` with a `Gather` to put events together, where they surely are the ones meant."""

    def __init__(self, known: Known, now: int, gather: Gather, shared: bool = False) -> None:
        super().__init__(known, now, shared)
        self._gather = gather

    def _who(self, rows: Rows, weight: int, *where: Any) -> Side:
        ids = self._gather.people(rows.pieces) if not where else None
        if ids is None:
            return super()._who(rows, weight, *where)
        return self._listed(ids, weight)

    def _listed(self, ids: Any, weight: int) -> Side:
        return Side(False, select(ids.cte().c.profile) if self._shared else ids, weight=weight)

    def _one(self, node: Any, hole: Hole, item: Any) -> Found | None:
        if type(item) is Aggregate and item.of is None and item.fn in ("first", "last"):
            found = self._before_or_after(node, hole, item)
            if found is not None:
                return found
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

    def _figures(self, item: Aggregate) -> Figures | None:
        table: Any = None
        if item.fn == "count":
            rows = self._events.rows(item.event, item.window)
            table = self._gather.counts(rows.pieces) if rows.sure is None else None
            if table is not None:
                return Figures(table, [(true(), Number(table.c.n, table.c.n, "int"))], Const(0))
        elif item.fn == "sum" and item.of is not None:
            rows = rows_of(item, self._events, lambda c: to_add_up(c, self._sql))
            table = self._gather.sums(rows.pieces) if rows.sure is None else None
            if table is not None:
                return Figures(table, [(true(), Fixed(table.c.n))], Const(Decimal(0)))
        return super()._figures(item)
