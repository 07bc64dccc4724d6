"""What calls of ``/api/journeys/{key}/…`` take and give."""

from __future__ import annotations

from datetime import date
from typing import Any

from marshmallow import Schema, fields, validate

from cdp.api.fields import PageQuery, Words
from cdp.api.masking import personal
from cdp.delivery.journeys import calling

_RUN = fields.Integer(metadata={"description": "One run, by its number."})
_STEP = Words(metadata={"description": "All who are at a step."})


class JourneyStandingSchema(Schema):
    """How many people stand at a step of a version."""

    version = fields.Integer()
    step = fields.String()
    people = fields.Integer()
    held = fields.Integer(metadata={"description": "Of them: stopped by an error or a pause."})


class JourneyStatusSchema(Schema):
    """What was launched of a journey, and how many are inside."""

    key = fields.String()
    name = fields.String()
    state = fields.String(metadata={"description": "draft, live, paused, draining or stopped."})
    version = fields.Integer(allow_none=True, metadata={"description": "The newest."})
    launched_version = fields.Integer(allow_none=True)
    launched_at = fields.String(allow_none=True)
    changed_at = fields.String(allow_none=True)
    author = fields.String(allow_none=True)
    archived = fields.Boolean()
    rollout = fields.Float(metadata={"description": "The share of people who may enter (%)."})
    winners = fields.Dict(keys=fields.String(), values=fields.String())
    inside = fields.Integer()
    held = fields.Integer()
    entered = fields.Integer()
    error = fields.String(allow_none=True, metadata={"description": "Why nobody can enter."})
    reason = fields.String(allow_none=True, metadata={"description": "Why it paused itself."})
    closed = fields.Dict(
        keys=fields.String(), values=fields.List(fields.String()),
        metadata={"description": "Variants that a guardrail stopped, by experiment."},
    )  # fmt: skip
    stages = fields.List(
        fields.Dict(), metadata={"description": "Of its rollout: share, here, since, until, held."}
    )
    steps = fields.List(fields.Nested(JourneyStandingSchema))


class JourneyInsiderSchema(JourneyStandingSchema):
    """People inside another version, and what a launch means to them."""

    becomes = fields.String(
        metadata={"description": "same, changed (the step says something else) or vanished."}
    )


class JourneyVersionQuery(Schema):
    """Which version."""

    version = fields.Integer(metadata={"description": "The newest, if unset."})


class LaunchBody(JourneyVersionQuery):
    """Which version is launched, for whom, and what becomes of those inside."""

    enter = fields.String(
        validate=validate.OneOf(("new", "all")),
        metadata={"description": "Who enters: only from now on, or all who qualify."},
    )
    people = fields.Raw(
        load_default="stay",
        metadata={
            "description": "Those in other versions: stay, move (where their step is), or by "
            'step {"to": STEP}, "stay" or "exit".'
        },
    )


class RolloutBody(Schema):
    """How many enter."""

    share = fields.Float(required=True, metadata={"description": "Of people, in per cent."})


class JourneyRunSchema(Schema):
    """One person's way."""

    id = fields.Integer()
    person = fields.String(allow_none=True, metadata={"description": "The public id."})
    version = fields.Integer()
    key = fields.String(allow_none=True, metadata=personal("value", "What tells runs apart."))
    status = fields.String(metadata={"description": "active or ended."})
    step = fields.String(allow_none=True)
    since = fields.String()
    started = fields.String()
    due = fields.String(allow_none=True, metadata={"description": "When it is looked at next."})
    held = fields.Boolean()
    error = fields.String(allow_none=True, metadata=personal("quoted"))
    reason = fields.String(allow_none=True, metadata={"description": "Why it ended."})
    goal_at = fields.String(allow_none=True)


class RunQuery(PageQuery):
    """Which runs."""

    status = fields.String(validate=validate.OneOf(("active", "ended")))
    step = Words()


class JourneyOrderSchema(Schema):
    """Something that is to be done with runs, and how far it is."""

    id = fields.Integer()
    kind = fields.String()
    args = fields.Dict()
    author = fields.String()
    at = fields.String()
    state = fields.String(
        metadata={"description": "waiting, counting (its figures), done or failed."}
    )
    done = fields.Integer()
    error = fields.String(allow_none=True)
    ended_at = fields.String(allow_none=True)


class WhoBody(Schema):
    """A run, or all at a step."""

    run = _RUN
    step = _STEP


class SkipBody(WhoBody):
    """Who goes past their step, and why."""

    reason = Words(required=True)


class MoveBody(SkipBody):
    """Who is moved where, and why."""

    to = Words(required=True, allow_none=True, metadata={"description": "null: out of it."})


class AnswerBody(WhoBody):
    """What is decided."""

    exit = fields.String(
        required=True,
        data_key="answer",
        validate=validate.OneOf(("approved", "rejected")),
    )


class EndBody(Schema):
    """Who is taken out, and why."""

    run = fields.Integer(required=True, metadata={"description": "By its number."})
    reason = Words(required=True)


class TriggerPersonSchema(Schema):
    """Somebody who enters, named in one way, and what is known of the occasion."""

    user_id = Words()
    email = Words()
    anonymous_id = Words()
    data = fields.Dict(
        keys=fields.String(), load_default=dict, metadata={"description": "As event.… there."}
    )


class TriggerBody(Schema):
    """Who enters a journey that is begun by calls."""

    people = fields.List(
        fields.Nested(TriggerPersonSchema),
        required=True,
        validate=validate.Length(1, calling.MOST_PEOPLE),
    )
    id = Words(metadata={"description": "The call's id: the same one begins nothing anew."})


class TriggeredSchema(Schema):
    """How many people the call was about."""

    people = fields.Integer()


class JourneyFindingSchema(Schema):
    """Something that is wrong, or looks wrong."""

    level = fields.String(metadata={"description": "error or warning."})
    code = fields.String(metadata={"description": "The rule."})
    step = fields.String(allow_none=True)
    field = fields.String()
    text = fields.String()
    line = fields.Integer(allow_none=True, metadata={"description": "In the field's text."})
    column = fields.Integer(allow_none=True)


class DayField(fields.Date):
    """A day (UTC), as days since 1970."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **more: Any) -> Any:
        day = super()._deserialize(value, attr, data, **more)
        return (day - date(1970, 1, 1)).days


class JourneyReportQuery(JourneyVersionQuery):
    """Which days and version."""

    first = DayField(data_key="from", metadata={"description": "The first day (UTC)."})
    last = DayField(data_key="to", metadata={"description": "The last day; thirty, if unset."})
    audience = Words(metadata={"description": "Of those alone who are in this audience now."})


class JourneyReportSchema(Schema):
    """How it goes."""

    journey = fields.String()
    from_ = fields.String(data_key="from", attribute="from")
    to = fields.String()
    version = fields.Integer(allow_none=True)
    audience = fields.String(allow_none=True)
    entered = fields.Integer()
    inside = fields.Integer(metadata={"description": "Now."})
    ended = fields.Dict(
        keys=fields.String(), values=fields.Integer(), metadata={"description": "By reason."}
    )
    kept_out = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        metadata={"description": "Entries that a journey group refused, by its key."},
    )
    converted = fields.Integer(metadata={"description": "Runs that reached the goal."})
    value = fields.Float(metadata={"description": "The sum of what the goals were worth."})
    steps = fields.List(
        fields.Dict(),
        metadata={
            "description": "By step: entered, inside, left (by exit), ended (by reason), waits, "
            "failed, held, moved, not_started and messages (asked, sent, delivered, opened, …)."
        },
    )
    messages = fields.List(
        fields.Dict(),
        metadata={
            "description": "By step and template: channel, asked, sent, delivered, opened, "
            "clicked, …; converted and value of goals before which it came last."
        },
    )
    days = fields.List(
        fields.Dict(),
        metadata={
            "description": "By day: entered, ended, converted, value, sent, delivered, opened, "
            "clicked."
        },
    )
    holdouts = fields.List(
        fields.Dict(),
        metadata={
            "description": "By step: went_on and held_out with runs, converted, rate, low, high; "
            "lift, lift_low, lift_high (95 %) and a sentence."
        },
    )
    experiments = fields.List(
        fields.Dict(),
        metadata={
            "description": "By step: goal, winner, a sentence; variants with runs, converted, "
            "rate, low, high, value, messages and lift; guardrails by variant."
        },
    )
