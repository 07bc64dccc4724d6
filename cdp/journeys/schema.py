"""A journey as its file has it."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from cdp.journeys.limits import LimitsSchema
from cdp.journeys.rollout import read_rollout
from cdp.journeys.steps import fields as own
from cdp.journeys.triggers import TriggerSchema, read_entry
from cdp.messaging.pressure import is_zone

APPROVERS = own.APPROVERS
STATES = ("draft", "live", "paused", "stopped")


class GoalSchema(Schema):
    """What the journey is for."""

    event = own.event("The event that is to happen.", required=True)
    where = own.condition("Of which events.")
    within = own.duration("In which time after the person entered.", load_default="30d")
    value = own.text("The property with what it is worth.", 200)
    exit = fields.Boolean(
        load_default=False, metadata={"description": "Whoever reaches it leaves the journey."}
    )


class LaunchRuleSchema(Schema):
    """Whose word a launch takes."""

    role = fields.String(
        required=True,
        validate=validate.OneOf(APPROVERS),
        metadata={"description": "Of which role; an admin's word counts for any."},
    )
    other = fields.Boolean(
        load_default=True, metadata={"description": "Never of the one who asks for it."}
    )


def _entry(value: Any) -> None:
    read_entry(value)


def _rollout(value: Any) -> None:
    read_rollout(value)


def _zone(value: str) -> None:
    if not is_zone(value):
        raise ValidationError("There is no time zone of that name; one is Europe/Warsaw.")


class JourneyBody(Schema):
    """What a journey does; its steps are read by `cdp.journeys.read`."""

    trigger = fields.Nested(
        TriggerSchema, required=True, metadata={"description": "What begins a run."}
    )
    if_ = own.condition("Who may enter.", data_key="if", attribute="if")
    entry = fields.Raw(
        load_default="once",
        validate=_entry,
        metadata={
            "description": "once, every_time, {once_per: properties.order_id} or "
            "{again_after: 30d}."
        },
    )
    while_in = fields.String(
        load_default="ignore",
        validate=validate.OneOf(("ignore", "start", "restart")),
        metadata={
            "description": "What a trigger does of whom is in already (under the same key): "
            "ignore, start a second run, or restart."
        },
    )
    enter = fields.String(
        load_default="new",
        validate=validate.OneOf(("new", "all")),
        metadata={"description": "Who enters at the launch: only from now on, or all who qualify."},
    )
    rollout = fields.Raw(
        load_default=100.0,
        validate=_rollout,
        metadata={
            "description": "The share of people who may enter, in per cent; or stages: "
            "[{share: 1, for: 1d}, {share: 10, for: 2d}, 100]."
        },
    )
    limits = fields.Nested(
        LimitsSchema,
        metadata={"description": "Shares of messages gone wrong at which it pauses itself."},
    )
    approval = fields.Nested(
        LaunchRuleSchema,
        metadata={"description": "Whose word its launch takes; nobody's, if unset."},
    )
    goal = fields.Nested(GoalSchema, metadata={"description": "What it is for."})
    exit_when = own.condition("Who leaves, wherever they are.")
    zone = fields.String(
        load_default="UTC",
        validate=_zone,
        metadata={"description": "Time zone of people whose trait timezone is unset."},
    )
    priority = own.count("Of messages; the lowest is sent first.", 1, 999, load_default=100)
    steps = fields.List(
        fields.Raw(),
        required=True,
        validate=validate.Length(1, 500),
        metadata={"description": "The steps, from first to last.", "format": "steps"},
    )
