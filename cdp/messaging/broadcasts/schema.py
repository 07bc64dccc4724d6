"""The form of a broadcast's definition, as people write it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from cdp.conditions import ConditionError, Context, check
from cdp.conditions.durations import parse_duration
from cdp.conditions.parser import parse_text
from cdp.events import parse_time
from cdp.messaging.chain import MAX_LINKS

KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
#: By what the winner of a test can be chosen; ``hand``: somebody says.
MEASURES = ("opened", "clicked", "converted", "hand")
#: Variants, and messages a minute at most.
MAX_VARIANTS, MAX_RATE = 8, 1_000_000
#: Longest time between a message and a conversion that it is credited with.
MAX_WINDOW = "90d"
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


def _printable(value: str) -> None:
    if _UNPRINTABLE.search(value):
        raise ValidationError("It must not hold control characters.")


def _text(most: int = 200, **more: Any) -> fields.String:
    return fields.String(validate=[validate.Length(1, most), _printable], **more)


def _duration(value: str) -> None:
    if not parse_duration(value):
        raise ValidationError("It must be a duration such as 4h or 2d.")


def ms_of(text: str) -> int | None:
    """An instant as people write it, in ms since 1970; None if it is none."""
    try:
        return parse_time(text)
    except ValueError:
        return None


def _moment(value: str) -> None:
    if ms_of(value) is None:
        raise ValidationError("It must be a time such as 2026-12-01T09:00:00Z.")


def _local(value: str) -> None:
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        raise ValidationError("It must be a day and time such as 2026-12-01T09:00.") from None
    if found.tzinfo is not None:
        raise ValidationError("It is a time of each person's own zone: leave the zone out.")


def _zone(value: str) -> None:
    if value not in available_timezones():
        raise ValidationError(f"There is no time zone {value!r}: say one such as Europe/Berlin.")


def _condition(value: str) -> None:
    try:
        check(parse_text(value).root, Context.PERSON)
    except ConditionError as error:
        raise ValidationError(error.located) from None


class BroadcastWho(Schema):
    """Who gets it: one of the three."""

    audience = _text(metadata={"description": "The key of an audience."})
    condition = fields.String(
        validate=[validate.Length(1, 20_000), _printable, _condition],
        metadata={"description": "Whom it concerns, in the condition language."},
    )
    everybody = fields.Boolean(
        truthy={True}, falsy=set(), metadata={"description": "Every person that is known."}
    )

    @validates_schema
    def one(self, data: Mapping[str, Any], **_: Any) -> None:
        """Exactly one of them."""
        if len(data) != 1:
            raise ValidationError("Say one of audience, condition and everybody.")


class BroadcastVariant(Schema):
    """One of several messages; ``share`` weighs it against the others."""

    name = fields.String(
        required=True,
        validate=validate.Regexp(KEY, error="Small letters, digits, - and _, 60 at most."),
    )
    template = _text(60, required=True)
    share = fields.Float(load_default=1.0, validate=validate.Range(0, 1000, min_inclusive=False))


class BroadcastChannel(Schema):
    """One of several channels, with what is said there."""

    channel = _text(20, required=True)
    template = _text(60, required=True, metadata={"description": "A template for that channel."})


class BroadcastEscalate(Schema):
    """When the next channel is used although the one before it arrived."""

    unread_for = fields.String(
        required=True, validate=_duration,
        metadata={"description": "How long after a message was sent and not opened, such as 2h."},
    )  # fmt: skip


class BroadcastWhen(Schema):
    """When it goes: at an instant, or at a time of each person's day; now, if nothing is said."""

    at = fields.String(validate=_moment, metadata={"description": "The instant, ISO 8601."})
    local = fields.String(
        validate=_local,
        metadata={"description": "Day and time in each person's zone (trait timezone)."},
    )
    zone = fields.String(
        validate=_zone, metadata={"description": "For people without a zone; UTC if unset."}
    )
    late = fields.String(
        validate=validate.OneOf(("now", "next_day"), error="It must be now or next_day."),
        metadata={"description": "For whom the time has passed: at once (now), or next_day."},
    )

    @validates_schema
    def one(self, data: Mapping[str, Any], **_: Any) -> None:
        """An instant or a local time."""
        if "at" in data and "local" in data:
            raise ValidationError("Say at or local.")
        if "local" not in data and ("zone" in data or "late" in data):
            raise ValidationError("zone and late belong to a local time.")


class BroadcastTest(Schema):
    """Some get the variants first, the rest gets the one that did best."""

    share = fields.Float(
        required=True, validate=validate.Range(0, 100, min_inclusive=False, max_inclusive=False),
        metadata={"description": "Percent of the people who get the variants."},
    )  # fmt: skip
    winner = fields.String(
        load_default="hand", validate=validate.OneOf(MEASURES),
        metadata={"description": "By what it is chosen; hand: somebody says."},
    )  # fmt: skip
    after = fields.String(
        validate=_duration, metadata={"description": "How long after the last of them was sent."}
    )

    @validates_schema
    def timed(self, data: Mapping[str, Any], **_: Any) -> None:
        """A winner that nobody picks needs its time."""
        if data.get("winner") != "hand" and "after" not in data:
            raise ValidationError("Say after how long, such as 4h.", "after")


class BroadcastRamp(Schema):
    """A warm-up: so many on the first day, and each day ``factor`` times as many."""

    first_day = fields.Integer(strict=True, required=True, validate=validate.Range(1, 10_000_000))
    factor = fields.Float(load_default=2.0, validate=validate.Range(1, 10))


class BroadcastGoal(Schema):
    """What people are to do afterwards."""

    event = _text(required=True)
    within = fields.String(load_default="7d", validate=_duration)

    @validates_schema
    def short(self, data: Mapping[str, Any], **_: Any) -> None:
        """No longer than people remember."""
        ms = parse_duration(data.get("within", ""))
        if ms is not None and ms > (parse_duration(MAX_WINDOW) or 0):
            raise ValidationError(f"At most {MAX_WINDOW}.", "within")


def _yes(about: str) -> fields.Boolean:
    return fields.Boolean(truthy={True}, falsy={False}, metadata={"description": about})


class BroadcastBodySchema(Schema):
    """A broadcast as people write it."""

    name = _text(100, required=True)
    who = fields.Nested(BroadcastWho)
    template = _text(60, metadata={"description": "The key of the template, if there is one."})
    variants = fields.List(
        fields.Nested(BroadcastVariant), validate=validate.Length(2, MAX_VARIANTS),
        metadata={"description": "Instead of one template, two or more with shares."},
    )  # fmt: skip
    channels = fields.List(
        fields.Nested(BroadcastChannel), validate=validate.Length(2, MAX_LINKS),
        metadata={"description": "Instead of one template: each gets it by the first of these "
                  "that reaches them, and by the next where that surely did not arrive."},
    )  # fmt: skip
    escalate = fields.Nested(
        BroadcastEscalate, metadata={"description": "Go on to the next if it is not read, too."}
    )
    test = fields.Nested(BroadcastTest)
    topic = _text(60, metadata={"description": "The template's, if unset."})
    when = fields.Nested(BroadcastWhen)
    triggered = _yes("It goes when it is called through the API, each time to those named there.")
    holdout = fields.Float(
        validate=validate.Range(0, 90), metadata={"description": "Percent who get nothing."}
    )
    per_minute = fields.Float(
        validate=validate.Range(0, MAX_RATE, min_inclusive=False),
        metadata={"description": "Messages a minute at most."},
    )
    ramp = fields.Nested(BroadcastRamp)
    goal = fields.Nested(BroadcastGoal)
    to_unsubscribed = _yes("It goes to people who want none, too.")
    ignore_limits = _yes("Caps and quiet hours are not for it.")
    untracked = _yes("Links and openings are left as they are.")
    no_copy = _yes("No copy of the messages is kept.")

    @validates_schema
    def whole(self, data: Mapping[str, Any], **_: Any) -> None:
        """What belongs together."""
        names = [item["name"] for item in data.get("variants") or []]
        if len(set(names)) < len(names):
            raise ValidationError("Two variants have the same name.", "variants")
        if data.get("template") and names:
            raise ValidationError("Say template or variants.", "template")
        ways = [item["channel"] for item in data.get("channels") or []]
        if ways and (data.get("template") or names):
            raise ValidationError("Say template, variants or channels.", "channels")
        if len(set(ways)) < len(ways):
            raise ValidationError("A channel is there twice.", "channels")
        if data.get("escalate") and not ways:
            raise ValidationError("It goes on from one of several channels.", "escalate")
        if data.get("test") and not names:
            raise ValidationError("A test needs variants.", "test")
        if (data.get("test") or {}).get("winner") == "converted" and not data.get("goal"):
            raise ValidationError("A winner by conversions needs a goal.", "test")
        if data.get("triggered") and data.get("when"):
            raise ValidationError("It goes when it is called: leave the time out.", "when")
        if data.get("triggered") and data.get("test"):
            raise ValidationError("A broadcast that is called has no test before it.", "test")
