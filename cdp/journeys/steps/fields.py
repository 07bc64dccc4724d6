"""Fields that settings of steps are made of."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from cdp.conditions.durations import parse_duration
from cdp.journeys import wall
from cdp.messaging.pressure import DAYS, is_zone, minutes_of

#: Roles whose word something may take; an admin's counts for any.
APPROVERS = ("admin", "approver")
#: What can go wrong with a message.
WRONG = ("bounced", "complained", "failed", "unsubscribed")


def duration(about: str, **more: Any) -> fields.String:
    """A length of time: ``2d``."""

    def check(value: str) -> None:
        if parse_duration(value) is None:
            raise ValidationError("It must be a length of time such as 30m, 2d or 1w.")

    return fields.String(validate=check, metadata={"description": about}, **more)


def clock(about: str, **more: Any) -> fields.String:
    """A time of day: ``09:00``."""

    def check(value: str) -> None:
        found = minutes_of(value)
        if found is None or found >= 1440:
            raise ValidationError("It must be a time of day such as 09:00.")

    return fields.String(validate=check, metadata={"description": about}, **more)


def zone(about: str = "person, or a time zone such as Europe/Warsaw.") -> fields.String:
    """A time zone, or the person's."""

    def check(value: str) -> None:
        if value != "person" and not is_zone(value):
            raise ValidationError("It must be person, or a time zone such as Europe/Warsaw.")

    return fields.String(load_default="person", validate=check, metadata={"description": about})


def days(about: str) -> fields.List[Any]:
    """Days of the week."""
    said = validate.OneOf(DAYS, error=f"It must be one of {', '.join(DAYS)}.")
    return fields.List(
        fields.String(validate=said),
        validate=validate.Length(1, 7),
        metadata={"description": about},
    )


def text(about: str, most: int = 2000, *, format: str | None = None, **more: Any) -> fields.String:
    """Some text; ``format`` says what it names."""
    metadata = {"description": about} | ({"format": format} if format else {})
    return fields.String(validate=validate.Length(1, most), metadata=metadata, **more)


def event(about: str, **more: Any) -> fields.String:
    """The name of an event that people do."""
    return text(about, 200, format="event", **more)


def expression(about: str, **more: Any) -> fields.String:
    """An expression of the language, for any value."""
    return fields.String(
        validate=validate.Length(1, 20_000),
        metadata={"description": about, "format": "expression"},
        **more,
    )


def condition(about: str, **more: Any) -> fields.String:
    """A condition of the language."""
    return fields.String(
        validate=validate.Length(1, 20_000),
        metadata={"description": about, "format": "condition"},
        **more,
    )


def steps(about: str, **more: Any) -> fields.List[Any]:
    """Steps inside of a step; they are read by themselves."""
    return fields.List(fields.Raw(), metadata={"description": about, "format": "steps"}, **more)


def values(about: str, **more: Any) -> fields.Dict:
    """JSON with Liquid and expressions, see `cdp.journeys.values`."""
    return fields.Dict(
        keys=fields.String(), metadata={"description": about, "format": "values"}, **more
    )


def count(about: str, least: int, most: int, **more: Any) -> fields.Integer:
    """A whole number."""
    return fields.Integer(
        strict=True,
        validate=validate.Range(least, most, error=f"It must be from {least} to {most:,}."),
        metadata={"description": about},
        **more,
    )


def share(about: str, **more: Any) -> fields.Float:
    """A share of people in per cent."""
    return fields.Float(
        validate=validate.Range(0, 100, error="It must be from 0 to 100 (per cent)."),
        metadata={"description": about},
        **more,
    )


class HoursSchema(Schema):
    """Business hours."""

    start = clock("From when.", required=True)
    end = clock("Until when.", required=True)
    days = days("On which days; from Monday to Friday, if unset.")

    @validates_schema
    def _forward(self, data: dict[str, Any], **_: Any) -> None:
        if (minutes_of(data["start"]) or 0) >= (minutes_of(data["end"]) or 0):
            raise ValidationError("The end must be later in the day than the start.", "end")


def ms(text: str | None) -> int:
    """The length of a time that was checked; 0 of nothing."""
    return (parse_duration(text) or 0) if text else 0


def days_of(names: Any) -> frozenset[int]:
    """Days of the week by number; all of them, if none is named."""
    return frozenset(DAYS.index(name) for name in names) if names else wall.EVERY_DAY
