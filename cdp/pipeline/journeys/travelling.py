"""One person on their way: their course, and where what is loaded of it came from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from cdp.journeys import Course, Past
from cdp.journeys.moment import moments
from cdp.journeys.run import Run
from cdp.pipeline.audiences.people import Known
from cdp.store.journeys.runs import Placed
from cdp.store.meta import take_numbers

if TYPE_CHECKING:
    from cdp.pipeline.journeys.stage import Travels

#: Runs that enter get their numbers in pieces.
_NUMBERS = 64


class Numbers:
    """Gives numbers to runs."""

    def __init__(self, tx: Connection) -> None:
        self._tx = tx
        self._next = self._end = 0

    def __call__(self) -> int:
        if self._next == self._end:
            self._next = take_numbers(self._tx, "journey_run", _NUMBERS)
            self._end = self._next + _NUMBERS
        self._next += 1
        return self._next - 1


class Travelling:
    """A person's course with where it came from: ``placed`` runs by number, ``new`` ones."""

    def __init__(
        self,
        travels: Travels,
        known: Known,
        person: str,
        placed: Sequence[Placed],
        past: Sequence[Past],
        numbers: Numbers,
    ) -> None:
        self.known = known
        #: The node whose event began each run, where one did.
        self.nodes: dict[int, int] = {}
        self.placed = {item.run.id: item for item in placed}
        self.course = Course(
            travels.plan.journeys,
            person,
            [item.run for item in placed],
            past,
            moments(known.subject, travels.book.asked, person, travels.world),
            numbers,
        )

    def began_by(self, node: int) -> None:
        """Note that what began just now was begun by a node."""
        for run in self.new:
            self.nodes.setdefault(run.id, node)

    @property
    def new(self) -> list[Run]:
        """Runs that began."""
        return [run for id_, run in self.course.changed.items() if id_ not in self.placed]
