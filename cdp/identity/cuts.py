"""Cuts: what a person has decided never belongs together.

A cut has two sides, each some identifiers. No profile may hold identifiers of both
sides; the fold keeps to that before all facts, so a link that was undone does not come
back by a replay or by new events.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from cdp.identity.identifiers import Identifier


class Cut(NamedTuple):
    """A cut between identifiers of one collection; ``left`` was taken out of ``right``."""

    number: int
    collection: int
    left: frozenset[Identifier]
    right: frozenset[Identifier]


class Cuts:
    """The cuts of one collection, by identifier."""

    def __init__(self, cuts: Iterable[Cut] = ()) -> None:
        self._sides: dict[Identifier, list[tuple[int, int]]] = {}
        for cut in cuts:
            for side, members in enumerate((cut.left, cut.right)):
                for identifier in members:
                    self._sides.setdefault(identifier, []).append((cut.number, side))

    def __bool__(self) -> bool:
        return bool(self._sides)

    def broken(self, ids: Iterable[Identifier]) -> int | None:
        """The lowest number of a cut of which ``ids`` holds both sides; None if there is none."""
        seen: dict[int, int] = {}
        found: int | None = None
        for number, side in self._of(ids):
            if seen.setdefault(number, side) != side and (found is None or number < found):
                found = number
        return found

    def _of(self, ids: Iterable[Identifier]) -> Iterator[tuple[int, int]]:
        for identifier in ids:
            yield from self._sides.get(identifier, ())


NO_CUTS = Cuts()
