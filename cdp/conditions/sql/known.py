"""What SQL may stand on: which values are kept, of which time, and where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Select, case, func, literal, select, union_all

from cdp.conditions.lists import NO_LISTS, Lists
from cdp.events.paths import Path
from cdp.store.tables import USERS, member_changes, members


class Part(NamedTuple):
    """A partition of the history, and the event times in it (None: any)."""

    number: int
    first_seq: int
    min_t: int | None
    max_t: int | None

    def touches(self, start: int, end: int) -> bool:
        """Whether it may hold events from ``start`` to ``end``, both included."""
        if self.min_t is None or self.max_t is None:
            return True
        return self.min_t <= end and start <= self.max_t


class Kept(NamedTuple):
    """A kept path of an event; see `cdp.store.events.kept.KeptProperty`."""

    id: int
    backfilled_to: int
    backfill_until: int


class KeptTrait(NamedTuple):
    """A kept trait, and the latest event time of a message that set it of anybody."""

    id: int
    latest: int


class Past(NamedTuple):
    """What tells who was in an audience at an instant: ``live`` is the id of its version now
    (None: archived or gone), ``rows`` those of all; changes from ``first`` on may be later."""

    live: int | None
    rows: tuple[int, ...]
    first: int

    def was_in(self, at: int) -> Select[Any]:
        """Who was in it at ``at`` (ms): who is in now, and back from there.

        Where profiles became one, somebody was in as often as they had entered more than left.
        """
        m, c = members.c, member_changes.c
        back = case((c.entered, -1), else_=1)
        both = union_all(
            select(m.profile, literal(1).label("n")).where(m.audience == self.live),
            select(c.profile, back).where(
                c.audience.in_(self.rows), c.seq >= self.first, c.at > at
            ),
        ).subquery()
        was = select(both.c.profile).group_by(both.c.profile).having(func.sum(both.c.n) > 0)
        return select(was.subquery().c.profile)


class Known(NamedTuple):
    """What is kept for SQL to see, read in the transaction in which the select will run."""

    dialect: str
    parts: tuple[Part, ...] = ()
    properties: Mapping[tuple[str, Path], Kept] = {}
    #: Paths below ``traits`` of which the current values are kept.
    traits: Mapping[Path, KeptTrait] = {}
    #: The same of accounts.
    of_accounts: Mapping[Path, KeptTrait] = {}
    #: The id of the live version of each audience.
    audiences: Mapping[str, int] = {}
    #: Where it is asked of an earlier time: how each audience came to be what it is.
    pasts: Mapping[str, Past] = {}
    #: Uploaded lists: the number of the values of each, and how to look into them here.
    uploaded: Mapping[str, int] = {}
    lists: Lists = NO_LISTS
    #: The id of the live version of each computed trait that a query works out.
    measured: Mapping[str, int] = {}
    collection: int = USERS

    def parts_of(self, start: int, end: int) -> list[Part]:
        """The partitions that may hold events from ``start`` to ``end``."""
        return [part for part in self.parts if part.touches(start, end)]

    def complete(self, kept: Kept, start: int, end: int) -> bool:
        """Whether all values of events from ``start`` to ``end`` are kept."""
        if kept.backfilled_to >= kept.backfill_until:
            return True
        ends = [part.first_seq for part in self.parts[1:]] + [kept.backfill_until]
        return not any(
            part.touches(start, end)
            for part, stop in zip(self.parts, ends, strict=False)
            if stop > kept.backfilled_to and part.first_seq < kept.backfill_until
        )
