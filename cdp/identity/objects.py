"""What messages say about objects: accounts, and things of other types (customer.io: Objects).

A ``group`` call names an object, of the type ``objectTypeId``, sets its traits, and
relates a person to it. The track events ``Relationship Deleted`` and ``Object Deleted``
take the relationship back, or the object. Each type is a collection of its own.
"""

from __future__ import annotations

import re
from typing import Any, Final, Literal

from cdp.events.message import hash64

Deed = Literal["related", "parted", "deleted"]
RELATED: Final = "related"
PARTED: Final = "parted"
DELETED: Final = "deleted"

#: The track events that act on objects.
ENDINGS: dict[str, Deed] = {"Relationship Deleted": PARTED, "Object Deleted": DELETED}

#: The type of accounts, and so of group calls that name none.
ACCOUNT_TYPE = "1"
#: Types that a space may have, accounts included.
MAX_TYPES = 100

#: Numbers are collections as they are, words get a number from here on.
_WORDS_FROM = 1_000_000_000
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_TAKEN = ("users", "accounts")
_TYPE_KEYS = ("objectTypeId", "object_type_id")
_RELATIONSHIP_KEYS = ("relationshipAttributes", "relationship_attributes")
_NO_TRAITS = (*_TYPE_KEYS, *_RELATIONSHIP_KEYS)


class NoObject(ValueError):
    """A message names no object that can be kept; the text says why."""


def deed(type_: str, name: str) -> Deed | None:
    """What a message of that type and event name does to an object; None for most."""
    if type_ == "group":
        return RELATED
    return ENDINGS.get(name) if type_ == "track" else None


def type_key(type_: str, body: dict[str, Any]) -> str:
    """The object type that a message names, as it is kept; raises `NoObject`.

    A group call has it on top, in its traits or its context, a track event in its
    properties.
    """
    places = ("traits", "context") if type_ == "group" else ("properties", "context")
    for place in (body, *(body.get(place) for place in places)):
        if not isinstance(place, dict):
            continue
        for name in _TYPE_KEYS:
            value = place.get(name)
            if value is not None and value != "":
                return _as_key(value)
    return ACCOUNT_TYPE


def _as_key(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = "" if isinstance(value, bool | float) else str(value).strip()
    if text.isascii() and text.isdigit():
        number = int(text) if len(text) < 12 else 0
        if not 1 <= number < _WORDS_FROM:
            raise NoObject(f"objectTypeId must be from 1 to {_WORDS_FROM - 1:,}, not {text[:40]}")
        return str(number)
    if not isinstance(value, str) or not _KEY.fullmatch(text) or text.casefold() in _TAKEN:
        shown = text[:40] if isinstance(value, str) else type(value).__name__
        raise NoObject(f"objectTypeId must be a number or one word, not {shown!r}")
    return text


def collection_of(key: str) -> int:
    """The number of the collection of a type; the same in every store."""
    return int(key) if key.isdigit() else _WORDS_FROM + hash64(f"object\0{key}") % _WORDS_FROM


class ObjectTypes:
    """The types that are known, by key, and those that came up now."""

    def __init__(self, known: dict[str, int]) -> None:
        self._known = known
        self._new: dict[str, int] = {}

    def collection(self, key: str) -> int:
        """The collection of a type, which may be new; raises `NoObject` if it finds no room."""
        number = self._known.get(key)
        if number is None:
            number = collection_of(key)
            if len(self._known) >= MAX_TYPES:
                raise NoObject(f"there are {MAX_TYPES} object types already, without {key!r}")
            if number in self._known.values():
                raise NoObject(f"object type {key!r} can't be told from another one")
            self._known[key] = self._new[key] = number
        return number

    def take_new(self) -> dict[str, int]:
        """The types that came up since the last time."""
        new, self._new = self._new, {}
        return new


def ended_object(body: dict[str, Any]) -> str | None:
    """The object that a track event of `ENDINGS` names; None if it names none."""
    properties = body.get("properties")
    if not isinstance(properties, dict):
        return None
    for name in ("objectId", "object_id"):
        value = properties.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool):
            text = str(value).replace("\0", "").strip()
            if text and len(text) <= 500:
                return text
    return None


def traits_said(type_: str, body: dict[str, Any]) -> dict[str, Any]:
    """The traits that an identify or group call sets."""
    traits = body.get("traits")
    if not isinstance(traits, dict):
        return {}
    if type_ != "group" or not any(name in traits for name in _NO_TRAITS):
        return traits
    return {name: value for name, value in traits.items() if name not in _NO_TRAITS}


def relationship_said(body: dict[str, Any]) -> dict[str, Any]:
    """What a group call says about the relationship of its person and its object."""
    for place in (body, body.get("traits")):
        if isinstance(place, dict):
            for name in _RELATIONSHIP_KEYS:
                value = place.get(name)
                if isinstance(value, dict):
                    return value
    return {}
