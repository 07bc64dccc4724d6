"""Whose the events of many people are, handed over by SQLite as lists.

It gives the nodes of events as one JSON list for each partition, in a tenth of a microsecond
an event, and so it does for whose nodes are. Where the events are of few nodes only those are
looked up.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Connection, bindparam, column, func, select

from cdp.store.events.homes import all_homes, decode, listed_by
from cdp.store.tables import homes, nodes

#: Nodes from which on the homes of all are read, instead of theirs alone.
FEW = 20_000
#: Numbers of nodes and profiles up to which there is a list with a place for each (80 MB).
MOST = 10_000_000
_encode = msgspec.json.Encoder().encode


class Whose:
    """Whose the events of selects of ``node`` are, in one transaction of a store in SQLite."""

    def __init__(self, tx: Connection) -> None:
        self._tx = tx
        c = nodes.c
        # One by one: so each is a look at the end of an index.
        self._nodes, self._profiles = (
            tx.execute(select(func.max(last))).scalar() or 0 for last in (c.id, c.profile)
        )
        self._homes: array[int] | None = None

    @property
    def _too_many(self) -> bool:
        """Whether a list with a place for each would be too large."""
        return max(self._nodes, self._profiles) > MOST

    def _own(self, pieces: Sequence[Any]) -> Iterator[list[int]]:
        """The nodes of the events, a partition at a time."""
        for piece in pieces:
            c = self._of_known(piece)
            yield listed_by(self._tx.execute, c.node)

    def _of_known(self, piece: Any) -> Any:
        return piece.where(piece.selected_columns.node <= self._nodes).subquery().c

    def _whose(self, own: list[int]) -> Any:
        """By the number of a node its profile, of these at least."""
        if self._homes is None:
            some = set(own)
            if len(some) <= FEW:
                return dict.fromkeys(some, 0) | self._homes_of(list(some))
            self._homes = all_homes(self._tx, self._nodes)
        return self._homes

    def _people(self, seen: Any) -> Iterable[int]:
        """The profiles of the nodes that are seen, in the order of these."""
        if self._homes is None:
            own = list(compress(range(len(seen)), seen))
            if len(own) <= FEW:
                there = self._homes_of(own)
                return [there.get(node, 0) for node in own]
            self._homes = all_homes(self._tx, self._nodes)
        return compress(self._homes, seen)

    def _homes_of(self, own: list[int]) -> dict[int, int]:
        c = homes.c
        arrays = select(func.json_group_array(c.id), func.json_group_array(c.profile))
        found = self._tx.execute(arrays.where(c.id.in_(select(listed(own).c.value)))).one()
        return dict(zip(*map(decode, found), strict=True))


def listed(numbers: list[int]) -> Any:
    """A table of these numbers: ``key``, from 0, and ``value``."""
    text: Any = bindparam(None, _encode(numbers).decode(), unique=True)
    columns = column("key", BigInteger), column("value", BigInteger)
    return func.json_each(text).table_valued(*columns)
