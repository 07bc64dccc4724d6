"""The events of many people put together by person, faster than SQLite sorts them.

A list holds a figure for each person, or for each node first. What comes of it goes back as
JSON.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from itertools import compress
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Connection, Select, cast, func, select

from cdp.conditions.sql import Side
from cdp.conditions.sql.aggregates import LIFT
from cdp.conditions.sql.gather import Differs, KeptValue, Test
from cdp.conditions.sql.values import SCALE
from cdp.store.audiences import whose
from cdp.store.audiences.distinct import Distinct
from cdp.store.audiences.whose import listed
from cdp.store.events.homes import decode, listed_by
from cdp.store.events.kept import value_of
from cdp.store.tables import members, trait_values

#: Values of a trait that are looked at one by one.
_DIFFERENT = 2_000
#: Below any number.
_NOTHING = -math.inf
#: Before any time, with a judgement beside it.
_UNSEEN = -(2**63)
#: How many numbers, and above it their sum; a larger one doesn't fit.
_COUNT_BITS = 20
_LARGEST_SUM = 2 ** (62 - _COUNT_BITS)


class Gatherer(Distinct):
    """A `cdp.conditions.sql.gather.Gather` over a store in SQLite, in one transaction."""

    def __init__(self, tx: Connection) -> None:
        super().__init__(tx)
        #: The selects of lists that were made, by `id`, and what is in them.
        self._lists: dict[int, tuple[Select[Any], list[int]]] = {}

    def again(self) -> Gatherer:
        """One for another question, which knows whose the nodes are, if this one does."""
        other = copy(self)
        other._lists = {}
        return other

    def people(self, pieces: Sequence[Any], but: Sequence[Any] = ()) -> Select[Any] | None:
        if self._too_many:
            return None
        there = bytearray(self._profiles + 1)
        for some, is_there in ((pieces, 1), (but, 0)):
            seen = bytearray(self._nodes + 1)
            for own in self._own(some):
                for node in own:
                    seen[node] = 1
            for profile in self._people(seen):
                there[profile] = is_there
        there[0] = 0
        return self._list(list(compress(range(len(there)), there)))

    def people_of(self, accounts: Select[Any], now: int | None) -> Select[Any] | None:
        found = self._people_of(accounts, now)
        return None if found is None else self._list(found)

    def chained(
        self, steps: Sequence[Sequence[Any]], needed: int, test: Test
    ) -> Select[Any] | None:
        found = self._chained(steps, needed, test)
        return None if found is None else self._list(found)

    def values(self, trait: int) -> list[tuple[Any, KeptValue]] | None:
        c = trait_values.c
        rows = select(c.num, c.text, c.json).where(c.trait == trait).distinct()
        found = [(row[0], row[1], row[2]) for row in self._tx.execute(rows.limit(_DIFFERENT + 1))]
        return [(value_of(*row), row) for row in found] if len(found) <= _DIFFERENT else None

    def counts(self, pieces: Sequence[Any]) -> Any:
        if self._too_many:
            return None
        by_node = [0] * (self._nodes + 1)
        for own in self._own(pieces):
            for node in own:
                by_node[node] += 1
        return self._by_person(by_node)

    def sums(self, pieces: Sequence[Any]) -> Any:
        if self._too_many:
            return None
        by_node = [0] * (self._nodes + 1)
        try:
            for own, numbers in self._added(pieces):
                for node, number in zip(own, numbers, strict=True):
                    by_node[node] += number
        except _NotWhole:
            return None
        return self._by_person(by_node)

    def means(self, pieces: Sequence[Any]) -> Any:
        if self._too_many:
            return None
        sums, counts = (array("q", [0]) * (self._profiles + 1) for _ in range(2))
        try:
            for own, numbers in self._added(pieces):
                whose_ = self._whose(own)
                for node, number in zip(own, numbers, strict=True):
                    profile = whose_[node]
                    sums[profile] += number
                    counts[profile] += 1
        except (_NotWhole, OverflowError):
            return None
        if max(counts) >= 2**_COUNT_BITS or max(max(sums), -min(sums)) >= _LARGEST_SUM:
            return None
        both = [k << _COUNT_BITS | n for k, n in zip(sums, counts, strict=True)]
        c = self._table(both).c
        k, n = c.n.bitwise_rshift(_COUNT_BITS), c.n.bitwise_and(2**_COUNT_BITS - 1)
        return select(c.profile, k.label("k"), n.label("n")).cte()

    def ends(self, pieces: Sequence[Any], last: bool) -> tuple[Select[Any] | None, ...] | None:
        if self._too_many:
            return None
        best = array("q", [_UNSEEN]) * (self._profiles + 1)
        way = 1 if last else -1
        for piece in pieces[::way]:
            c = self._of_known(piece)
            arrays = select(func.json_group_array(c.node), func.json_group_array(c.k))
            own, ks = (decode(text)[::way] for text in self._tx.execute(arrays).one())
            whose_ = self._whose(own)
            for node, k in zip(own, ks, strict=True):
                profile = whose_[node]
                if k | 3 >= best[profile]:
                    best[profile] = k
        best[0] = _UNSEEN
        found: tuple[list[int], ...] = ([], [], [], [])
        for profile, k in enumerate(best):
            if k != _UNSEEN:
                found[k & 3].append(profile)
        return tuple(self._list(own) if own else None for own in found[:3])

    def greatest(self, pieces: Sequence[Any]) -> Any:
        return self._farthest(pieces, 1)

    def least(self, pieces: Sequence[Any]) -> Any:
        return self._farthest(pieces, -1)

    def _farthest(self, pieces: Sequence[Any], way: int) -> Any:
        if self._too_many:
            return None
        best = [_NOTHING] * (self._profiles + 1)
        for own, values in self._values(pieces):
            if values is None or (values and type(values[0]) is str):
                return None
            numbers = values if way > 0 else [-value for value in values]
            whose_ = self._whose(own)
            for node, number in zip(own, numbers, strict=True):
                profile = whose_[node]
                if number > best[profile]:
                    best[profile] = number
        found = [0] * (self._profiles + 1)
        for profile, number in enumerate(best):
            if number > _NOTHING:
                k = round(number * SCALE)
                if k / SCALE != number:
                    return None  # it would not come back as the same one
                found[profile] = LIFT + k * way
        return self._table(found)

    def different(self, pieces: Sequence[Any]) -> Any:
        found = self._different(pieces)
        return None if found is None else self._table(found)

    def frequent(self, pieces: Sequence[Any], differs: Differs) -> Select[Any] | None:
        found = self._frequent(pieces, differs)
        return None if found is None else self._list(found)

    def _by_person(self, by_node: list[int]) -> Any:
        found = [0] * (self._profiles + 1)
        for profile, n in zip(self._people(by_node), filter(None, by_node), strict=True):
            found[profile] += n
        return self._table(found)

    @staticmethod
    def _table(found: list[int]) -> Any:
        """Of each profile a figure; whoever has none is left out, and so is nobody, 0."""
        found[0] = 0
        c = listed(found).c
        table = select(cast(c.key, BigInteger).label("profile"), c.value.label("n"))
        return table.where(c.value != 0).cte()

    def _added(self, pieces: Sequence[Any]) -> Iterator[tuple[list[int], list[int]]]:
        """The same of those that have a number, with ``k``; raises `_NotWhole`."""
        for piece in pieces:
            c = self._of_known(piece)
            there: Any = c.num.is_not(None)
            nodes, ks = (func.json_group_array(one).filter(there) for one in (c.node, c.k))
            own, numbers, odd = self._tx.execute(select(nodes, ks, func.count(c.odd))).one()
            try:
                found = decode(numbers)
            except msgspec.ValidationError:  # not all of them have a ``k``
                raise _NotWhole from None
            if odd:
                raise _NotWhole
            yield decode(own), found

    def listed(self, side: Side) -> Side:
        """The same set, found out now, whatever is asked of it."""
        if side.ids is None or id(side.ids) in self._lists:
            return side
        own = self._list(listed_by(self._tx.execute, side.ids.subquery().c.profile))
        return Side(side.all_but, own, None, side.weight)

    def _list(self, numbers: list[int]) -> Select[Any]:
        made = select(listed(numbers).c.value.label("profile"))
        self._lists[id(made)] = made, numbers
        return made

    def shared(self, side: Side, audiences: Iterable[int]) -> list[tuple[int, int]]:
        """(audience, how many of its members are in a listed set), of some audiences."""
        own, m = self._lists[id(side.ids)][1], members.c
        if not side.all_but and len(own) <= whose.FEW:
            # Nothing but the index of profiles is of use then.
            mine = m.profile.in_(select(listed(own).c.value)), (m.audience + 0).in_(audiences)
            counted = select(m.audience, func.count()).where(*mine).group_by(m.audience)
            return [(row[0], row[1]) for row in self._tx.execute(counted)]
        there = bytearray([side.all_but]) * (self._profiles + 1)
        for profile in own:
            there[profile] = not side.all_but
        found = []
        for audience in audiences:
            people = select(m.profile).where(m.audience == audience, m.profile <= self._profiles)
            own = listed_by(self._tx.execute, people.subquery().c.profile)
            found.append((audience, sum(map(there.__getitem__, own))))
        return [(audience, n) for audience, n in found if n]


class _NotWhole(Exception):
    """What is to be added up isn't all whole numbers."""
