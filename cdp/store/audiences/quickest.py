"""Who meets a condition, found out in the quickest way that there is, for who waits for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection

from cdp.conditions.sql import Found
from cdp.conditions.sql.gathered import Gathered
from cdp.conditions.sql.sides import exactly
from cdp.store.audiences.gathering import Gatherer
from cdp.store.audiences.matching import Matches, known, match, match_large
from cdp.store.events import columnar
from cdp.store.tables import USERS

logger = structlog.get_logger(__name__)

T = TypeVar("T")


class Quickest:
    """Who meets a condition at ``now`` (ms), by the quickest way, for several questions.

    It is found out once: by DuckDB where that is worth it, else by the store. ``past``: of
    audiences, who was in them at that time.
    """

    def __init__(
        self, tx: Connection, condition: Any, now: int, collection: int = USERS, past: bool = False
    ) -> None:
        self.tx, self.condition, self.now, self.collection = tx, condition, now, collection
        self.past = past
        self._made: Matches | None = None
        self._gatherer: Gatherer | None = None

    def at(self, now: int) -> Quickest:
        """The same question at an earlier time, in which what is known by now is of use."""
        other = Quickest(self.tx, self.condition, now, self.collection, past=True)
        other._gatherer = self._gatherer.again() if self._gatherer is not None else None
        return other

    def _gathered(self) -> Matches:
        asked = (self.tx, self.condition, self.now, self.collection)
        made = match_gathered(*asked, self._gatherer, self.past)
        self._gatherer = made.gatherer
        return made

    def ask(self, make: Callable[[Matches], T]) -> T:
        """What ``make`` makes of the matches."""
        asked = (self.tx, self.condition, self.now, self.collection)
        try:
            self._made = self._made or match_large(*asked, self.past) or self._gathered()
            return make(self._made)
        except columnar.Unreadable as error:
            logger.warning("columns_not_read", error=str(error))
            self._made = self._gathered()
            return make(self._made)


def match_gathered(
    tx: Connection,
    condition: Any,
    now: int,
    collection: int = USERS,
    gatherer: Gatherer | None = None,
    past: bool = False,
) -> Matches:
    """The same with the events of many put together in memory, in which SQLite is slow.

    For questions that somebody waits for: it takes up to 100 MB. Who it is has been listed,
    so that more can be asked of them. Postgres is asked as ever. ``gatherer`` has seen to
    another question in this transaction.
    """
    if tx.dialect.name != "sqlite" or collection != USERS:
        return match(tx, condition, now, collection, past)
    seen, gatherer = known(tx, collection, now if past else None), gatherer or Gatherer(tx)
    people = Gathered(seen, now, gatherer)
    found = people.find(condition)
    sure = gatherer.listed(found.sure)
    found = exactly(sure) if found.exact else Found(sure, gatherer.listed(found.could))
    return Matches(people, found, collection, frozenset(people.missing), tx.execute, gatherer)
