"""What can be known of the messages of a micro-batch together, before the store is asked.

It takes a process of its own off the pipeline's hands (`cdp.pipeline.preparing`), as
long as all of the messages are kept and nothing is added to them; else it is found anew
for those that are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from zlib import crc32

from cdp.events import Message, Stamp
from cdp.identity.objects import ACCOUNT_TYPE, NoObject, deed, type_key
from cdp.pipeline.naming import Named
from cdp.store.events import history
from cdp.store.events.dedupe import by_slot
from cdp.store.events.kept import event_of

#: Of each name the first so many are told, and beyond them one in `OFTEN`, by messageId.
FIRST, OFTEN = 10, 8
_MINUTE_MS, _DAY_MS = 60_000, 86_400_000


class Tally(NamedTuple):
    """What came under one name from one source: how many, between which times, on which
    days, and into which of them (by place) to look for the catalogue, some with a hash."""

    type: str
    name: str
    source: int
    n: int
    first: int
    last: int
    days: dict[int, int]
    begin: list[int]
    some: list[tuple[int, int]]


class Beforehand(NamedTuple):
    """What is known of messages, by their places among them.

    ``blocks`` are their bodies as they are stored; ``slots`` their hashes by the slot of
    their time, None if one comes twice; ``counts`` how many by (minute, source, type).
    ``kinds`` are the types and names that come up, ``events`` the event of each (None: of
    none, `cdp.store.events.kept.event_of`), and ``of_kind`` has the kind of each message.
    ``firsts`` are those who are named, each with a place where and the earliest stamp;
    ``own`` the places of messages that say more than that.
    """

    blocks: list[bytes]
    slots: dict[int, list[int]] | None
    counts: dict[tuple[int, int, str], int]
    kinds: list[tuple[str, str]]
    events: list[str | None]
    of_kind: list[int]
    firsts: list[tuple[int, tuple[int, int, str]]]
    own: list[int]
    tallies: list[Tally]


def find(
    messages: Sequence[Message],
    named: Sequence[Named],
    hashes: Sequence[int],
    additions: Mapping[int, dict[str, Any]] | None = None,
) -> Beforehand:
    """What is known of ``messages``; ``additions`` are stored with them."""
    added = additions or {}
    bodies = [history.body_of(message, added.get(at)) for at, message in enumerate(messages)]
    numbers: dict[tuple[str, str], int] = {}
    of_kind = [numbers.setdefault((one.type, one.name), len(numbers)) for one in messages]
    kinds = list(numbers)
    counts: dict[tuple[int, int, str], int] = {}
    for message in messages:
        minute = (message.received_at // _MINUTE_MS, message.source, message.type)
        counts[minute] = counts.get(minute, 0) + 1
    distinct = len(set(hashes)) == len(hashes)
    return Beforehand(
        history.pack_all(bodies),
        by_slot(hashes, [one.client_t for one in messages]) if distinct else None,
        counts,
        kinds,
        [event_of(*kind) for kind in kinds],
        of_kind,
        _firsts(messages, named),
        _own(kinds, of_kind, named),
        _tallies(messages),
    )


def _firsts(
    messages: Sequence[Message], named: Sequence[Named]
) -> list[tuple[int, tuple[int, int, str]]]:
    found: dict[int, tuple[int, Stamp]] = {}
    for place, (message, one) in enumerate(zip(messages, named, strict=True)):
        if not one.plain or not one.found.person:
            continue
        stamp, before = message.stamp, found.get(id(one))
        if before is None:
            found[id(one)] = place, stamp
        elif stamp < before[1]:
            found[id(one)] = before[0], stamp
    return [(place, (one.t, one.source, one.message_id)) for place, one in found.values()]


def _own(kinds: list[tuple[str, str]], of_kind: list[int], named: Sequence[Named]) -> list[int]:
    more = [type_ == "identify" or deed(type_, name) is not None for type_, name in kinds]
    both = zip(of_kind, named, strict=True)
    return [place for place, (kind, one) in enumerate(both) if more[kind] or not one.plain]


def _tallies(messages: Sequence[Message]) -> list[Tally]:
    places: dict[tuple[str, str, int], list[int]] = {}
    for place, message in enumerate(messages):
        name = message.name if message.type != "group" else _object_type(message)
        places.setdefault((message.type, name, message.source), []).append(place)
    return [_tally(messages, *key, mine) for key, mine in places.items()]


def _tally(
    messages: Sequence[Message], type_: str, name: str, source: int, places: list[int]
) -> Tally:
    times = [messages[place].t for place in places]
    days: dict[int, int] = {}
    for t in times:
        day = t // _DAY_MS
        days[day] = days.get(day, 0) + 1
    marks = [(place, crc32(messages[place].message_id.encode())) for place in places]
    some = [(place, mark) for place, mark in marks if not mark & (OFTEN - 1)]
    return Tally(
        type_, name, source, len(places), min(times), max(times), days, places[:FIRST], some
    )


def _object_type(message: Message) -> str:
    """The name under which a group call is listed: its object type, none for accounts."""
    try:
        key = type_key("group", message.body)
    except NoObject:
        return ""
    return "" if key == ACCOUNT_TYPE else key
