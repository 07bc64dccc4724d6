"""Events asked of a database of their own, and all else of the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cdp.conditions.ast import OF_A_PERSON
from cdp.conditions.sql.events import Events
from cdp.conditions.sql.ever import Ever
from cdp.conditions.sql.known import Kept, Known
from cdp.conditions.sql.ordered import Ordered
from cdp.conditions.sql.people import People
from cdp.conditions.sql.reading import Hole, holes, in_person
from cdp.conditions.sql.sides import Found, Side, exactly
from cdp.events.paths import Path

#: Makes a set that the store selects one that the other database selects.
Bring = Callable[[Side], Side]


class Mixed(Ordered):
    """`People` over a database that has the kept values of events, and whose they are.

    ``known`` is what that database has; ``other`` asks the store, and ``bring`` carries
    its answers over. ``read`` are the numbers of the kept properties that are asked for.
    """

    def __init__(
        self, known: Known, now: int, other: People, bring: Bring, shared: bool = False
    ) -> None:
        super().__init__(known, now, shared)
        self._other, self._bring = other, bring
        self.read: set[int] = set()
        self._events = _Noting(known, now, self.read)

    def _leaf(self, node: Any) -> Found:
        if any(isinstance(item, OF_A_PERSON) for item in holes(node, in_person).values()):
            return super()._leaf(node)
        found = self._other.find(node)
        self.missing |= self._other.missing
        sure = self._bring(found.sure)
        return exactly(sure) if found.exact else Found(sure, self._bring(found.could))

    def reach(self, hole: Hole, item: Any) -> Side:
        if isinstance(item, OF_A_PERSON):
            return super().reach(hole, item)
        side = self._other.reach(hole, item)
        self.missing |= self._other.missing
        return self._bring(side)


class MixedEver(Mixed, Ever):
    """`Ever` over two databases."""


class _Noting(Events):
    """Notes which kept properties are asked for."""

    def __init__(self, known: Known, now: int, read: set[int]) -> None:
        super().__init__(known, now)
        self._read = read

    def _kept(self, event: str, path: Path, start: int, end: int) -> Kept:
        found = super()._kept(event, path, start, end)
        self._read.add(found.id)
        return found
