"""``kind: quiet_hours``: when people get no messages of a channel."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from cdp.definitions.kind import Kind, prose, yes_or_no
from cdp.definitions.message_limit import then
from cdp.messaging.pressure import DAYS, is_zone, minutes_of
from cdp.messaging.templates.names import CHANNELS


def _clock(value: str) -> None:
    if minutes_of(value) is None:
        raise ValidationError("It must be a time such as 21:00.")


def _zone(value: str) -> None:
    if not is_zone(value):
        raise ValidationError("There is no time zone of that name; one is Europe/Warsaw.")


class QuietHoursSchema(Schema):
    """Quiet hours, as their file has them."""

    description = prose("What they are for.")
    channels = fields.List(
        fields.String(validate=validate.OneOf(CHANNELS)),
        required=True,
        validate=validate.Length(1, len(CHANNELS)),
        metadata={"description": "Channels that are quiet."},
    )
    start = fields.String(
        required=True,
        validate=_clock,
        metadata={"description": "From when, by the clock on the person's wall: 21:00."},
    )
    end = fields.String(
        required=True,
        validate=_clock,
        metadata={"description": "Until when; on the next day where it is not after the start."},
    )
    days = fields.List(
        fields.String(validate=validate.OneOf(DAYS)),
        metadata={"description": "Days on which they begin (mon … sun); every day, if unset."},
    )
    zone = fields.String(
        load_default="UTC",
        validate=_zone,
        metadata={"description": "Time zone of people whose trait timezone is unset or unknown."},
    )
    then = then("defer")
    archived = yes_or_no("Kept and no longer in force.")

    @validates_schema
    def _some(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("start") is not None and data.get("start") == data.get("end"):
            raise ValidationError("They must not end when they begin.", "end")


QUIET_HOURS = Kind(
    "quiet_hours",
    "quiet hours",
    "quiet-hours",
    QuietHoursSchema,
    lambda key, body: (),
    (),
    scope="messages",
)
