"""Leaving out of a micro-batch what was taken before."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection

from cdp.events import Message
from cdp.pipeline.beforehand import Beforehand, find
from cdp.pipeline.memory import Memory
from cdp.pipeline.naming import Named, name_all
from cdp.pipeline.prepare import Prepared
from cdp.store.events.dedupe import Slots, slot_of


class Fresh(NamedTuple):
    """Messages that are new, whom each names, and what is known of all of them."""

    messages: list[Message]
    named: list[Named]
    known: Beforehand


def take_fresh(
    tx: Connection,
    batch: Prepared,
    additions: dict[int, dict[str, Any]],
    memory: Memory,
    now: int,
) -> Fresh:
    """What of ``batch`` is new, and is none from now on; of repeats in it the first is."""
    if batch.hashes is None or batch.named is None or batch.rules != memory.rules:
        batch = batch._replace(
            hashes=[message.dedupe_hash for message in batch.messages],
            # Rules may have changed since it was prepared.
            named=name_all(batch.messages, memory.rules),
            known=None,
        )
    assert batch.hashes is not None and batch.named is not None
    if batch.reads != memory.reads:  # definitions may have changed, too
        for message in batch.messages:
            message.excerpt = None
    known = batch.known
    slots = known.slots if known is not None else None
    seen = memory.dedupe.known(tx, slots if slots is not None else _slots(batch))
    if known is None or slots is None or seen or additions:
        places: list[int] = []
        for place, hash_ in enumerate(batch.hashes):
            if hash_ not in seen:
                seen.add(hash_)
                places.append(place)
        batch = batch.only(places)
        assert batch.hashes is not None and batch.named is not None
        added = {new: additions[old] for new, old in enumerate(places) if old in additions}
        known = find(batch.messages, batch.named, batch.hashes, added)
        assert known.slots is not None, "each is there once"
    memory.dedupe.add(tx, known.slots or {}, now)
    return Fresh(batch.messages, batch.named or [], known)


def _slots(batch: Prepared) -> Slots:
    slots: dict[int, list[int]] = {}
    for message, hash_ in zip(batch.messages, batch.hashes or (), strict=True):
        slots.setdefault(slot_of(message.client_t), []).append(hash_)
    return slots
