"""All that is evaluated of people, compiled once, and what each message can change of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, NamedTuple

import msgspec

from cdp.audiences.reasons import Asked, Clause, clauses
from cdp.audiences.shorthand import Shorthand
from cdp.conditions.lists import NO_LISTS, Lists
from cdp.conditions.live import NEVER, Live, Moved, Streams, StreamSpec, Subject, compile_person

AUDIENCE, COMPUTED_TRAIT = "audience", "computed_trait"
#: The collection of people. They alone do things: an event is never an account's.
PEOPLE = 0
_encode = msgspec.json.Encoder().encode


class Entry(NamedTuple):
    """What is to be evaluated: ``root`` is a condition with everything made expanded.

    ``shown``: it is the one that holds, not one that is still being computed. ``told``:
    somebody is told of each change of its value.
    """

    id: int
    kind: str
    key: str
    collection: int
    shown: bool
    root: Any
    told: bool = False


class Item:
    """An entry, compiled. ``place`` is its number in the order of evaluation.

    ``form`` is the number by which entries and exits name its clauses; 0: nobody has noted
    any.
    """

    def __init__(self, entry: Entry, streams: Streams) -> None:
        self.id, self.kind, self.key = entry.id, entry.kind, entry.key
        self.collection, self.shown, self.told = entry.collection, entry.shown, entry.told
        self.root, self._streams = entry.root, streams
        self.place = self.form = 0
        self.live: Live = compile_person(entry.root, streams)
        self.look, self.is_audience = self.live.look, entry.kind == AUDIENCE
        #: See `Part`; nothing of a computed trait.
        self.least = tuple(self.live.least.items()) if self.is_audience else ()
        #: The events that it reads, and those that are read when it has changed.
        self.events = frozenset(streams.specs[n].event for n in self.live.needs.streams)
        self.all_events = self.events

    @cached_property
    def clauses(self) -> list[Clause]:
        """Its clauses, for reasons. All of their streams are those of the whole."""
        return clauses(self.root, self._streams)

    @cached_property
    def reasons(self) -> Shorthand:
        """What writes why somebody entered or left, once its ``form`` is known."""
        return Shorthand(self.root, self.clauses, self.form)


class TraitTest(NamedTuple):
    """A clause that reads traits alone, and the places of the items that it is part of."""

    live: Live
    places: list[int]


class Stirred(NamedTuple):
    """An item that an event of some stream may change, if there are ``least`` of them.

    ``only`` is where it can only bring somebody: in, or out; None where it can be either.
    """

    least: int
    place: int
    id: int
    moved: Moved | None
    only: bool | None


class Book:
    """The entries in the order of evaluation, an audience after those that it asks for.

    ``by_event`` has the streams that an event can be part of; ``stirred_by`` the items that
    an event may change that comes last of all, by how many it needs; ``of_stream``, ``of_trait``,
    ``of_audience``, ``of_identifiers`` and ``of_account`` the places of the items that read
    one. ``tests`` are what a trait can change of those of ``of_trait`` by clauses of its own;
    whatever else reads it is in ``apart_of_tests``. What reads itself, by whatever way, is in
    ``circular`` instead. ``frozen`` are the ids and keys of audiences that hold and aren't
    evaluated: their members stay, and ``measured`` those of computed traits whose values come
    from elsewhere. ``asked`` has conditions that no standing depends on, such as a journey's:
    what they read is known of people, and they are asked when it is time to; ``names``: so are
    people's identifiers.
    """

    def __init__(
        self,
        entries: Iterable[Entry],
        now: int,
        lists: Lists = NO_LISTS,
        frozen: Mapping[int, str] | None = None,
        measured: Mapping[int, str] | None = None,
        asked: Iterable[Any] = (),
        names: bool = False,
    ) -> None:
        self.frozen, self.measured = frozen or {}, measured or {}
        self.streams = Streams(lists)
        self.asked = Asked(dict.fromkeys(asked), self.streams)
        self._of_asked = frozenset[int]().union(*(a.needs.streams for a in self.asked.values()))
        #: Whether people's identifiers and accounts must be known.
        self.reads_identifiers = names or any(a.needs.identifiers for a in self.asked.values())
        self.reads_account = any(live.needs.account for live in self.asked.values())
        items = [Item(entry, self.streams) for entry in entries]
        self.items, self.circular = _in_order(items)
        self.by_event: dict[str, list[tuple[int, StreamSpec]]] = {}
        self.of_stream: dict[int, list[int]] = {}
        self.stirred_by: dict[int, list[Stirred]] = {}
        #: All events that are read by whatever reads a stream.
        self.read_with: dict[int, frozenset[str]] = {}
        self.of_trait: dict[str, list[int]] = {}
        self.tests: dict[str, dict[Any, TraitTest]] = {}
        self.apart_of_tests: dict[str, list[int]] = {}
        self.of_audience: dict[str, list[int]] = {}
        self.of_identifiers: list[int] = []
        self.of_account: list[int] = []
        self.of_collection: dict[int, list[int]] = {}
        self.born: dict[int, list[int]] = {}
        for place, item in enumerate(self.items):
            item.place = place
            _ = item.clauses  # all columns must be known before the first message
            self._index(item)
            if not _settled_when_unknown(item, now):
                self.born.setdefault(item.collection, []).append(place)
        for item in reversed(self.items):
            for place in self.of_audience.get(item.key, ()) if item.is_audience else ():
                item.all_events |= self.items[place].all_events
        for number, spec in enumerate(self.streams.specs):
            if number in self.of_stream:
                self.read_with[number] = frozenset(self.events_of(self.of_stream[number]))
            if number in self.of_stream or number in self._of_asked:
                self.by_event.setdefault(spec.event, []).append((number, spec))
        for stirred in self.stirred_by.values():
            stirred.sort(key=lambda one: (one.least, one.place))
        self.reads_identifiers = self.reads_identifiers or bool(self.of_identifiers)
        self.reads_account = self.reads_account or bool(self.of_account)

    def _index(self, item: Item) -> None:
        needs, place = item.live.needs, item.place
        of_people = item.collection == PEOPLE
        for number in needs.streams if of_people else ():
            self.of_stream.setdefault(number, []).append(place)
        for number in item.live.stirs if of_people else ():
            self.stirred_by.setdefault(number, []).append(_stirred(item, number))
        for name in needs.traits:
            self.of_trait.setdefault(name, []).append(place)
            self._test(name, item)
        for key in needs.audiences:
            self.of_audience.setdefault(key, []).append(place)
        if needs.identifiers:
            self.of_identifiers.append(place)
        if needs.account and of_people:
            self.of_account.append(place)
        self.of_collection.setdefault(item.collection, []).append(place)

    def _test(self, name: str, item: Item) -> None:
        """Note which clauses of an item a trait can change, or that it is read in other ways."""
        reading = [clause for clause in item.clauses if name in clause.live.needs.traits]
        if not item.is_audience or not all(clause.reads_traits_alone for clause in reading):
            self.apart_of_tests.setdefault(name, []).append(item.place)
            return
        tests = self.tests.setdefault(name, {})
        for clause in reading:
            tests.setdefault(clause.text, TraitTest(clause.live, [])).places.append(item.place)

    def new_traits(self, subject: Subject, traits: dict[str, Any], now: int) -> set[int]:
        """Give somebody other traits; the places of the items that may be others by that."""
        old, subject.traits = subject.traits, traits
        places: set[int] = set()
        for name in self.of_trait:
            if identical(old.get(name), traits.get(name)):
                continue
            places.update(self.apart_of_tests.get(name, ()))
            for live, of_test in self.tests.get(name, {}).values():
                holds = live.holds(subject, now)
                subject.traits = old
                if live.holds(subject, now) is not holds:
                    places.update(of_test)
                subject.traits = traits
        return places

    def events_asked(self, roots: Iterable[Any]) -> set[str]:
        """The events that must be known of somebody, to ask some conditions of them."""
        specs = self.streams.specs
        return {specs[n].event for root in roots for n in self.asked[root].needs.streams}

    def events_of(self, places: Iterable[int]) -> set[str]:
        """The events that must be known of somebody, to evaluate some items and what follows."""
        found: set[str] = set()
        for place in places:
            found |= self.items[place].all_events
        return found


def identical(one: Any, other: Any) -> bool:
    """Whether two values of a trait are one to conditions."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict | list):
        return bool(_encode(one) == _encode(other))
    return bool(one == other)


def _stirred(item: Item, number: int) -> Stirred:
    live = item.live
    if not item.is_audience:
        return Stirred(0, item.place, item.id, live.moved, None)
    only = True if number in live.rises else False if number in live.falls else None
    return Stirred(live.least.get(number, 0), item.place, item.id, live.moved, only)


def _settled_when_unknown(item: Item, now: int) -> bool:
    """Whether somebody of whom nothing is known is surely out, and has no value."""
    nobody = Subject()
    value = item.live.value(nobody, now)
    if item.live.next_change(nobody, now) != NEVER:
        return False
    return value is not True if item.is_audience else value is None


def _in_order(items: list[Item]) -> tuple[list[Item], list[Item]]:
    """The items, each after the audiences that it reads; and those that read themselves."""
    waiting = sorted(items, key=lambda item: item.id)
    done: list[Item] = []
    while waiting:
        keys = {item.key for item in waiting if item.is_audience}
        ready = [item for item in waiting if not (item.live.needs.audiences & keys)]
        if not ready:
            return done, waiting
        done += ready
        waiting = [item for item in waiting if item not in ready]
    return done, []
