"""What one micro-batch says about people and accounts, before the store is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from cdp.events import Message, Stamp
from cdp.identity import Identifier, Rules
from cdp.identity.identifiers import Found
from cdp.identity.objects import Deed, NoObject, ObjectTypes, deed, traits_said, type_key
from cdp.identity.rules import DAY_MS
from cdp.pipeline.beforehand import Beforehand
from cdp.pipeline.naming import Named, Spelled, name, spell
from cdp.pipeline.relationships import Relationships
from cdp.profiles.consent import Consent, latest
from cdp.store.profiles.objects import NOBODY
from cdp.store.tables import USERS

#: A message with the person's and the object's draft; None where it names none.
Placed = tuple[Message, "Draft | None", "Draft | None"]
Assignment = tuple[dict[str, Any], Stamp]


class Refused(NamedTuple):
    """A message of which the object was not kept, and why."""

    message: Message
    reason: str


class Draft:
    """A node as this micro-batch mentions it: its identifiers and earliest stamp.

    ``id`` and ``profile`` are filled in by `cdp.pipeline.identify`; ``traits`` are what
    identify (or group) calls set on it, in the order of the log. ``days`` has the earliest
    stamp of each day, where a limit with a window wants to know. ``ids`` are in order of
    priority.
    """

    __slots__ = (
        "_spelled", "collection", "consent", "days", "first", "id", "ids", "profile", "traits",
    )  # fmt: skip

    def __init__(
        self,
        collection: int,
        ids: tuple[Identifier, ...],
        first: Stamp,
        spelled: Spelled | None = None,
    ) -> None:
        self.collection = collection
        self.ids = ids
        self._spelled = spelled
        self.first = first
        self.id = 0
        self.profile = 0
        self.traits: list[Assignment] = []
        self.days: dict[int, Stamp] = {}
        self.consent: Consent | None = None

    @property
    def spelled(self) -> Spelled:
        """How the store writes the identifiers."""
        if self._spelled is None:
            self._spelled = spell(self.collection, self.ids)
        return self._spelled

    @property
    def text(self) -> str:
        """The identifiers as the store keeps them."""
        return self.spelled.text

    @property
    def key(self) -> int:
        """What a node is found by."""
        return self.spelled.key

    @property
    def stamps(self) -> list[Stamp]:
        """When it was met as far as that matters, the earliest first."""
        return sorted({self.first, *self.days.values()}) if self.days else [self.first]


class Drafts:
    """The drafts of a micro-batch, one a distinct set of identifiers.

    ``types`` learns the object types that come up. ``refused`` are messages that were
    taken without their object.
    """

    def __init__(self, rules: Rules, types: ObjectTypes) -> None:
        self._rules, self._types = rules, types
        self._by_ids: dict[tuple[int, tuple[Identifier, ...]], Draft] = {}
        self._deeds: list[tuple[Deed, Draft | None, Draft, Message]] = []
        self.refused: list[Refused] = []

    def __iter__(self) -> Iterator[Draft]:
        return iter(self._by_ids.values())

    def take(
        self, messages: Sequence[Message], named: Sequence[Named], known: Beforehand
    ) -> list[Placed]:
        """The drafts of all messages of a micro-batch."""
        if self._rules.any_window:  # on which days each was met is asked, too
            both = zip(messages, named, strict=True)
            return [(message, *self.add(message, one)) for message, one in both]
        people: dict[int, Draft] = {}
        for place, stamp in known.firsts:
            one = named[place]
            draft = self._draft(USERS, one.found.person, Stamp(*stamp), one.spelled)
            people[id(one)] = draft
        placed: list[Placed] = [
            (message, people.get(id(one)), None)
            for message, one in zip(messages, named, strict=True)
        ]
        for place in known.own:
            message = messages[place]
            placed[place] = message, *self.add(message, named[place])
        return placed

    def add(
        self, message: Message, named: Named | None = None
    ) -> tuple[Draft | None, Draft | None]:
        """The person's and the object's draft of ``message``; None where it names none."""
        found, preferences, spelled = named or name(message, self._rules)
        stamp = message.stamp
        person = self._draft(USERS, found.person, stamp, spelled) if found.person else None
        if person is not None and preferences is not None:
            person.consent = latest((person.consent, Consent(stamp, preferences)))
        what = deed(message.type, message.name)
        if what is not None:
            return person, self._object(what, message, found, person)
        if message.type == "identify" and person is not None:
            traits = message.read.get("traits")
            if isinstance(traits, dict) and traits:
                person.traits.append((traits, stamp))
        return person, None

    def _object(
        self, what: Deed, message: Message, found: Found, person: Draft | None
    ) -> Draft | None:
        if not found.account:
            if not found.blocked and message.type == "track":
                self.refused.append(Refused(message, "properties.objectId names no object"))
            return None
        try:
            collection = self._types.collection(type_key(message.type, message.body))
        except NoObject as error:
            self.refused.append(Refused(message, str(error)))
            return None
        thing = self._draft(collection, found.account, message.stamp)
        traits = traits_said(message.type, message.body) if message.type == "group" else {}
        if traits:
            thing.traits.append((traits, message.stamp))
        self._deeds.append((what, person, thing, message))
        return thing

    def _draft(
        self,
        collection: int,
        ids: tuple[Identifier, ...],
        stamp: Stamp,
        spelled: Spelled | None = None,
    ) -> Draft:
        draft = self._by_ids.get((collection, ids))
        if draft is None:
            draft = self._by_ids[(collection, ids)] = Draft(collection, ids, stamp, spelled)
        elif stamp < draft.first:
            draft.first = stamp
        if self._rules.any_window and len(ids) > 1:
            day = stamp.t // DAY_MS
            draft.days[day] = min(stamp, draft.days.get(day, stamp))
        return draft

    def related(self) -> Iterator[tuple[Draft | None, Draft]]:
        """The person (if any) and the object of each message that is about one."""
        return ((person, thing) for _, person, thing, _ in self._deeds)

    def relationships(self) -> Relationships:
        """What is said of people and objects together, once `identify` has given nodes."""
        found = Relationships()
        for what, person, thing, message in self._deeds:
            mine = person.id if person is not None else NOBODY
            found.add(what, mine, thing.id, message.body, message.stamp)
        return found
