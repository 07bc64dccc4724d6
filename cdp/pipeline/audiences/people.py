"""What is known of the people that definitions are asked of, as far as it is needed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Set
from typing import Any

from sqlalchemy import Connection

from cdp.audiences import Book
from cdp.conditions.live import TRAITS, UNSAID, Stream, StreamSpec, Subject, body_of
from cdp.events import decode_json
from cdp.profiles.traits import TraitMap
from cdp.store.audiences import members, timers
from cdp.store.events.kept import KeptProperty
from cdp.store.events.person_events import PersonEvent, events_of
from cdp.store.profiles import graph, objects
from cdp.store.tables import ACCOUNTS

#: Events that are remembered of all people together; some 100 bytes each.
MAX_EVENTS = 300_000
MAX_PEOPLE = 50_000


class Known:
    """A person: what conditions see, where they stand, and when that is due to change.

    ``standing`` has the items (by id) that they are in, or the JSON of their values;
    ``due`` their timers. ``loaded`` are the events of which the streams are complete,
    None: of all; ``latest`` is when the latest event in any stream happened.
    """

    __slots__ = ("due", "events", "latest", "loaded", "standing", "subject")

    def __init__(self, loaded: set[str] | None) -> None:
        self.subject = Subject()
        self.standing: dict[int, Any] = {}
        self.due: dict[int, int] = {}
        self.loaded = loaded
        self.events = 0
        self.latest = -(2**62)

    def add(self, number: int, spec: StreamSpec, t: int, seq: int, values: list[Any]) -> None:
        """Add an event to a stream; the newest so far."""
        stream = self.subject.streams.get(number)
        if stream is None:
            stream = self.subject.streams[number] = Stream(len(spec.columns))
        stream.add(t, seq, values)
        self.events += 1
        if t > self.latest:
            self.latest = t

    def knows(self, events: Set[str]) -> bool:
        """Whether the streams of some events are complete."""
        return self.loaded is None or events <= self.loaded


class People:
    """The people who were asked of last; who isn't here is read from the store."""

    def __init__(self, book: Book, kept: list[KeptProperty]) -> None:
        self._book, self._kept = book, kept
        self._known: OrderedDict[int, Known] = OrderedDict()
        self._events = 0
        self._shown = {item.id: item.key for item in book.items if item.is_audience and item.shown}
        self._shown.update(book.frozen)
        self._reads = reads_of(book)

    def get(self, profile: int) -> Known | None:
        """A person who is remembered."""
        return self._known.get(profile)

    def knows_all(self, profile: int) -> bool:
        """Whether all events of a person are remembered."""
        known = self._known.get(profile)
        return known is not None and known.loaded is None

    def forget(self, profiles: Iterable[int]) -> None:
        """Read these people anew the next time."""
        for profile in profiles:
            gone = self._known.pop(profile, None)
            if gone is not None:
                self._events -= gone.events

    def new(self, profile: int) -> Known:
        """Somebody of whom nothing has been known so far."""
        known = self._known[profile] = Known(None)
        return known

    def added(self, events: int) -> None:
        """Note that so many events were added; makes room when there are too many."""
        self._events += events
        while len(self._known) > MAX_PEOPLE or (self._events > MAX_EVENTS and self._known):
            _, gone = self._known.popitem(last=False)
            self._events -= gone.events

    def load(
        self, tx: Connection, wanted: Mapping[int, Set[str]], remember: bool = True
    ) -> dict[int, Known]:
        """These people with the events that are asked for of each.

        Without ``remember`` they are for this one time: what is computed for everyone
        must not take the place of those who come and go.
        """
        found: dict[int, Known] = {}
        cold = [profile for profile in wanted if profile not in self._known]
        for profile in cold:
            found[profile] = Known(set())
        if cold:
            self._load_state(tx, found)
        if remember:
            self._known.update(found)
        for profile in wanted:
            if profile not in found:
                found[profile] = self._known[profile]
                self._known.move_to_end(profile)
        self._load_events(tx, found, wanted, remember)
        return found

    def _load_state(self, tx: Connection, found: dict[int, Known]) -> None:
        ids = list(found)
        for profile, data in graph.profile_traits(tx, ids).items():
            found[profile].subject.traits = TraitMap.decode(data).values()
        for profile, audience, since in members.members_of(tx, ids):
            found[profile].standing[audience] = since
            if audience in self._shown:
                found[profile].subject.audiences.add(self._shown[audience])
        for profile, trait, value in members.values_of(tx, ids):
            if trait in self._book.measured:
                key = self._book.measured[trait]
                found[profile].subject.measured[key] = decode_json(value.encode())
            else:
                found[profile].standing[trait] = value
        for profile, dues in timers.dues_of(tx, ids):
            found[profile].due = dues
        if self._book.reads_identifiers:
            self.load_identifiers(tx, found)
        if self._book.reads_account:
            self.load_accounts(tx, found)

    def load_identifiers(self, tx: Connection, found: Mapping[int, Known]) -> None:
        """Read the identifiers of some people."""
        for known in found.values():
            known.subject.identifiers = {}
        rows = graph.identifiers_of_profiles(tx, list(found))
        for row in sorted(rows, key=lambda row: (row.first_t, row.first_source, row.id)):
            values = found[row.profile or 0].subject.identifiers
            values.setdefault(row.type, []).append(row.value)

    def load_accounts(self, tx: Connection, found: Mapping[int, Known]) -> None:
        """Read the traits of the account that each of some people was connected with last."""
        owned = objects.objects_of_people(tx, list(found), ACCOUNTS)
        for profile, known in found.items():
            mine = owned.get(profile)
            known.subject.account = mine[0].traits.values() if mine else {}

    def _load_events(
        self,
        tx: Connection,
        found: dict[int, Known],
        wanted: Mapping[int, Set[str]],
        remember: bool,
    ) -> None:
        lacking = {
            profile: events - known.loaded
            for profile, events in wanted.items()
            if (known := found[profile]).loaded is not None and events - known.loaded
        }
        if not lacking:
            return
        events = set().union(*lacking.values())
        added = 0
        for item in events_of(tx, lacking, events, self._kept, self._reads):
            if item.event in lacking[item.profile]:
                added += self._add(found[item.profile], item)
        for profile, new in lacking.items():
            loaded = found[profile].loaded
            assert loaded is not None
            loaded |= new
        if remember:
            self.added(added)

    def _add(self, known: Known, item: PersonEvent) -> int:
        added = 0
        body: dict[str, Any] | None = None
        for number, spec in self._book.by_event.get(item.event, ()):
            if item.event == TRAITS:
                values = [
                    item.values.get(path, None) if path in item.values else UNSAID
                    for path in spec.columns
                ]
                if all(value is UNSAID for value in values):
                    continue
            else:
                if spec.accepts is not None:
                    if body is None:
                        body = body_of(sorted(item.values.items(), key=lambda kv: len(kv[0])))
                    if not spec.accepts(body):
                        continue
                values = [item.values.get(path) for path in spec.columns]
            known.add(number, spec, item.t, item.seq, values)
            added += 1
        return added


def reads_of(book: Book) -> dict[str, set[tuple[str, ...]]]:
    """The paths that a book reads of each event."""
    found: dict[str, set[tuple[str, ...]]] = {}
    for event, path in book.streams.wanted():
        found.setdefault(event, set()).add(path)
    return found
