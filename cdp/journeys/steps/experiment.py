"""Experiments: ways by a stable lot, with a goal that decides which is the better one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from cdp.journeys.lots import chosen, lot
from cdp.journeys.run import Emit
from cdp.journeys.steps import fields as own
from cdp.journeys.steps.base import At, Branch, Leave, Result, StepKind
from cdp.journeys.texts import Texts

#: The event of an exposure, as Segment's A/B testing spec names it.
EXPOSED = "Experiment Viewed"


class VariantSchema(Schema):
    """A variant."""

    name = own.text("What it is called.", 60, required=True)
    share = own.share("Its share; shares needn't add up to 100.", load_default=50.0)
    then = own.steps("Its steps.")


class GoalSchema(Schema):
    """What a variant is good for."""

    event = own.event("The event that is to happen.", required=True)
    where = own.condition("Of which events.")
    within = own.duration("In which time after the exposure.", load_default="7d")


class WinnerSchema(Schema):
    """When a winner is decided for by itself."""

    after = own.duration("Not before so much time since the launch.", required=True)
    least = own.count("Not before so many exposures of each variant.", 10, 10_000_000,
                      load_default=100)  # fmt: skip
    confidence = own.share("How sure it must be, in per cent.", load_default=95.0)


class GuardSchema(Schema):
    """What must not become worse."""

    event = own.event("An event that must not become more frequent.", required=True)
    most = own.share("The largest share of those exposed who may do it.", required=True)


class ExperimentSchema(Schema):
    """Variants, and what decides between them."""

    name = own.text("What it is called; the step's id, if unset.", 100)
    variants = fields.List(
        fields.Nested(VariantSchema),
        required=True,
        validate=validate.Length(2, 10),
        metadata={"description": "The variants."},
    )
    goal = fields.Nested(GoalSchema, metadata={"description": "What a variant is good for."})
    winner = fields.Nested(WinnerSchema, metadata={"description": "When a winner is decided for."})
    guardrails = fields.List(
        fields.Nested(GuardSchema),
        metadata={"description": "Events that stop a variant when they are too frequent."},
    )

    @validates_schema
    def _some(self, data: dict[str, Any], **_: Any) -> None:
        variants = data.get("variants") or []
        names = [variant["name"] for variant in variants if "name" in variant]
        if len(set(names)) != len(names):
            raise ValidationError("Each variant needs a name of its own.", "variants")
        if variants and not any(variant.get("share", 50) for variant in variants):
            raise ValidationError("One of the shares must be more than 0.", "variants")
        if data.get("winner") and not data.get("goal"):
            raise ValidationError("A winner needs a goal.", "winner")


class Experiment(StepKind):
    """A variant by lot; a person gets the same one each time, and the exposure is an event."""

    name, title, schema = "experiment", "Experiment", ExperimentSchema

    def label(self, spec: Mapping[str, Any]) -> str:
        return str(spec.get("name") or "")

    def branches(self, spec: Mapping[str, Any]) -> list[Branch]:
        return [
            Branch(variant["name"], variant.get("then") or (), f"variants[{at}].then")
            for at, variant in enumerate(spec["variants"])
        ]

    def compile(self, spec: Mapping[str, Any], texts: Texts, field: str) -> Any:
        if spec.get("goal"):
            texts.of_message(spec["goal"].get("where"), f"{field}.goal.where")
        shares = [variant.get("share", 50.0) for variant in spec["variants"]]
        return spec.get("name"), [b.exit for b in self.branches(spec)], shares

    def enter(self, at: At) -> Result:
        name, names, shares = at.args
        won = at.moment.winner(f"{at.run.journey}:{at.step}")
        if won is not None and won in names:
            return Leave(won, why={"variant": won, "won": True})
        drawn = lot("experiment", at.run.journey, at.step, at.moment.person)
        variant = names[chosen(shares, drawn)]
        exposure = Emit(
            at.run.reason_key,
            EXPOSED,
            {
                "experiment_id": f"{at.run.journey}:{at.step}",
                "experiment_name": name or at.step,
                "variation_id": variant,
                "variation_name": variant,
            },
        )
        return Leave(variant, (exposure,), {"variant": variant})
