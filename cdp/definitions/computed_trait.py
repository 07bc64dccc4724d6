"""``kind: computed_trait``: a trait whose value is worked out of somebody's history."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validates_schema

from cdp.conditions import Context
from cdp.conditions.ast import Aggregate, Call, Path
from cdp.definitions.kind import Kind, Text, line, of_whom, prose
from cdp.definitions.sending import SendTo, check_ways
from cdp.definitions.words import Word


class ComputedTraitSchema(Schema):
    """A computed trait, as its file has it."""

    name = line(metadata={"description": "What people call it; made of the key if unset."})
    description = prose("What it is for.")
    of = of_whom()
    value = fields.String(
        required=True,
        error_messages={"required": 'Say what it is worth, such as count("Order Completed").'},
        metadata={"description": "An aggregate, a path or a function, asked of a person."},
    )
    send_to = SendTo()

    @validates_schema
    def _ways(self, data: dict[str, Any], **_: Any) -> None:
        check_ways(data)


def _refuses(text: Text, root: Any) -> str | None:
    if isinstance(root, Aggregate | Path | Call):
        return None
    return (
        "a computed trait is worth an aggregate, a path or a function; "
        "a yes or no about somebody is an audience"
    )


COMPUTED_TRAIT = Kind(
    "computed_trait",
    "computed trait",
    "computed-traits",
    ComputedTraitSchema,
    lambda key, body: (Word("trait", key),),
    (Text("value", Context.PERSON, is_value=True),),
    refuses=_refuses,
)
