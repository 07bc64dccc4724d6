"""Handing a prepared micro-batch from one process to another.

Between a process and its own child alone: marshal is the fastest that Python has, and
must never read what anybody else wrote. Bodies go as the JSON that is kept of them.
"""

from __future__ import annotations

import marshal
import struct
from itertools import repeat
from sys import intern
from typing import Any, NamedTuple

from msgspec.structs import astuple

from cdp.events import Message, Rejected
from cdp.identity import Rules
from cdp.identity.identifiers import Found
from cdp.pipeline.ahead import Ready
from cdp.pipeline.beforehand import Beforehand, Tally
from cdp.pipeline.excerpt import Reads
from cdp.pipeline.naming import Named, Spelled
from cdp.pipeline.prepare import Prepared

#: Told when an answer is there: how many bytes it has. The first, of none, says that it is ready.
HEAD = struct.Struct(">I")


class Order(NamedTuple):
    """About ``size`` messages behind a position of a part.

    ``rules``, and what definitions ``read``, where they are new.
    """

    part: str
    after: int
    size: int
    rules: Rules | None
    reads: Reads | None


def to_bytes(ready: Ready) -> bytes:
    """A micro-batch with all that can be known of it beforehand."""
    batch, messages = ready.batch, ready.batch.messages
    assert batch.hashes is not None and batch.named is not None
    columns = (
        # One text for all that are alike.
        [intern(one.type) for one in messages],
        [intern(one.name) for one in messages],
        [one.message_id for one in messages],
        [one.source for one in messages],
        [one.t for one in messages],
        [one.received_at for one in messages],
        [one.live for one in messages],
        [one.client_t for one in messages],
        [one.json for one in messages],
        [one.excerpt for one in messages],
    )
    # Once a set of identifiers, however many messages name no more than that.
    numbers: dict[int, int] = {}
    named: list[tuple[Any, ...]] = []
    places: list[int] = []
    for one in batch.named:
        place = numbers.get(id(one))
        if place is None:
            place = numbers[id(one)] = len(named)
            named.append((tuple(one.found), one.preferences, tuple(one.spelled or ())))
        places.append(place)
    known: tuple[Any, ...] | None = None
    if batch.known is not None:
        known = (*batch.known[:-1], [tuple(tally) for tally in batch.known.tallies])
    rejected = [astuple(item) for item in batch.rejected]
    rest = (batch.last_pos, ready.weight, ready.full, batch.settled, known)
    return marshal.dumps((rest, columns, batch.hashes, named, places, rejected))


def from_bytes(data: bytes, part: str, rules: Rules, reads: Reads) -> Ready:
    """What `to_bytes` made of a micro-batch of ``part``, prepared by ``rules`` and ``reads``."""
    rest, columns, hashes, named, places, rejected = marshal.loads(data)
    last_pos, weight, full, settled, known = rest
    types, names, ids, sources, times, received, lives, client_times, texts, excerpts = columns
    all_named = [
        Named(Found(*found), preferences, Spelled(*spelled) if spelled else None)
        for found, preferences, spelled in named
    ]
    none = repeat(None)
    messages = list(
        map(
            Message,
            types, names, ids, sources, times, received, none, lives, client_times, texts, excerpts,
        )
    )  # fmt: skip
    batch = Prepared(
        part,
        last_pos,
        messages,
        [Rejected(*item) for item in rejected],
        settled,
        hashes,
        [all_named[place] for place in places],
        rules,
        _known(known) if known is not None else None,
        reads,
    )
    return Ready(batch, weight, full)


def _known(columns: tuple[Any, ...]) -> Beforehand:
    *most, tallies = columns
    return Beforehand._make((*most, [Tally(*tally) for tally in tallies]))
