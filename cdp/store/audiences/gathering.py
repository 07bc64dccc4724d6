"""The events of many people put together by person, faster than SQLite sorts them.

It hands over whose they are as one JSON list for each partition, in a tenth of a
microsecond an event, and so it does for whose nodes are; a list holds a figure for each
node, and then for each person. What comes of it goes back as JSON. Where the events are of
few nodes only those are looked up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from itertools import compress
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Connection, Select, bindparam, cast, column, func, select

from cdp.conditions.sql import Side
from cdp.store.tables import homes, members, nodes

#: Nodes from which on the homes of all are read, instead of theirs alone.
FEW = 20_000
#: Numbers of nodes and profiles up to which there is a list with a place for each (80 MB).
MOST = 10_000_000
_decode = msgspec.json.Decoder(list[int]).decode
_encode = msgspec.json.Encoder().encode


class Gatherer:
    """A `cdp.conditions.sql.gathered.Gather` over a store in SQLite, in one transaction."""

    def __init__(self, tx: Connection) -> None:
        self._tx = tx
        c = nodes.c
        # One by one: so each is a look at the end of an index.
        self._nodes, self._profiles = (
            tx.execute(select(func.max(last))).scalar() or 0 for last in (c.id, c.profile)
        )
        self._homes: list[int] | None = None
        #: The selects of lists that were made, by `id`, and what is in them.
        self._lists: dict[int, tuple[Select[Any], list[int]]] = {}

    @property
    def _too_many(self) -> bool:
        """Whether a list with a place for each would be too large."""
        return max(self._nodes, self._profiles) > MOST

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
            for (own,) in self._columns(some, "node"):
                for node in own:
                    seen[node] = 1
            for profile in self._people(seen):
                there[profile] = is_there
        there[0] = 0
        return self._list(list(compress(range(len(there)), there)))

    def counts(self, pieces: Sequence[Any]) -> Any:
        if self._too_many:
            return None
        by_node = [0] * (self._nodes + 1)
        for (own,) in self._columns(pieces, "node"):
            for node in own:
                by_node[node] += 1
        return self._by_person(by_node)

    def sums(self, pieces: Sequence[Any]) -> Any:
        if self._too_many:
            return None
        by_node = [0] * (self._nodes + 1)
        try:
            for own, numbers in self._columns(pieces, "node", "k"):
                for node, number in zip(own, numbers, strict=True):
                    by_node[node] += number
        except _NotWhole:
            return None
        return self._by_person(by_node)

    def listed(self, side: Side) -> Side:
        """The same set, found out now, whatever is asked of it."""
        if side.ids is None or id(side.ids) in self._lists:
            return side
        own = self._list(self._numbers(side.ids.subquery().c.profile))
        return Side(side.all_but, own, None, side.weight)

    def _list(self, numbers: list[int]) -> Select[Any]:
        made = select(_listed(numbers).c.value.label("profile"))
        self._lists[id(made)] = made, numbers
        return made

    def shared(self, side: Side, audiences: Iterable[int]) -> list[tuple[int, int]]:
        """(audience, how many of its members are in a listed set), of some audiences."""
        own, m = self._lists[id(side.ids)][1], members.c
        if not side.all_but and len(own) <= FEW:
            # Nothing but the index of profiles is of use then.
            mine = m.profile.in_(select(_listed(own).c.value)), (m.audience + 0).in_(audiences)
            counted = select(m.audience, func.count()).where(*mine).group_by(m.audience)
            return [(row[0], row[1]) for row in self._tx.execute(counted)]
        there = bytearray([side.all_but]) * (self._profiles + 1)
        for profile in own:
            there[profile] = not side.all_but
        found = []
        for audience in audiences:
            people = select(m.profile).where(m.audience == audience, m.profile <= self._profiles)
            own = self._numbers(people.subquery().c.profile)
            found.append((audience, sum(map(there.__getitem__, own))))
        return [(audience, n) for audience, n in found if n]

    def _numbers(self, value: Any) -> list[int]:
        return _decode(self._tx.execute(select(func.json_group_array(value))).scalar_one())

    def _by_person(self, by_node: list[int]) -> Any:
        found = [0] * (self._profiles + 1)
        for profile, n in zip(self._people(by_node), filter(None, by_node), strict=True):
            found[profile] += n
        found[0] = 0
        c = _listed(found).c
        table = select(cast(c.key, BigInteger).label("profile"), c.value.label("n"))
        return table.where(c.value != 0).cte()

    def _columns(self, pieces: Sequence[Any], *names: str) -> Iterator[list[list[int]]]:
        """Columns of the events, a partition at a time."""
        for piece in pieces:
            c = piece.where(piece.selected_columns.node <= self._nodes).subquery().c
            values = [func.coalesce(c[name], 0) if name == "k" else c[name] for name in names]
            arrays: list[Any] = [func.json_group_array(value) for value in values]
            if "k" in names:
                arrays.append(func.count(c.num) - func.count(c.k) + func.count(c.odd))
            texts = list(self._tx.execute(select(*arrays)).one())
            if "k" in names and texts.pop():
                raise _NotWhole
            yield [_decode(text) for text in texts]

    def _people(self, seen: Any) -> Iterable[int]:
        """The profiles of the nodes that are seen, in the order of these."""
        if self._homes is None:
            own = list(compress(range(len(seen)), seen))
            if len(own) <= FEW:
                there = self._homes_of(own)
                return [there.get(node, 0) for node in own]
            self._homes = self._all_homes()
        return compress(self._homes, seen)

    def _all_homes(self) -> list[int]:
        """By the number of a node, its profile; 0: none."""
        c = homes.c
        ordered = select(c.id, c.profile).order_by(c.id).subquery().c
        array = func.json_group_array(ordered.profile)
        text, count = self._tx.execute(select(array, func.count())).one()
        profiles: list[int] = _decode(text)
        if count == self._nodes:  # no number is left out
            return [0, *profiles]
        text = self._tx.execute(select(func.json_group_array(ordered.id))).scalar_one()
        found = [0] * (self._nodes + 1)
        for node, profile in zip(_decode(text), profiles, strict=True):
            found[node] = profile
        return found

    def _homes_of(self, own: list[int]) -> dict[int, int]:
        c = homes.c
        arrays = select(func.json_group_array(c.id), func.json_group_array(c.profile))
        found = self._tx.execute(arrays.where(c.id.in_(select(_listed(own).c.value)))).one()
        return dict(zip(*map(_decode, found), strict=True))


class _NotWhole(Exception):
    """What is to be added up isn't all whole numbers."""


def _listed(numbers: list[int]) -> Any:
    """A table of these numbers: ``key``, from 0, and ``value``."""
    text: Any = bindparam(None, _encode(numbers).decode(), unique=True)
    columns = column("key", BigInteger), column("value", BigInteger)
    return func.json_each(text).table_valued(*columns)
