"""Sets of people as selects of their ids, and what ``and``, ``or`` and ``not`` make of them.

A set is kept as the few that are in it, or as the few that are not: what holds of
somebody of whom nothing is known decides which. So ``not performed("X")`` never lists
everybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Label,
    Select,
    exists,
    literal,
    literal_column,
    not_,
    or_,
    select,
    union,
)

#: SQLite reads so many selects inside of each other, and terms in a row, and not many more.
_DEEP, _LONG = 3, 200

Ids = Select[Any]
Probe = Callable[[ColumnElement[Any]], ColumnElement[bool]]


class Side(NamedTuple):
    """A set of people: those whom ``ids`` selects, or all but them.

    ``ids`` has one column, ``profile``, each once; None selects nobody. ``probe`` says of
    one id whether it is among them, where that is less work than a list. ``weight`` is how
    many they may be, roughly: what is put together begins with the smallest. ``depth`` is
    how far selects are nested in it.
    """

    all_but: bool
    ids: Ids | None
    probe: Probe | None = None
    weight: int = 1
    depth: int = 1


NOBODY = Side(False, None)
EVERYONE = Side(True, None)


def complement(side: Side) -> Side:
    """Who is not in it."""
    return side._replace(all_but=not side.all_but)


def id_of(ids: Ids) -> ColumnElement[Any]:
    """The column of a select of ids, to be asked more of."""
    found = next(iter(ids.selected_columns))
    return found.element if isinstance(found, Label) else found


class Sets(NamedTuple):
    """How sets are put together on a database."""

    dialect: str

    def among(self, side: Side, id_: ColumnElement[Any]) -> ColumnElement[bool]:
        """Whether an id is one of those that are selected."""
        assert side.ids is not None
        if side.probe is not None:
            return side.probe(id_)
        if self.dialect == "sqlite":
            # Not by an index: it would go through all pairs of two lists in it.
            id_ = id_ + literal_column("0")
        return id_.in_(side.ids.correlate(None))

    def outside(self, side: Side, id_: ColumnElement[Any]) -> ColumnElement[bool]:
        """Whether an id is none of those that are selected."""
        assert side.ids is not None
        if side.probe is not None or self.dialect == "sqlite":
            return not_(self.among(side, id_))
        # Postgres makes a join of it, where it would look through a list each time.
        found = side.ids.correlate(None).subquery()
        return not_(exists(select(literal(1)).where(found.c.profile == id_)))

    def all_of(self, sides: Iterable[Side]) -> Side:
        """Who is in each of them."""
        items = list(sides)
        inside = [item for item in items if not item.all_but]
        outside = [item for item in items if item.all_but and item.ids is not None]
        if any(item.ids is None for item in inside):
            return NOBODY
        if not inside:
            return complement(self._any_of(outside))
        inside.sort(key=lambda item: item.weight)
        first, others = inside[0], inside[1:]
        if not others and not outside:
            return first
        assert first.ids is not None
        # Not around it: what is asked of each is asked before repeats are sorted out.
        ids, rest = first.ids, [*others, *outside]
        for start in range(0, len(rest), _LONG):
            ids = _apart(ids) if start else ids
            id_ = id_of(ids)
            ids = ids.where(
                *(
                    self.outside(item, id_) if item.all_but else self.among(item, id_)
                    for item in rest[start : start + _LONG]
                )
            )
        return _flat(Side(False, ids, None, first.weight, 1 + _depth(inside + outside)))

    def any_of(self, sides: Iterable[Side]) -> Side:
        """Who is in any of them."""
        return complement(self.all_of(complement(side) for side in sides))

    def _any_of(self, sides: Sequence[Side]) -> Side:
        """Of such as select somebody, whatever they mean by it: whom any selects."""
        if not sides:
            return NOBODY
        if len(sides) == 1:
            return sides[0]._replace(all_but=False)
        if len(sides) > _LONG:
            pieces = [sides[i : i + _LONG] for i in range(0, len(sides), _LONG)]
            joined = [self._any_of(piece) for piece in pieces]
            apart = [Side(False, _apart(side.ids), None, side.weight) for side in joined]
            return self._any_of(apart)
        parts = [select(side.ids.subquery().c.profile) for side in sides if side.ids is not None]
        found = union(*parts).subquery()
        probe: Probe | None = None
        if all(side.probe is not None for side in sides):

            def probe(id_: ColumnElement[Any]) -> ColumnElement[bool]:
                return or_(*(self.among(side, id_) for side in sides))

        weight = sum(side.weight for side in sides)
        return _flat(Side(False, select(found.c.profile), probe, weight, 1 + _depth(sides)))


def _depth(sides: Sequence[Side]) -> int:
    return max(side.depth for side in sides)


def _flat(side: Side) -> Side:
    """The set with a name before the whole statement, where it is nested too deeply."""
    if side.depth <= _DEEP:
        return side
    return Side(side.all_but, _apart(side.ids), None, side.weight)


def _apart(ids: Ids | None) -> Ids:
    assert ids is not None
    return select(ids.cte().c.profile)


class Found(NamedTuple):
    """Who surely meets a condition, and who could; one object where SQL decides exactly."""

    sure: Side
    could: Side

    @property
    def exact(self) -> bool:
        """Whether nobody is left to decide on."""
        return self.sure is self.could


def exactly(side: Side) -> Found:
    """A set that SQL decides."""
    return Found(side, side)
