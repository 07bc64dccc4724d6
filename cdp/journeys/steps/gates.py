"""Waiting for one's turn, or for somebody's word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate

from cdp.events import format_time
from cdp.journeys.run import Answer, Due, Input
from cdp.journeys.steps import fields as own
from cdp.journeys.steps.base import At, Branch, End, Leave, Result, Stay, StepKind
from cdp.journeys.texts import Texts


class RateSchema(Schema):
    """How many people pass."""

    count = own.count("How many people pass at most …", 1, 10_000_000, required=True)
    per = own.duration("… in this time.", required=True)


class Rate(StepKind):
    """A gate that lets only so many people through in a time; the others wait for their turn."""

    name, title, schema, waits = "rate", "Rate limit", RateSchema, True

    def compile(self, spec: Mapping[str, Any], texts: Texts, field: str) -> Any:
        return spec["count"], own.ms(spec["per"])

    def enter(self, at: At) -> Result:
        count, per = at.args
        due = at.moment.turn(f"{at.run.journey}:{at.step}", count, per)
        return Stay(due, why={"until": format_time(due)}) if due > at.now else Leave()

    def resume(self, at: At, cause: Input) -> Result | None:
        return Leave() if isinstance(cause, Due) else None


class ApprovalSchema(Schema):
    """What is asked of whom approves."""

    question = own.text("What is to be decided.", required=True)
    role = fields.String(
        validate=validate.OneOf(own.APPROVERS),
        metadata={"description": "Whose word it takes; of anybody who may change, if unset."},
    )
    timeout = own.duration("For how long at the most; for ever, if unset.")
    on_reject = own.steps("What happens when it is refused; if unset, the run ends.")
    on_timeout = own.steps("What happens when nobody decides in time; if unset, the run ends.")


class Approval(StepKind):
    """Wait for somebody to approve."""

    name, title, schema, short, waits = "approval", "Approval", ApprovalSchema, "question", True

    def label(self, spec: Mapping[str, Any]) -> str:
        return ""

    def branches(self, spec: Mapping[str, Any]) -> list[Branch]:
        found = []
        for exit, field in (("rejected", "on_reject"), ("timeout", "on_timeout")):
            if spec.get(field):
                found.append(Branch(exit, spec[field], field))
        return found

    def compile(self, spec: Mapping[str, Any], texts: Texts, field: str) -> Any:
        return own.ms(spec.get("timeout")), {branch.exit for branch in self.branches(spec)}

    def enter(self, at: At) -> Result:
        timeout, _ = at.args
        return Stay(at.now + timeout if timeout else None, note="asked")

    def resume(self, at: At, cause: Input) -> Result | None:
        _, named = at.args
        if isinstance(cause, Answer):
            why = {"by": cause.by, "answer": cause.exit}
            if cause.exit == "approved":
                return Leave(why=why)
            return Leave("rejected", why=why) if "rejected" in named else End("rejected", why=why)
        if isinstance(cause, Due):
            return Leave("timeout") if "timeout" in named else End("not approved in time")
        return None
