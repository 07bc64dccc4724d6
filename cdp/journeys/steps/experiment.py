"""Experiments: ways by a stable lot, with a goal that decides which is the better one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
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
    confidence = fields.Float(
        load_default=95.0,
        validate=validate.Range(50, 99.99, error="It must be from 50 to 99.99 (per cent)."),
        metadata={"description": "How sure it must be, in per cent."},
    )
    until = own.duration("No longer than so much time since the launch; for ever, if unset.")
    otherwise = fields.String(
        load_default="go_on",
        validate=validate.OneOf(("go_on", "best", "first")),
        metadata={
            "description": "If no variant is surely better by then: go_on by lot, or take the "
            "best or the first."
        },
    )

    @validates_schema
    def _some(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("otherwise", "go_on") != "go_on" and not data.get("until"):
            raise ValidationError("It needs an until.", "otherwise")
        if data.get("until") and own.ms(data["until"]) < own.ms(data.get("after")):
            raise ValidationError("It must not be sooner than after.", "until")


class GuardSchema(Schema):
    """What must not become worse: an event, or what people were sent after the exposure."""

    event = own.event("An event that must not become too frequent.")
    messages = fields.String(
        validate=validate.OneOf(own.WRONG),
        metadata={"description": "Or messages after it that were this."},
    )
    most = own.share("The largest share of those exposed, or of its messages.", required=True)
    within = own.duration("In which time after the exposure, of an event.", load_default="7d")
    least = own.count("Not before so many exposures or messages.", 10, 10_000_000,
                      load_default=100)  # fmt: skip

    @validates_schema
    def _one(self, data: dict[str, Any], **_: Any) -> None:
        if bool(data.get("event")) == bool(data.get("messages")):
            raise ValidationError("It must say an event, or messages.", "event")


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
    """A variant by lot; a person gets the same one each time, and the exposure is an event.

    What was decided meanwhile holds for those who come now: a winner, or that a variant was
    stopped. Whoever comes round again in one run gets what they had, unless that was stopped.
    """

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
        run, key = at.run, f"{at.run.journey}:{at.step}"
        closed = at.moment.closed(key)
        drawn: str = names[
            chosen(shares, lot("experiment", run.journey, at.step, at.moment.person))
        ]
        had = run.data.get("variants") or {}
        given: str | None = had.get(at.step) or (drawn if run.visit > 1 else None)
        won = at.moment.winner(key)
        more: dict[str, Any] = {}
        if given is not None and given in names and given not in closed:
            variant = given
        elif won is not None and won in names and won not in closed:
            variant, more = won, {"won": True}
        elif drawn in closed:
            variant, more = self._again(at, closed), {"stopped": drawn}
        else:
            variant = drawn
        why = {"variant": variant, **more}
        kept = {"variants": {**had, at.step: variant}} if variant != drawn else None
        if "won" in why or had.get(at.step) == variant:  # no exposure, or no new one
            return Leave(variant, why=why, kept=kept)
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
        return Leave(variant, (exposure,), why, kept=kept)

    @staticmethod
    def _again(at: At, closed: Collection[str]) -> str:
        """Another variant, for those whose own was stopped; all others keep theirs."""
        _, names, shares = at.args
        left = [
            share if name not in closed else 0.0 for name, share in zip(names, shares, strict=True)
        ]
        if not any(left):  # those that are left had no share: the first of them
            return str(next((name for name in names if name not in closed), names[0]))
        drawn = lot("experiment again", at.run.journey, at.step, at.moment.person)
        return str(names[chosen(left, drawn)])
