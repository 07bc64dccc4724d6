"""What the live engine knows of a person: current state, and the events that it must know."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from cdp.conditions.ast import And, EventRef, Path, Relative, StartOf, Uploaded, walk
from cdp.conditions.lists import NO_LISTS, Lists
from cdp.conditions.predicate import Predicate, compile_message
from cdp.events import at_path

#: The event of a stream of traits, for `changed`; see `cdp.store.events.kept`.
TRAITS = ""
Keys = tuple[str, ...]


class _Unsaid:
    """Stands in a stream of traits where a message said nothing of a trait."""


UNSAID: Any = _Unsaid()


class Stream:
    """A person's events of one kind, in order: ``t``, position, and a list for each column."""

    __slots__ = ("columns", "seq", "t")

    def __init__(self, columns: int) -> None:
        self.t: list[int] = []
        self.seq: list[int] = []
        self.columns: tuple[list[Any], ...] = tuple([] for _ in range(columns))

    def add(self, t: int, seq: int, values: Sequence[Any]) -> None:
        """Add an event that came after all others (its position is the highest so far)."""
        if not self.t or t >= self.t[-1]:
            self.t.append(t)
            self.seq.append(seq)
            if self.columns:
                for column, value in zip(self.columns, values, strict=True):
                    column.append(value)
            return
        at = bisect_right(self.t, t)
        self.t.insert(at, t)
        self.seq.insert(at, seq)
        for column, value in zip(self.columns, values, strict=True):
            column.insert(at, value)


class Subject:
    """One person (or account) as conditions see it; what isn't known is empty.

    ``measured`` are computed traits that queries work out. ``streams`` by the numbers of
    `Streams`. ``message`` is the event that a ``where`` looks at, while it does; ``journey``
    what ``event.…`` and ``journey.…`` say where a run of a journey asks.
    """

    __slots__ = (
        "account",
        "audiences",
        "identifiers",
        "journey",
        "measured",
        "message",
        "streams",
        "subscriptions",
        "traits",
    )

    def __init__(self) -> None:
        self.traits: dict[str, Any] = {}
        self.account: dict[str, Any] = {}
        self.identifiers: dict[str, list[str]] = {}
        self.measured: dict[str, Any] = {}
        self.audiences: set[str] = set()
        self.subscriptions: dict[str, bool] = {}
        self.streams: dict[int, Stream] = {}
        self.message: Any = None
        self.journey: Mapping[str, Any] = {}


class StreamSpec:
    """Which events a stream has: those of a name that meet a fixed ``where``.

    ``columns`` are the paths whose values it holds. A ``where`` that depends on time,
    on the person or on an uploaded list can't be fixed; it is looked at when the stream is
    read, by the columns.
    """

    def __init__(self, event: str, where: Any) -> None:
        self.event = event
        self.where = where
        self.accepts: Predicate | None = compile_message(where) if where is not None else None
        self.columns: list[Keys] = []
        self.where_paths = paths_of(where)

    def column(self, path: Keys) -> int:
        """The number of a column, which is added if it is new."""
        if path not in self.columns:
            self.columns.append(path)
        return self.columns.index(path)

    @property
    def reads(self) -> set[Keys]:
        """All paths of a message that must be known, so as to build the stream."""
        return {*self.columns, *self.where_paths}

    def values(self, body: Any) -> list[Any]:
        """The columns of a message."""
        if self.event == TRAITS:
            said = body.get("traits") or {}
            return [said.get(path[1], UNSAID) for path in self.columns]
        return [at_path(body, path) for path in self.columns]


class Streams:
    """All streams that a set of conditions reads; conditions alike share them.

    ``lists`` are the uploaded ones, as they are when a value is asked for.
    """

    def __init__(self, lists: Lists = NO_LISTS) -> None:
        self.lists = lists
        self.specs: list[StreamSpec] = []
        self._numbers: dict[tuple[str, Any], int] = {}

    def number(self, event: str, where: Any = None) -> int:
        """The stream of an event with a fixed ``where``."""
        key = (event, where)
        if key not in self._numbers:
            self._numbers[key] = len(self.specs)
            self.specs.append(StreamSpec(event, where))
        return self._numbers[key]

    def wanted(self) -> set[tuple[str, Keys]]:
        """What must be kept of messages: (event, path), ``()`` for the event itself."""
        return {
            (spec.event, path)
            for spec in self.specs
            for path in (spec.reads if spec.event == TRAITS else {(), *spec.reads})
            if path[:1] != ("person",)
        }


class Needs(NamedTuple):
    """What a condition reads. ``identifiers`` says whether it reads any; ``account`` are
    traits of the account that a person's group calls spoke of last.
    """

    streams: frozenset[int]
    traits: frozenset[str]
    audiences: frozenset[str]
    identifiers: bool
    account: frozenset[str] = frozenset()


def split_where(ref: EventRef) -> tuple[Any, Any]:
    """The fixed part of an event's ``where``, and the part that depends on time or person."""
    if ref.where is None:
        return None, None
    items = ref.where.items if isinstance(ref.where, And) else (ref.where,)
    fixed = [item for item in items if is_fixed(item)]
    rest = [item for item in items if not is_fixed(item)]
    return _joined(fixed), _joined(rest)


def _joined(items: list[Any]) -> Any:
    if not items:
        return None
    return items[0] if len(items) == 1 else And(tuple(items))


def is_fixed(node: Any) -> bool:
    """Whether what a ``where`` says of an event is the same for ever."""
    return not any(
        isinstance(inner, Relative | StartOf | Uploaded)
        or (isinstance(inner, Path) and inner.parts[0] == "person")
        for inner in walk(node)
    )


def paths_of(where: Any) -> list[Keys]:
    """The paths into a message that a ``where`` reads."""
    if where is None:
        return []
    found = {
        node.parts for node in walk(where) if isinstance(node, Path) and node.parts[0] != "person"
    }
    return sorted(found)


def body_of(pairs: Iterable[tuple[Keys, Any]]) -> dict[str, Any]:
    """A message that has these values at these paths, as far as conditions can tell.

    Give short paths first. Where a shorter path has a value it holds the longer one's, too.
    """
    body: dict[str, Any] = {}
    for path, value in pairs:
        if value is None:
            continue
        inner: Any = body
        for key in path[:-1]:
            inner = inner.setdefault(key, {}) if isinstance(inner, dict) else None
        if isinstance(inner, dict):
            inner.setdefault(path[-1], value)
    return body
