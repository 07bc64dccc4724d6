"""Which messages have been taken already, by (source, messageId).

One ever-growing index of random hashes would slow down with age, so the index is
cut into parts of a million messages, of which only the newest is written. To ask
them all would slow down too: a repeat carries the client's own time unchanged, so
each part notes the ten-minute slots of client time that occur in it, and a message
is looked up only in the parts that know its slot, and in the newest two (for the
rare repeat whose time was changed). A message without a time has a slot of its own.

When each part was begun is noted, too, so that one whose messages all came long
enough ago can be dropped as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, select

from cdp.store import meta
from cdp.store.bulk import chunks, insert_many, select_by
from cdp.store.tables import dedupe_slots, dedupe_table

SLOT_MS = 600_000
PART_SIZE = 1_000_000
NO_TIME = -(2**40)
_BEGUN = "dedupe_parts_begun"


class Key(NamedTuple):
    """A message to look up: its hash and the client's time in ms, if it gave one."""

    hash: int
    client_t: int | None

    @property
    def slot(self) -> int:
        """The ten-minute slot of the client's time."""
        return NO_TIME if self.client_t is None else self.client_t // SLOT_MS


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
        self._filled = self._count(tx) if self._newest else part_size

    def _count(self, tx: Connection) -> int:
        table = dedupe_table(self._newest)
        return int(tx.execute(select(func.count()).select_from(table)).scalar() or 0)

    def known(self, tx: Connection, keys: Iterable[Key]) -> set[int]:
        """The hashes among ``keys`` that were taken before."""
        of_slot: dict[int, list[int]] = {}
        for key in keys:
            of_slot.setdefault(key.slot, []).append(key.hash)
        ask: dict[int, list[int]] = {}
        recent = {self._newest, self._newest - 1} - {0, -1}
        for slot, hashes in of_slot.items():
            for part in self._slots.get(slot, set()) | recent:
                ask.setdefault(part, []).extend(hashes)
        found: set[int] = set()
        for part, hashes in ask.items():
            column = dedupe_table(part).c.hash
            found.update(row[0] for row in select_by(tx, (column,), column, hashes))
        return found

    def add(self, tx: Connection, keys: list[Key], now: int) -> None:
        """Remember ``keys``, none of which is known."""
        if not keys:
            return
        if self._filled >= self._part_size:
            self._newest += 1
            self._filled = 0
            dedupe_table(self._newest).create(tx)
            _put_begun(tx, {**_begun(tx), self._newest: now})
        part = self._newest
        new = {key.slot for key in keys if part not in self._slots.get(key.slot, ())}
        insert_many(tx, dedupe_slots, ("slot", "part"), [(slot, part) for slot in new])
        for slot in new:
            self._slots.setdefault(slot, set()).add(part)
        rows = sorted((key.hash,) for key in keys)
        insert_many(tx, dedupe_table(part), ("hash",), rows)
        self._filled += len(keys)


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
