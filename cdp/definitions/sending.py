"""``send_to``: the destinations that are told of an audience or a computed trait, and how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from marshmallow import Schema, ValidationError, fields

from cdp.definitions.kind import Body

#: How a change is told: a trait of the person, or an event of theirs.
WAYS = ("identify", "track")

SendToSchema = Schema.from_dict(
    {
        "destination": fields.String(required=True, metadata={"description": "Its key."}),
        "as": fields.List(
            fields.String(), metadata={"description": "identify, track, or both if unset."}
        ),
    },
    name="SendToSchema",
)


class Sending(NamedTuple):
    """That a destination is told, and in which of `WAYS`."""

    destination: str
    ways: tuple[str, ...]


class SendTo(fields.List[Any]):
    """A list of destinations, each a key or ``{"destination": KEY, "as": [identify, track]}``."""

    def __init__(self) -> None:
        about = "Destinations that are told who enters and leaves, or what changes."
        super().__init__(fields.Nested(SendToSchema), metadata={"description": about})

    def _deserialize(self, value: Any, attr: Any, data: Any, **_: Any) -> list[Any]:
        if not isinstance(value, list):
            raise ValidationError("It must be a list of destinations.")
        found = [_one(item, place) for place, item in enumerate(value, 1)]
        named = [item["destination"] for item in found]
        twice = next((name for name in named if named.count(name) > 1), None)
        if twice is not None:
            raise ValidationError(f"The destination {twice} is named twice.")
        return found


def _one(item: Any, place: int) -> dict[str, Any]:
    if isinstance(item, str):
        item = {"destination": item}
    if not isinstance(item, Mapping) or not isinstance(item.get("destination"), str):
        raise ValidationError(f"Entry {place} names no destination.")
    unknown = [str(name) for name in item if name not in ("destination", "as")]
    if unknown:
        raise ValidationError(f"Entry {place} has no field {unknown[0]}: destination, as.")
    ways = item.get("as")
    if ways is None:
        ways = WAYS
    if not isinstance(ways, list | tuple) or not ways or any(way not in WAYS for way in ways):
        raise ValidationError(f"Entry {place}: as must be a list of identify, track or both.")
    told = [way for way in WAYS if way in ways]
    found: dict[str, Any] = {"destination": item["destination"]}
    return found if len(told) == len(WAYS) else {**found, "as": told}


def sendings(body: Body) -> list[Sending]:
    """Who is told of a definition."""
    of = ("identify",) if body.get("of") == "accounts" else WAYS
    return [
        Sending(item["destination"], tuple(w for w in item.get("as", WAYS) if w in of))
        for item in body.get("send_to") or ()
    ]


def check_ways(body: Body) -> None:
    """Refuse to tell of accounts by events, which only people have; for schemas."""
    if body.get("of") == "accounts":
        for item in body.get("send_to") or ():
            if "identify" not in item.get("as", WAYS):
                raise ValidationError(
                    "Accounts have no events: tell of them as identify.", "send_to"
                )
