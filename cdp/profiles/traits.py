"""Traits: the last writer wins, by stamped time.

A `TraitMap` keeps for each top-level trait its value and the stamp of the message
that set it; null unsets and is kept as such, so that an older value that arrives
later stays unset. Joining two maps takes the newer entry of each trait, so it does
not matter in which order maps and messages are put together (law 3).
"""

from __future__ import annotations

from typing import Any

import msgspec

from cdp.events import Stamp

MAX_TRAITS = 300
MAX_NAME = 500
MAX_VALUE_BYTES = 16 * 1024

_encode = msgspec.json.Encoder().encode


class _Stored(msgspec.Struct, array_like=True):
    stamps: list[tuple[int, int, str]]
    traits: dict[str, tuple[int, Any]]


_decode = msgspec.json.Decoder(_Stored).decode


def clean(traits: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The traits that can be kept, and the names of those that can't.

    At most `MAX_TRAITS` a call, names of `MAX_NAME` characters, values of
    `MAX_VALUE_BYTES` as JSON.
    """
    kept: dict[str, Any] = {}
    dropped: list[str] = []
    for name, value in traits.items():
        if (
            not name
            or len(name) > MAX_NAME
            or len(kept) >= MAX_TRAITS
            or (isinstance(value, str) and len(value) > MAX_VALUE_BYTES)
            or (isinstance(value, dict | list) and len(_encode(value)) > MAX_VALUE_BYTES)
        ):
            dropped.append(name[:MAX_NAME])
        else:
            kept[name.replace("\0", "")] = value
    return kept, dropped


class TraitMap:
    """The newest value of each trait, with the stamp that set it."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: dict[str, tuple[Any, Stamp]] = {}

    def assign(self, traits: dict[str, Any], stamp: Stamp) -> bool:
        """Set ``traits`` as of ``stamp``; says whether a visible value changed."""
        changed = False
        entries = self._entries
        kept, _ = clean(traits)
        for name, value in kept.items():
            old = entries.get(name)
            if old is None or _newer(value, stamp, old):
                changed = changed or old is None or old[0] != value
                entries[name] = (value, stamp)
        return changed

    def join(self, other: TraitMap) -> None:
        """Take over each entry of ``other`` that is newer."""
        entries = self._entries
        for name, (value, stamp) in other._entries.items():
            old = entries.get(name)
            if old is None or _newer(value, stamp, old):
                entries[name] = (value, stamp)

    def values(self) -> dict[str, Any]:
        """The traits as they are shown, without those that were unset."""
        return {n: value for n, (value, _) in sorted(self._entries.items()) if value is not None}

    def stamps(self) -> dict[str, Stamp]:
        """Which message set each trait that is shown."""
        return {n: stamp for n, (v, stamp) in sorted(self._entries.items()) if v is not None}

    def encode(self) -> bytes:
        """The map as JSON: stamps once each, traits point at them."""
        numbers: dict[Stamp, int] = {}
        traits: dict[str, tuple[int, Any]] = {}
        for name, (value, stamp) in sorted(self._entries.items()):
            traits[name] = (numbers.setdefault(stamp, len(numbers)), value)
        return _encode(_Stored([tuple(stamp) for stamp in numbers], traits))  # type: ignore[misc]

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
        return made


def _newer(value: Any, stamp: Stamp, old: tuple[Any, Stamp]) -> bool:
    if stamp != old[1]:
        return stamp > old[1]
    # The same message twice: any fixed choice does, as long as it is the same one.
    return value != old[0] and _encode(value) > _encode(old[0])


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
