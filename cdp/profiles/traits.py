"""Traits: the last writer wins, by stamped time.

A `TraitMap` keeps for each top-level trait its value and the stamp of the message
that set it; null unsets and is kept as such, so that an older value that arrives
later stays unset. Joining two maps takes the newer entry of each trait, so it does
not matter in which order maps and messages are put together (law 3). Objects that
merge by rule are a `MergedObject` each, for which the same holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from cdp.events import Stamp
from cdp.profiles.merged import MergedObject, Path, newer
from cdp.profiles.trait_rules import DEFAULT_TRAITS, TraitRules

MAX_NAME = 500

#: Traits that the Segment spec gives a meaning; of too many names these stay first.
RESERVED = frozenset(
    {
        "address", "age", "avatar", "birthday", "company", "createdAt", "description", "email",
        "employees", "firstName", "gender", "id", "industry", "lastName", "name", "phone", "plan",
        "title", "username", "website",
    }
)  # fmt: skip

_encode = msgspec.json.Encoder().encode


class _Stored(msgspec.Struct, array_like=True):
    stamps: list[tuple[int, int, str]]
    traits: dict[str, tuple[int, Any]]
    merged: dict[str, list[tuple[tuple[str | None, ...], int, Any]]] = {}


_decode = msgspec.json.Decoder(_Stored).decode


class Dropped(NamedTuple):
    """A trait that was not kept, and why; ``stamp`` is of the message that set it."""

    name: str
    reason: str
    stamp: Stamp
    value: Any


def clean(
    traits: dict[str, Any], rules: TraitRules = DEFAULT_TRAITS
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The traits of one message that can be kept, and (name, reason) of those that can't."""
    kept: dict[str, Any] = {}
    dropped: list[tuple[str, str]] = []
    most = rules.max_value_bytes
    for name, value in traits.items():
        if not name:
            dropped.append((name, "it has no name"))
        elif len(name) > MAX_NAME:
            text = f"its name has {len(name):,} characters, {MAX_NAME} are allowed"
            dropped.append((name[:MAX_NAME], text))
        elif len(kept) >= rules.max_traits:
            dropped.append((name, f"a call may set {rules.max_traits:,} traits"))
        elif isinstance(value, str | dict | list) and (size := _size(value, most)) > most:
            dropped.append((name, f"its value has {size:,} bytes, {most:,} are allowed"))
        else:
            kept[name] = value
    return kept, dropped


def _size(value: str | dict[str, Any] | list[Any], most: int) -> int:
    """The bytes of ``value`` as JSON; short texts are not measured."""
    if isinstance(value, str) and len(value) * 6 <= most:
        return 0
    return len(_encode(value))


Entry = tuple[Any, Stamp]


class TraitMap:
    """The newest value of each trait, with the stamp that set it."""

    __slots__ = ("_entries", "_shown")

    def __init__(self) -> None:
        self._entries: dict[str, Entry | MergedObject] = {}
        self._shown: dict[str, Any] | None = None

    def __len__(self) -> int:
        """How many names are known, unset ones too."""
        return len(self._entries)

    def assign(
        self, traits: dict[str, Any], stamp: Stamp, rules: TraitRules = DEFAULT_TRAITS
    ) -> list[Dropped]:
        """Set ``traits``, which `clean` has passed, as of ``stamp``.

        Returns what the rules leave out now, of this message or of earlier ones.
        """
        entries, self._shown = self._entries, None
        for name, value in traits.items():
            old = entries.get(name)
            if isinstance(value, dict) and rules.merges(name):
                _merged(entries, name).assign(value, stamp)
            elif isinstance(old, MergedObject):
                old.replace(value, stamp)
            elif old is None or newer(value, stamp, old):
                entries[name] = (value, stamp)
        return self._trim(rules, traits)

    def join(self, other: TraitMap, rules: TraitRules = DEFAULT_TRAITS) -> list[Dropped]:
        """Take over each entry of ``other`` that is newer; returns what the rules leave out."""
        entries, self._shown = self._entries, None
        for name, theirs in other._entries.items():
            ours = entries.get(name)
            if isinstance(theirs, MergedObject):
                _merged(entries, name).join(theirs)
            elif isinstance(ours, MergedObject):
                ours.replace(*theirs)
            elif ours is None or newer(*theirs, ours):
                entries[name] = theirs
        return self._trim(rules, other._entries)

    def _trim(self, rules: TraitRules, touched: Iterable[str]) -> list[Dropped]:
        """Keep to the limits of a profile.

        What stays is decided by names alone, never by times or order: a name that
        is left out once is left out for good, whatever comes and however (law 3).
        """
        entries = self._entries
        dropped: list[Dropped] = []
        for name in touched:
            entry = entries[name]
            if isinstance(entry, MergedObject) and len(entry.parts) > rules.max_object_keys:
                stamp = entry.stamp()
                reason = f"an object may have had {rules.max_object_keys:,} keys"
                for path in entry.trim(rules.max_object_keys):
                    dropped.append(Dropped(f"{name}.{path}", reason, stamp, None))
        if len(entries) > rules.max_profile_traits:
            reason = f"a profile may have {rules.max_profile_traits:,} traits"
            for name in sorted(entries, key=rank)[rules.max_profile_traits :]:
                dropped.append(Dropped(name, reason, *_seen(entries.pop(name))[::-1]))
        return dropped

    def until(self, t: int) -> TraitMap:
        """What was set at ``t`` (ms) at the latest, and has not been set again since."""
        made = TraitMap()
        for name, entry in self._entries.items():
            if not isinstance(entry, MergedObject) and entry[1].t <= t:
                made._entries[name] = entry
        return made

    def unsettled(self, t: int) -> set[str] | None:
        """The names whose value at ``t`` (ms) is not told by the map; None: there may be more."""
        names: set[str] = set()
        for name, entry in self._entries.items():
            if isinstance(entry, MergedObject):
                return None
            if entry[1].t > t:
                names.add(name)
        return names

    def items(self) -> Iterator[tuple[str, Any, Stamp]]:
        """(name, value, stamp) of each trait that is shown, by name."""
        for name, entry in sorted(self._entries.items()):
            value, stamp = _seen(entry)
            if value is not None:
                yield name, value, stamp

    def latest(self, name: str) -> Entry | None:
        """The value of a trait (None where it was unset), and what set it; None of no trait."""
        entry = self._entries.get(name)
        return None if entry is None else _seen(entry)

    def values(self) -> dict[str, Any]:
        """The traits as they are shown, without those that were unset; not to be changed."""
        if self._shown is not None:
            return self._shown
        entries = self._entries
        shown: dict[str, Any] = {}
        for name in sorted(entries):
            entry = entries[name]
            value = entry.value() if isinstance(entry, MergedObject) else entry[0]
            if value is not None:
                shown[name] = value
        self._shown = shown
        return shown

    def stamps(self) -> dict[str, Stamp]:
        """Which message set each trait that is shown."""
        return {name: stamp for name, _, stamp in self.items()}

    def encode(self) -> bytes:
        """The map as JSON: stamps once each, traits point at them."""
        numbers: dict[Stamp, int] = {}
        traits: dict[str, tuple[int, Any]] = {}
        merged: dict[str, list[tuple[Path, int, Any]]] = {}
        for name, entry in sorted(self._entries.items()):
            if isinstance(entry, MergedObject):
                merged[name] = [
                    (path, numbers.setdefault(stamp, len(numbers)), value)
                    for path, (value, stamp) in sorted(entry.parts.items(), key=_by_path)
                ]
            else:
                traits[name] = (numbers.setdefault(entry[1], len(numbers)), entry[0])
        return _encode([list(numbers), traits, merged] if merged else [list(numbers), traits])

    @classmethod
    def decode(cls, data: bytes | None) -> TraitMap:
        """A map from `encode`'s bytes; an empty one from None."""
        made = cls()
        if data:
            stored = _decode(data)
            stamps = [Stamp(*stamp) for stamp in stored.stamps]
            made._entries = {
                name: (value, stamps[number]) for name, (number, value) in stored.traits.items()
            }
            for name, parts in stored.merged.items():
                made._entries[name] = MergedObject(
                    {path: (value, stamps[number]) for path, number, value in parts}
                )
        return made


def rank(name: str) -> tuple[bool, bool, int, str]:
    """Which names stay when there are too many: the spec's, then plain ones, then short ones."""
    return name not in RESERVED, any(c.isdigit() for c in name), len(name), name


def _merged(entries: dict[str, Entry | MergedObject], name: str) -> MergedObject:
    """The entry of ``name`` as one that merges; a value that was there is its beginning."""
    old = entries.get(name)
    if isinstance(old, MergedObject):
        return old
    made = entries[name] = MergedObject()
    if old is not None:
        made.replace(*old)
    return made


def _seen(entry: Entry | MergedObject) -> Entry:
    return (entry.value(), entry.stamp()) if isinstance(entry, MergedObject) else entry


def _by_path(part: tuple[Path, Any]) -> list[tuple[bool, str]]:
    return [(key is not None, key or "") for key in part[0]]


def display_name(values: dict[str, Any]) -> str | None:
    """What to call a person: their name, else first and last, else an address."""

    def text(*names: str) -> str:
        for name in names:
            value = values.get(name)
            if isinstance(value, str) and value.strip():
                return value.strip()
        return ""

    both = f"{text('firstName', 'first_name')} {text('lastName', 'last_name')}".strip()
    found = text("name") or both or text("email") or text("username")
    return found.replace("\0", "")[:200] or None
