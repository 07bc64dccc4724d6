"""Which messages have been taken already, by (source, messageId).

One ever-growing index of random hashes would slow down with age, so the index is
cut into parts of a million messages, of which only the newest is written. To ask
them all would slow down too: a repeat carries the client's own time unchanged, so
each part notes the ten-minute slots of client time that occur in it, and a message
is looked up only in the parts that know its slot, and in the newest two (for the
rare repeat whose time was changed). A message without a time has a slot of its own.

What was taken last is *hot*: remembered as a whole, and kept as one small row a
micro-batch. When there are `HOT` of them they are laid in order, and cool down `ROW` by
`ROW` into the newest part while others come: each page of it is written once for very many
messages, not once for nearly each of them, and no micro-batch has to wait for all of it.

When each part was begun is noted, too, so that one whose messages all came long
enough ago can be dropped as a whole.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, delete, func, insert, select, update

from cdp.store import meta
from cdp.store.bulk import chunks, insert_many, select_by
from cdp.store.tables import dedupe_hot, dedupe_slots, dedupe_table

SLOT_MS = 600_000
PART_SIZE = 1_000_000
HOT, ROW = 50_000, 1_000
#: How many cool down for each that comes.
_FASTER = 2
NO_TIME = -(2**40)
_BEGUN = "dedupe_parts_begun"


#: Hashes of messages, by the slots of their times.
Slots = Mapping[int, Sequence[int]]


def slot_of(client_t: int | None) -> int:
    """The ten-minute slot of the client's time in ms, if it gave one."""
    return NO_TIME if client_t is None else client_t // SLOT_MS


def by_slot(hashes: Iterable[int], client_times: Iterable[int | None]) -> dict[int, list[int]]:
    """Hashes of messages by the slots of the times that clients gave."""
    slots: dict[int, list[int]] = {}
    for hash_, client_t in zip(hashes, client_times, strict=True):
        slots.setdefault(slot_of(client_t), []).append(hash_)
    return slots


class DedupeIndex:
    """What the owner of the pipeline remembers of the index between micro-batches.

    It is read once; a rolled-back transaction makes it stale, so make a new one.
    """

    def __init__(self, tx: Connection, part_size: int = PART_SIZE) -> None:
        self._part_size = part_size
        self._slots: dict[int, set[int]] = {}
        self._newest = 0
        for slot, part in tx.execute(select(dedupe_slots.c.slot, dedupe_slots.c.part)):
            self._slots.setdefault(slot, set()).add(part)
            self._newest = max(self._newest, part)
        self._hot = {hash_ for _, hashes in _hot_rows(tx) for hash_ in hashes}
        #: Rows of what cools down, which is known as long as it is there, and how much that is.
        self._cooling: list[tuple[int, tuple[int, ...]]] = []
        self._ordered: set[int] = set()
        self._filled = self._count(tx) + len(self._hot) if self._newest else part_size

    def _count(self, tx: Connection) -> int:
        table = dedupe_table(self._newest)
        return int(tx.execute(select(func.count()).select_from(table)).scalar() or 0)

    def known(self, tx: Connection, slots: Slots) -> set[int]:
        """The hashes among those of ``slots`` that were taken before."""
        ask: dict[int, list[int]] = {}
        recent = {self._newest, self._newest - 1} - {0, -1}
        found: set[int] = set()
        for slot, hashes in slots.items():
            for part in self._slots.get(slot, set()) | recent:
                ask.setdefault(part, []).extend(hashes)
            found.update(self._hot.intersection(hashes), self._ordered.intersection(hashes))
        for part, hashes in ask.items():
            column = dedupe_table(part).c.hash
            found.update(row[0] for row in select_by(tx, (column,), column, hashes))
        return found

    def add(self, tx: Connection, slots: Slots, now: int) -> None:
        """Remember the hashes of ``slots``, none of which is known."""
        hashes = [hash_ for some in slots.values() for hash_ in some]
        if not hashes:
            return
        if self._filled >= self._part_size:
            self._order(tx)
            self._cool(tx, len(self._cooling))
            self._newest += 1
            self._filled = 0
            dedupe_table(self._newest).create(tx)
            _put_begun(tx, {**_begun(tx), self._newest: now})
        part = self._newest
        new = {slot for slot in slots if part not in self._slots.get(slot, ())}
        insert_many(tx, dedupe_slots, ("slot", "part"), [(slot, part) for slot in new])
        for slot in new:
            self._slots.setdefault(slot, set()).add(part)
        tx.execute(insert(dedupe_hot), {"hashes": _packed(hashes)})
        self._hot.update(hashes)
        self._filled += len(hashes)
        if len(self._hot) >= HOT:
            self._order(tx)
        self._cool(tx, -(-_FASTER * len(hashes) // ROW))

    def _order(self, tx: Connection) -> None:
        """Lay all that is hot in order; from now on it cools down."""
        self._ordered |= self._hot
        left = [hash_ for _, hashes in self._cooling for hash_ in hashes]
        hashes = sorted(self._hot.union(left))
        tx.execute(delete(dedupe_hot))
        self._hot, self._cooling = set(), []
        for some in chunks(hashes, ROW):
            row = tx.execute(
                insert(dedupe_hot).returning(dedupe_hot.c.id), {"hashes": _packed(some)}
            )
            self._cooling.append((row.scalar_one(), tuple(some)))
        self._cooling.reverse()

    def _cool(self, tx: Connection, rows: int) -> None:
        """Put so many rows of what cools down into the newest part."""
        for _ in range(min(rows, len(self._cooling))):
            id_, hashes = self._cooling.pop()
            insert_many(tx, dedupe_table(self._newest), ("hash",), [(one,) for one in hashes])
            tx.execute(delete(dedupe_hot).where(dedupe_hot.c.id == id_))
        if not self._cooling:
            self._ordered = set()


def _packed(hashes: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(hashes)}q", *hashes)


def _hot_rows(tx: Connection) -> list[tuple[int, tuple[int, ...]]]:
    """The hashes of each row of what is hot."""
    rows = tx.execute(select(dedupe_hot.c.id, dedupe_hot.c.hashes))
    return [(id_, struct.unpack(f"<{len(data) // 8}q", data)) for id_, data in rows]


def forget(tx: Connection, hashes: Iterable[int]) -> None:
    """Let the messages of ``hashes`` be taken as new ones, should they come again."""
    gone = set(hashes)
    for part in tx.execute(select(dedupe_slots.c.part).distinct()).scalars().all():
        table = dedupe_table(part)
        for some in chunks(sorted(gone)):
            tx.execute(delete(table).where(table.c.hash.in_(some)))
    for id_, kept in _hot_rows(tx):
        left = [hash_ for hash_ in kept if hash_ not in gone]
        if len(left) < len(kept):
            row = dedupe_hot.c.id == id_
            tx.execute(update(dedupe_hot).where(row).values(hashes=_packed(left)))


def drop_past(tx: Connection, before: int) -> list[int]:
    """Drop the parts whose messages all came before ``before``, but for the newest two.

    A message that is repeated after that is taken as a new one. Returns the parts' numbers.
    """
    begun = _begun(tx)
    past = max((part for part, at in begun.items() if at < before), default=0)
    parts = sorted(tx.execute(select(dedupe_slots.c.part).distinct()).scalars())
    # All of a part came before the next one was begun.
    gone = [part for part in parts[:-2] if part < past]
    for part in gone:
        dedupe_table(part).drop(tx, checkfirst=True)
    for some in chunks(gone):
        tx.execute(delete(dedupe_slots).where(dedupe_slots.c.part.in_(some)))
    _put_begun(tx, {part: at for part, at in begun.items() if part not in gone})
    return gone


def _begun(tx: Connection) -> dict[int, int]:
    """When the parts were begun (ms), as far as that is known."""
    return {int(part): at for part, at in json.loads(meta.get(tx, _BEGUN) or "{}").items()}


def _put_begun(tx: Connection, begun: dict[int, int]) -> None:
    meta.put(tx, _BEGUN, json.dumps(begun))
