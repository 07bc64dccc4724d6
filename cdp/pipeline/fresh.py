"""Leaving out of a micro-batch what was taken before."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection

from cdp.events import Message
from cdp.pipeline.beforehand import Beforehand, find
from cdp.pipeline.memory import Memory
from cdp.pipeline.naming import Named, name_all
from cdp.pipeline.prepare import Prepared
from cdp.store.events.dedupe import by_slot


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
    named, known = batch.named, batch.known
    slots = known.slots if known is not None else None
    if slots is None:
        known, slots = None, by_slot(batch.hashes, [one.client_t for one in batch.messages])
    seen = memory.dedupe.known(tx, slots)
    if known is None or seen or additions:
        places: list[int] = []
        for place, hash_ in enumerate(batch.hashes):
            if hash_ not in seen:
                seen.add(hash_)
                places.append(place)
        batch = batch.only(places)
        assert batch.hashes is not None and batch.named is not None
        added = {new: additions[old] for new, old in enumerate(places) if old in additions}
        named = batch.named
        known = find(batch.messages, named, batch.hashes, added)
        assert known.slots is not None, "each is there once"
        slots = known.slots
    memory.dedupe.add(tx, slots, now)
    return Fresh(batch.messages, named, known)
