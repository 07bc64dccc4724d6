"""``kind: message_limit``: how many messages a person gets in a time, at most."""

from __future__ import annotations

from marshmallow import Schema, ValidationError, fields, validate

from cdp.conditions.durations import parse_duration
from cdp.definitions.kind import Kind, prose, yes_or_no
from cdp.messaging.templates.names import CHANNELS


def duration(value: str) -> None:
    """Refuse what is no length of time, or none at all."""
    if not parse_duration(value):
        raise ValidationError("It must be a duration such as 12h, 7d or 2w.")


def then(default: str) -> fields.String:
    """What becomes of a message that comes at the wrong time."""
    return fields.String(
        load_default=default,
        validate=validate.OneOf(("drop", "defer"), error="It must be drop or defer."),
        metadata={"description": "drop the message, or defer it until it may go"},
    )


class MessageLimitSchema(Schema):
    """A limit, as its file has it."""

    description = prose("What it is for.")
    most = fields.Integer(
        required=True,
        strict=True,
        validate=validate.Range(1, 1000),
        metadata={"description": "Messages to one person at most."},
    )
    per = fields.String(
        required=True,
        validate=duration,
        metadata={"description": "In which time, back from each message: 7d."},
    )
    channel = fields.String(
        validate=validate.OneOf(CHANNELS),
        metadata={"description": "Only messages of this channel count; all, if unset."},
    )
    topic = fields.String(
        validate=validate.Length(1, 60),
        metadata={"description": "Only messages about this topic count; all, if unset."},
    )
    then = then("drop")
    archived = yes_or_no("Kept and no longer in force.")


MESSAGE_LIMIT = Kind(
    "message_limit",
    "message limit",
    "message-limits",
    MessageLimitSchema,
    lambda key, body: (),
    (),
    scope="messages",
)
