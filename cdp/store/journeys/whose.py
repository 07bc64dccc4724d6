"""Whose figures a report tells: the runs of a journey, and by which version each went when."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Integer, and_, cast, func, select

from cdp.store.tables import journey_counts, journey_moves, journey_runs, members

#: The move of a run that a launch took along to another version; its exit is the one it left.
MIGRATED = "migrated"
_r = journey_runs.c


class Whose(NamedTuple):
    """The runs that a report is about: of a journey, and perhaps by one of its versions alone.

    ``audience``: those of people alone who are in it now, by its row's number.
    """

    journey: int
    key: str
    version: int | None = None
    audience: int | None = None

    @property
    def all(self) -> bool:
        """Whether no run of the journey is left out."""
        return self.version is None and self.audience is None

    @property
    def runs(self) -> ColumnElement[bool]:
        """As a condition on runs, whatever their version."""
        found = [_r.journey == self.journey]
        if self.audience is not None:
            inside = select(members.c.profile).where(members.c.audience == self.audience)
            found.append(_r.profile.in_(inside))
        return and_(*found)

    @property
    def now(self) -> ColumnElement[bool]:
        """As a condition on runs that go by the version now."""
        return self.runs if self.version is None else and_(self.runs, _r.version == self.version)

    def at_move(self, tx: Connection, move: Any = journey_moves) -> ColumnElement[bool]:
        """As a condition on runs and their moves: they went by the version when they moved."""
        return self._then(tx, lambda later: later.c.id > move.c.id)

    def at(self, tx: Connection, time: ColumnElement[int]) -> ColumnElement[bool]:
        """As a condition on runs: they went by the version at an instant (ms)."""
        return self._then(tx, lambda later: later.c.at > time)

    def _then(
        self, tx: Connection, is_later: Callable[[Any], ColumnElement[bool]]
    ) -> ColumnElement[bool]:
        if self.version is None:
            return self.runs
        return and_(self.runs, version_then(tx, self.journey, is_later) == self.version)


def version_at_move(tx: Connection, journey: int) -> ColumnElement[int]:
    """The version by which a run went when it moved (`journey_moves`)."""
    return version_then(tx, journey, lambda later: later.c.id > journey_moves.c.id)


def version_then(
    tx: Connection, journey: int, is_later: Callable[[Any], ColumnElement[bool]]
) -> ColumnElement[int]:
    """The version by which a run went: the one that it left next after that, else its own."""
    if not _anybody_was_taken_along(tx, journey):
        return _r.version
    later = journey_moves.alias()
    left = (
        select(cast(later.c.exit, Integer))
        .where(later.c.run == _r.id, later.c.what == MIGRATED, is_later(later))
        .order_by(later.c.id)
        .limit(1)
    )
    return func.coalesce(left.scalar_subquery(), _r.version)


def _anybody_was_taken_along(tx: Connection, journey: int) -> bool:
    """Whether there is anything to look for, message by message."""
    c = journey_counts.c
    found = select(c.n).where(c.journey == journey, c.what == MIGRATED).limit(1)
    return tx.execute(found).first() is not None
