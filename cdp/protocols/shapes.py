"""What messages carry: the properties of a name, their types, and some of their values.

A `Seen` is what a number of looked-at messages had. Two of them join into what both
had, so that processes can look by themselves and join later. Everything is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from cdp.events import parse_time
from cdp.protocols.names import general_name
from cdp.protocols.personal import looks_personal

MAX_DEPTH = 4
MAX_PROPERTIES = 500
MAX_SAMPLES = 20
MAX_TEXT = 100
#: Of an array this many items are looked at.
MAX_ITEMS = 5
MAX_KEY = 100
#: How a key is listed that has no letters.
BLANK = "‹blank›"
#: Of the samples kept, so many are the latest, whatever their number.
_LATEST = 5

#: A sample that begins with it is a kind of personal data, not a value. No JSON does.
MASK = "~"

#: What the fields of accounts, and of objects of other types, begin with.
ACCOUNT, OBJECTS = "account", "objects"

#: Where a call carries what is listed of it, by its type; the person's own data
#: is called ``traits``, an account's ``account``.
PARTS = {
    "track": ("properties", "properties"),
    "page": ("properties", "properties"),
    "screen": ("properties", "properties"),
    "identify": ("traits", "traits"),
    "group": ("traits", ACCOUNT),
    "alias": ("properties", "properties"),
    "context": ("context", "context"),
}
_FAMILIES = {"integer": "number", "number": "number", "date-time": "string"}
_DATE = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?"
)

_SEGMENTS = re.compile(r"(?<!\\)\.")

#: Says of a field's name and value which kind of personal data it is, if any.
Kind = Callable[[str, Any], str | None]

_encode = msgspec.json.Encoder().encode


class Property(msgspec.Struct):
    """What looked-at messages had at one path.

    ``n`` of them had it at all, first and last at event time ``first`` and ``last``
    (ms); ``types`` counts the messages by type. ``samples`` counts values, written as
    JSON, or as `MASK` and a kind; ``more`` says that others were left out.
    """

    n: int = 0
    first: int = 0
    last: int = 0
    types: dict[str, int] = {}
    samples: dict[str, int] = {}
    more: bool = False

    def join(self, other: Property) -> None:
        """Add what ``other`` knows; its samples are the later ones."""
        self.first = min(self.first, other.first) if self.n else other.first
        self.last = max(self.last, other.last) if self.n else other.last
        self.n += other.n
        for type_, n in other.types.items():
            self.types[type_] = self.types.get(type_, 0) + n
        for text, n in other.samples.items():
            self.samples[text] = self.samples.pop(text, 0) + n
        self.more = self.more or other.more
        self.trim()

    def trim(self) -> None:
        """Keep the most frequent samples and the latest few."""
        if len(self.samples) <= MAX_SAMPLES:
            return
        self.more = True
        order = list(self.samples.items())
        latest, rest = order[-_LATEST:], order[:-_LATEST]
        rest.sort(key=lambda item: -item[1])
        kept = dict(rest[: MAX_SAMPLES - _LATEST] + latest)
        self.samples = {text: n for text, n in order if text in kept}


class Seen:
    """What a number of looked-at messages of one name had.

    ``looked`` of them, of event times ``first`` to ``last`` (ms); ``beyond`` of these
    had more properties than are kept.
    """

    __slots__ = ("beyond", "first", "last", "looked", "properties")

    def __init__(self) -> None:
        self.looked = 0
        self.beyond = 0
        self.first = self.last = 0
        self.properties: dict[str, Property] = {}

    def look(
        self,
        part: dict[str, Any],
        root: str,
        t: int,
        own: Iterable[str] = (),
        kind: Kind = looks_personal,
    ) -> None:
        """Look at ``part`` of a message of event time ``t``.

        ``root`` names the part (see `PARTS`); values equal to one of the message's
        ``own`` identifiers are masked, and those of which ``kind`` says one.
        """
        self.first = min(self.first, t) if self.looked else t
        self.last = max(self.last, t) if self.looked else t
        self.looked += 1
        walk = _Walk(self.properties, root, t, frozenset(own), kind)
        walk.object(part, "", 1)
        self.beyond += walk.beyond

    def join(self, other: Seen) -> None:
        """Add what ``other`` knows, as far as there is room."""
        if other.looked:
            self.first = min(self.first, other.first) if self.looked else other.first
            self.last = max(self.last, other.last) if self.looked else other.last
        self.looked += other.looked
        self.beyond += other.beyond
        left_out = 0
        for path, theirs in other.properties.items():
            mine = self.properties.get(path)
            if mine is None:
                if len(self.properties) >= MAX_PROPERTIES:
                    left_out = max(left_out, theirs.n)
                    continue
                mine = self.properties[path] = Property()
            mine.join(theirs)
        self.beyond += left_out


class _Walk:
    """One look at one message."""

    __slots__ = ("beyond", "found", "kind", "own", "root", "seen", "t")

    def __init__(
        self, found: dict[str, Property], root: str, t: int, own: frozenset[str], kind: Kind
    ) -> None:
        self.found, self.root, self.t, self.own, self.kind = found, root, t, own, kind
        self.seen: set[tuple[str, str]] = set()
        self.beyond = False

    def object(self, value: dict[str, Any], above: str, depth: int) -> None:
        for key, item in value.items():
            self.value(item, f"{above}{path_key(key)}", depth)

    def value(self, value: Any, path: str, depth: int) -> None:
        type_ = _type(value)
        noted = self.note(path, type_)
        if noted is None:
            return
        if type_ == "object":
            if depth < MAX_DEPTH:
                self.object(value, path + ".", depth + 1)
        elif type_ == "array":
            for item in value[:MAX_ITEMS]:
                if isinstance(item, dict):
                    if depth < MAX_DEPTH:
                        self.note(path + "[]", "object")
                        self.object(item, path + "[].", depth + 1)
                elif depth < MAX_DEPTH:
                    self.value(item, path + "[]", depth + 1)
        elif value is not None:
            self.sample(noted, path, value)

    def note(self, path: str, type_: str) -> Property | None:
        found = self.found.get(path)
        if found is None:
            if len(self.found) >= MAX_PROPERTIES:
                self.beyond = True
                return None
            found = self.found[path] = Property(first=self.t, last=self.t)
        if (path, type_) not in self.seen:
            if (path, "") not in self.seen:
                self.seen.add((path, ""))
                found.n += 1
                if self.t < found.first:
                    found.first = self.t
                if self.t > found.last:
                    found.last = self.t
            self.seen.add((path, type_))
            found.types[type_] = found.types.get(type_, 0) + 1
        return found

    def sample(self, found: Property, path: str, value: Any) -> None:
        samples = found.samples
        kind = self.kind(f"{self.root}.{path}", value)
        if kind is None and self.own and str(value) in self.own:
            kind = "user_id"
        text = MASK + kind if kind is not None else sample_text(value)
        samples[text] = samples.pop(text, 0) + 1
        if len(samples) > 2 * MAX_SAMPLES:
            found.trim()


def sample_text(value: Any) -> str:
    """A value as JSON; a long text is cut and ends in ``…``."""
    if isinstance(value, str) and len(value) > MAX_TEXT:
        value = value[: MAX_TEXT - 1] + "…"
    return _encode(value).decode()


def families(types: Iterable[str]) -> set[str]:
    """Types that go together as one: integers with numbers, dates with strings."""
    return {_FAMILIES.get(type_, type_) for type_ in types if type_ != "null"}


def is_conflict(types: Iterable[str]) -> bool:
    """Whether senders disagree on what a property is."""
    return len(families(types)) > 1


def path_key(key: str) -> str:
    """A key as a step of a path: cut, ids left out, dots escaped."""
    if key.isidentifier() and key.isascii() and len(key) <= 15:
        return key
    key = general_name(key)
    if len(key) > MAX_KEY:
        key = key[: MAX_KEY - 1] + "…"
    return key.replace("\\", "\\\\").replace(".", "\\.") if key.strip() else BLANK


def split_path(path: str) -> list[str]:
    """The steps of a path, as they stand in it."""
    return _SEGMENTS.split(path)


def _type(value: Any) -> str:
    if isinstance(value, str):
        if 10 <= len(value) <= 35 and value[4] == "-" and _DATE.fullmatch(value):
            return "date-time" if parse_time(value) is not None else "string"
        return "string"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    return "object" if isinstance(value, dict) else "array"
