"""``kind: audience``: who meets a condition, at any time; or a list that is kept by hand."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from cdp.conditions import Context
from cdp.definitions.kind import Kind, Text, line, of_whom, prose, yes_or_no
from cdp.definitions.sending import SendTo, check_ways
from cdp.definitions.words import Word


class AudienceSchema(Schema):
    """An audience, as its file has it."""

    name = line(metadata={"description": "What people call it; made of the key if unset."})
    description = prose("What it is for.")
    of = of_whom()
    who = fields.String(
        metadata={"description": "The condition that its members meet, asked of a person."}
    )
    static = yes_or_no("A list whose members are added and removed by hand; it has no `who`.")
    archived = yes_or_no("Kept and no longer worked out.")
    send_to = SendTo()

    @validates_schema
    def _condition_or_list(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("static") and "who" in data:
            raise ValidationError("A list that is kept by hand has no condition.", "who")
        if not data.get("static") and "who" not in data:
            raise ValidationError("Say who is in it, or static: true.", "who")
        check_ways(data)


AUDIENCE = Kind(
    "audience",
    "audience",
    "audiences",
    AudienceSchema,
    lambda key, body: (Word("audience", key), Word("trait", key)),
    (Text("who", Context.PERSON),),
)
