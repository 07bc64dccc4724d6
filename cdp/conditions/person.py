"""A condition over one person in memory: plain, slow, and right by being plain.

This is the naive oracle of the language. It interprets the tree and looks at the whole
history each time; whatever is faster must agree with it at every instant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from cdp.conditions.ast import (
    MEASURED,
    And,
    Between,
    Call,
    Compare,
    EventRef,
    In,
    Instant,
    Items,
    Not,
    Or,
    Path,
    Since,
    Value,
    Window,
    Within,
)
from cdp.conditions.forms import BY_NODE
from cdp.conditions.forms.times import zone_called
from cdp.conditions.functions import FUNCTIONS
from cdp.conditions.functions.devices import identifier_types
from cdp.conditions.lists import NO_LISTS, Lists
from cdp.conditions.values import Time, contained, ordered, same
from cdp.events import at_path, event_name

#: What was known when: (ms since 1970, value), oldest first.
History = Sequence[tuple[int, Any]]


class Event(NamedTuple):
    """Something the person did. ``at`` is its place in the order of stamps."""

    t: int
    body: Mapping[str, Any]
    at: int = 0

    @property
    def name(self) -> str:
        """What conditions call it: a page is ``Page Viewed``, a screen ``Screen Viewed``."""
        return event_name(self.body.get("type", "track"), str(self.body.get("event", "")))


class Person(NamedTuple):
    """All that is known of somebody, with when it came to be. Events in order of stamps."""

    traits: Mapping[str, History] = {}
    events: Sequence[Event] = ()
    audiences: Mapping[str, History] = {}
    subscriptions: Mapping[str, History] = {}
    identifiers: Mapping[str, Sequence[str]] = {}
    #: Accounts, each with when a group call of the person last spoke of it.
    accounts: Sequence[tuple[int, Mapping[str, History]]] = ()
    #: Computed traits that queries work out, as they are now.
    measured: Mapping[str, Any] = {}


class Evaluator:
    """A person at an instant.

    ``trigger`` is the message that ``event.…`` means, if any, and ``journey`` has the variables
    of a run, ``journey.…``; ``lists`` are those uploaded.
    """

    def __init__(
        self,
        person: Person,
        now: int,
        trigger: Mapping[str, Any] | None = None,
        lists: Lists = NO_LISTS,
        journey: Mapping[str, Any] | None = None,
    ) -> None:
        self.person, self.now, self.trigger, self.lists = person, now, trigger, lists
        self.journey = journey
        self._message: Mapping[str, Any] | None = None
        ordered_events = sorted(enumerate(person.events), key=lambda item: (item[1].t, item[0]))
        self._events = [
            event._replace(at=at) for at, (_, event) in enumerate(ordered_events) if event.t <= now
        ]

    def holds(self, node: Any) -> bool:
        """Whether the condition is true."""
        return self.value(node) is True

    def value(self, node: Any) -> Any:
        """What a node is worth: JSON, a `Time`, or a decimal."""
        kind = type(node)
        if kind is And:
            return all(self.holds(item) for item in node.items)
        if kind is Or:
            return any(self.holds(item) for item in node.items)
        if kind is Not:
            return not self.holds(node.item)
        if kind is Compare:
            left, right = self.value(node.left), self.value(node.right)
            if node.op in ("=", "!="):
                return same(left, right) is (node.op == "=")
            return ordered(node.op, left, right)
        if kind is In:
            return contained(self.value(node.item), self.value(node.list))
        if kind is Value:
            return node.value
        if kind is Items:
            return [self.value(item) for item in node.items]
        if kind is Instant:
            return Time(node.at)
        if kind is Path:
            return self._path(node.parts)
        if kind is Call:
            return self._call(node)
        return BY_NODE[kind].evaluate(node, self)

    # What forms ask.

    def events(self, ref: EventRef, window: Window | None) -> list[Event]:
        """The person's events that are meant, oldest first."""
        return [
            event
            for event in self._events
            if event.name == ref.name
            and self.in_window(event.t, window)
            and (ref.where is None or self._where(ref.where, event))
        ]

    def in_window(self, t: int, window: Window | None) -> bool:
        """Whether an instant up to now lies in a window."""
        if t > self.now:
            return False
        if isinstance(window, Within):
            return t > self.now - window.ms
        if isinstance(window, Between):
            return self.now - window.older < t <= self.now - window.newer
        if isinstance(window, Since):
            start: Time = self.value(window.start)
            return t >= start.ms
        return True

    def history_of(self, path: Path) -> list[tuple[int, Any]]:
        """What a trait was, oldest first, up to now."""
        parts = path.parts[1:] if path.parts[0] == "person" else path.parts
        if len(parts) < 2:
            return []
        known = [(t, value) for t, value in self.person.traits.get(parts[1], ()) if t <= self.now]
        return [(t, at_path(value, parts[2:])) for t, value in sorted(known, key=lambda k: k[0])]

    def zone(self) -> ZoneInfo | None:
        """The person's time zone."""
        return zone_called(self._state(self.person.traits, "timezone"))

    def _where(self, where: Any, event: Event) -> bool:
        outer, self._message = self._message, event.body
        try:
            return self.holds(where)
        finally:
            self._message = outer

    def _path(self, parts: tuple[str, ...]) -> Any:
        if parts[0] == "person":
            return self._of_person(parts[1:])
        if self._message is not None:
            return at_path(self._message, parts)
        if parts[0] == "journey" and self.journey is not None:
            return at_path(self.journey, parts[1:]) if len(parts) > 1 else None
        if parts[0] == "event" and self.trigger is not None:
            return at_path(self.trigger, parts[1:]) if len(parts) > 1 else self.trigger.get("event")
        return self._of_person(parts)

    def _of_person(self, parts: tuple[str, ...]) -> Any:
        if len(parts) < 2:
            return None
        if parts[0] == "traits":
            return at_path(self._state(self.person.traits, parts[1]), parts[2:])
        if parts[0] == MEASURED:
            return self.person.measured.get(parts[1])
        if parts[0] == "identifiers":
            values = list(self.person.identifiers.get(parts[1], ()))
            return at_path(values, parts[2:])
        if parts[:2] == ("account", "traits") and len(parts) > 2:
            known = [item for item in self.person.accounts if item[0] <= self.now]
            if not known:
                return None
            account = sorted(known, key=lambda item: item[0])[-1][1]
            return at_path(self._state(account, parts[2]), parts[3:])
        return None

    def _call(self, node: Call) -> Any:
        function = FUNCTIONS[node.name]
        values = [self.value(arg) for arg in node.args]
        if not function.of_a_person:
            return function.apply(*values)
        if node.name == "has_device":
            of_device = identifier_types(str(values[0]))
            return function.apply([t for t in of_device if self.person.identifiers.get(t)])
        states = self.person.audiences if node.name == "audience" else self.person.subscriptions
        return function.apply(self._state(states, values[0]))

    def _state(self, histories: Mapping[str, History], key: str) -> Any:
        known = [(t, value) for t, value in histories.get(key, ()) if t <= self.now]
        # Of one instant the last that was said holds.
        return sorted(known, key=lambda item: item[0])[-1][1] if known else None
