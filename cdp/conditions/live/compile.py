"""Tree → functions over a `Subject`: what it is worth, and until when time leaves it so.

Each node becomes a `Part`. ``value(subject, now)`` agrees with the plain evaluator
(`cdp.conditions.person`), of which it is the fast form. ``until(subject, now)`` is an
instant after ``now`` up to which the value stays, whatever the clock does, as long as
nothing new is said of the person; `NEVER` where time alone changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cdp.conditions.ast import (
    MEASURED,
    And,
    Call,
    Compare,
    In,
    Instant,
    Items,
    Not,
    Or,
    Path,
    Performed,
    Relative,
    StartOf,
    Uploaded,
    Value,
)
from cdp.conditions.functions import FUNCTIONS
from cdp.conditions.functions.devices import identifier_types
from cdp.conditions.live.figures import sharpened
from cdp.conditions.live.forms import compile_form
from cdp.conditions.live.joins import joined, negated
from cdp.conditions.live.part import (
    Get,
    Look,
    Moved,
    Part,
    Until,
    look_of,
    sooner,
    stirred,
)
from cdp.conditions.live.subject import Needs, Streams, Subject
from cdp.conditions.live.thresholds import at_least, compile_threshold
from cdp.conditions.live.windows import NEVER, begin_of, next_begin
from cdp.conditions.values import Time, contained, ordered, same, to_time
from cdp.events import at_path


@dataclass(frozen=True)
class Live:
    """A condition or expression that can be asked of a person at any instant."""

    root: Any
    value: Get
    until: Until | None
    needs: Needs
    #: Value and `next_change` at once.
    look: Look
    #: See `Part`.
    stirs: frozenset[int]
    moved: Moved | None
    rises: frozenset[int]
    falls: frozenset[int]
    least: Mapping[int, int]

    def holds(self, subject: Subject, now: int) -> bool:
        """Whether it is true."""
        return self.value(subject, now) is True

    def next_change(self, subject: Subject, now: int) -> int:
        """The first instant at which time alone could change the value; or `NEVER`."""
        return NEVER if self.until is None else self.until(subject, now)


class Compiler:
    """Compiles nodes and notes what they read. ``in_where``: paths are an event's."""

    def __init__(self, streams: Streams) -> None:
        self.streams = streams
        self.in_where = False
        self.used: set[int] = set()
        self.traits: set[str] = set()
        self.audiences: set[str] = set()
        self.account: set[str] = set()
        self.identifiers = False

    def part(self, node: Any) -> Part:
        """A node as a value."""
        kind = type(node)
        if kind is Value:
            value = node.value
            return Part(lambda subject, now: value)
        if kind is Path:
            return Part(self._path(node.parts))
        if kind is Compare:
            return self._compare(node)
        if kind is And or kind is Or:
            return joined([self.part(item) for item in node.items], kind is And)
        if kind is Not:
            inside = node.item
            if type(inside) is Performed:
                return at_least(self, inside.event, inside.window, 1, negated=True)
            return negated(self.part(inside))
        if kind is In:
            inner, values = self.part(node.item), self.part(node.list)
            of, among = inner.value, values.value
            return Part(
                lambda subject, now: contained(of(subject, now), among(subject, now)),
                sooner(inner.until, values.until),
                inner.stirs | values.stirs,
            )
        if kind is Items:
            return self._items(node)
        if kind is Instant:
            time = Time(node.at)
            return Part(lambda subject, now: time)
        if kind is Uploaded:
            lists, name = self.streams.lists, node.name
            return Part(lambda subject, now: lists.get(name) or ())
        if kind is Relative:
            offset = node.offset
            return Part(lambda subject, now: Time(now + offset), lambda subject, now: now + 1)
        if kind is StartOf:
            return self._start_of(node)
        if kind is Call:
            return self._call(node)
        return compile_form(self, node)

    def _path(self, parts: tuple[str, ...]) -> Get:
        if parts[0] == "person":
            parts = parts[1:]
        elif self.in_where:
            return lambda subject, now: at_path(subject.message, parts)
        if parts[0] == "event":
            inside = parts[1:] or ("event",)
            return lambda subject, now: at_path(subject.journey.get("event"), inside)
        if len(parts) < 2:
            return lambda subject, now: None
        if parts[0] == "journey":
            variable = parts[1:]
            return lambda subject, now: at_path(subject.journey.get("vars"), variable)
        if parts[:2] == ("account", "traits") and len(parts) > 2:
            trait, inner = parts[2], parts[3:]
            self.account.add(trait)
            return lambda subject, now: at_path(subject.account.get(trait), inner)
        if parts[0] == MEASURED:
            key = parts[1]
            return lambda subject, now: subject.measured.get(key)
        if parts[0] == "identifiers":
            self.identifiers = True
            kind, deeper = parts[1], parts[2:]
            return lambda subject, now: at_path(subject.identifiers.get(kind, []), deeper)
        if parts[0] != "traits":
            return lambda subject, now: None
        name, rest = parts[1], parts[2:]
        self.traits.add(name)
        if not rest:
            return lambda subject, now: subject.traits.get(name)
        return lambda subject, now: at_path(subject.traits.get(name), rest)

    def _trait_alone(self, node: Any) -> str | None:
        """The trait of the person that a node is, as a whole."""
        if type(node) is not Path:
            return None
        owned = node.parts[0] == "person"
        parts = node.parts[1:] if owned else node.parts
        own = owned or not self.in_where
        return parts[1] if own and len(parts) == 2 and parts[0] == "traits" else None

    def _items(self, node: Items) -> Part:
        parts = [self.part(item) for item in node.items]
        gets = [part.value for part in parts]
        until: Until | None = None
        for part in parts:
            until = sooner(until, part.until)
        return Part(lambda subject, now: [get(subject, now) for get in gets], until, stirred(parts))

    def _start_of(self, node: StartOf) -> Part:
        begin, following = begin_of(node), next_begin(node)
        if node.zone == "person":
            self.traits.add("timezone")
        return Part(lambda subject, now: Time(begin(subject, now)), following)

    def _call(self, node: Call) -> Part:
        function = FUNCTIONS[node.name]
        apply = function.apply
        if function.of_a_person:
            return self._state(node, apply)
        parts = [self.part(arg) for arg in node.args]
        gets = [part.value for part in parts]
        until: Until | None = None
        for part in parts:
            until = sooner(until, part.until)
        if len(gets) == 1:
            get = gets[0]
            return Part(lambda subject, now: apply(get(subject, now)), until, stirred(parts))
        return Part(
            lambda subject, now: apply(*[get(subject, now) for get in gets]), until, stirred(parts)
        )

    def _state(self, node: Call, apply: Callable[..., Any]) -> Part:
        key = node.args[0].value if isinstance(node.args[0], Value) else None
        if node.name == "has_device":
            self.identifiers = True
            types = identifier_types(str(key))
            return Part(lambda subject, now: any(subject.identifiers.get(t) for t in types))
        if node.name == "audience":
            self.audiences.add(str(key))
            return Part(lambda subject, now: apply(key in subject.audiences or None))
        return Part(lambda subject, now: apply(subject.subscriptions.get(str(key))))

    def _compare(self, node: Compare) -> Part:
        threshold = compile_threshold(self, node)
        if threshold is not None:
            return threshold
        return sharpened(self, node, self._general(node))

    def _general(self, node: Compare) -> Part:
        if node.op == "=" and type(node.right) is Value and type(node.right.value) is str:
            name, text = self._trait_alone(node.left), node.right.value
            if name is not None:
                self.traits.add(name)
                return Part(lambda subject, now: subject.traits.get(name) == text)
        left, right, op = self.part(node.left), self.part(node.right), node.op
        a, b, stirs = left.value, right.value, left.stirs | right.stirs
        until = sooner(
            None if type(node.left) is Relative else left.until,
            None if type(node.right) is Relative else right.until,
        )
        if type(node.left) is not type(node.right):
            if type(node.right) is Relative:
                until = sooner(until, _crossing(a, node.right.offset))
            elif type(node.left) is Relative:
                until = sooner(until, _crossing(b, node.left.offset))
        if op == "=":
            return Part(lambda s, now: same(a(s, now), b(s, now)), until, stirs)
        if op == "!=":
            return Part(lambda s, now: not same(a(s, now), b(s, now)), until, stirs)
        return Part(lambda s, now: ordered(op, a(s, now), b(s, now)), until, stirs)


def _crossing(get: Get, offset: int) -> Until:
    """When ``now + offset`` reaches the time that a value is, and when it passes it."""

    def until(subject: Subject, now: int) -> int:
        time = to_time(get(subject, now))
        if time is None:
            return NEVER
        at = time.ms - offset
        if at > now:
            return at
        return at + 1 if at == now else NEVER

    return until


def compile_person(root: Any, streams: Streams) -> Live:
    """Compile a condition or expression over a person; ``streams`` learns what it reads."""
    compiler = Compiler(streams)
    part = compiler.part(root)
    needs = Needs(
        frozenset(compiler.used),
        frozenset(compiler.traits),
        frozenset(compiler.audiences),
        compiler.identifiers,
        frozenset(compiler.account),
    )
    return Live(
        root, part.value, part.until, needs, look_of(part),
        part.stirs, part.moved, part.rises, part.falls, part.least,
    )  # fmt: skip
