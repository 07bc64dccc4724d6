"""``kind: virtual_event``: some of the messages of an event, under a name of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields

from cdp.conditions import Context
from cdp.definitions.kind import Body, Kind, Text, line, prose
from cdp.definitions.words import Use, Word


class VirtualEventSchema(Schema):
    """A virtual event, as its file has it."""

    name = line(
        required=True,
        error_messages={"required": "Say what conditions call it."},
        metadata={"description": "What conditions call it."},
    )
    description = prose("What it is for.")
    event = fields.String(
        required=True,
        error_messages={"required": "Say of which event it is a part."},
        metadata={"description": "The event, or virtual event, of which it is a part."},
    )
    where = fields.String(
        required=True,
        error_messages={"required": "Say which of these events it is."},
        metadata={"description": "The condition that the event's message meets."},
    )


def _renamed(body: dict[str, Any], new: Mapping[Word, Word]) -> None:
    for field in ("name", "event"):
        old = Word("event", body[field])
        body[field] = new.get(old, old).text


def _refers(body: Body) -> tuple[Use, ...]:
    return (Use(Word("event", body["event"]), "event"),)


VIRTUAL_EVENT = Kind(
    "virtual_event",
    "virtual event",
    "virtual-events",
    VirtualEventSchema,
    lambda key, body: (Word("event", body["name"]),),
    (Text("where", Context.MESSAGE),),
    refers=_refers,
    event=lambda body: str(body["event"]),
    renamed=_renamed,
)
