"""Steps that decide which way a run takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from cdp.journeys.lots import chosen, lot
from cdp.journeys.run import NEXT
from cdp.journeys.steps import fields as own
from cdp.journeys.steps.base import DONE, At, Branch, End, Goto, Leave, Result, StepKind
from cdp.journeys.texts import Texts

#: Ways of a branch whose clauses a transition keeps at most.
MOST_WAYS = 10


class WhenSchema(Schema):
    """A way, and of whom it is."""

    name = own.text("What the way is called.", 60)
    when = own.condition("Who takes it; the first way whose condition holds is taken.")
    else_ = own.steps("The way of everybody else.", data_key="else", attribute="else")
    then = own.steps("The steps on it.")

    @validates_schema
    def _one(self, data: dict[str, Any], **_: Any) -> None:
        if ("when" in data) == ("else" in data):
            raise ValidationError("A way has a when and a then, or is the else.")
        if "else" in data and "then" in data:
            raise ValidationError("An else has its steps itself.", "then")


class BranchSchema(Schema):
    """Ways by condition."""

    ways = fields.List(
        fields.Nested(WhenSchema),
        required=True,
        validate=validate.Length(1, 50),
        metadata={"description": "The ways, from first to last."},
    )

    @validates_schema
    def _else_is_last(self, data: dict[str, Any], **_: Any) -> None:
        ways = data.get("ways") or []
        if any("else" in way for way in ways[:-1]):
            raise ValidationError("The else comes last.", "ways")


class BranchStep(StepKind):
    """The first way whose condition holds."""

    name, title, schema, short = "branch", "Branch", BranchSchema, "ways"

    def label(self, spec: Mapping[str, Any]) -> str:
        return ""

    def branches(self, spec: Mapping[str, Any]) -> list[Branch]:
        found = []
        for at, way in enumerate(spec["ways"]):
            if "else" in way:
                found.append(Branch("else", way["else"] or (), f"ways[{at}].else"))
            else:
                exit = way.get("name") or f"when-{at + 1}"
                found.append(Branch(exit, way.get("then") or (), f"ways[{at}].then"))
        return found

    def compile(self, spec: Mapping[str, Any], texts: Texts, field: str) -> Any:
        exits = [branch.exit for branch in self.branches(spec)]
        return [
            (exits[at], texts.condition(way["when"], f"{field}.ways[{at}].when"))
            if "when" in way
            else ("else", None)
            for at, way in enumerate(spec["ways"])
        ]

    def enter(self, at: At) -> Result:
        clauses: dict[str, Any] = {}
        for exit, root in at.args:
            holds = root is None or at.moment.holds(root, at.run)
            if root is not None and len(clauses) < MOST_WAYS:
                clauses[exit] = at.moment.why(root, at.run)
            if holds:
                return Leave(exit, why={"way": exit, "clauses": clauses})
        return Leave(NEXT, why={"way": None, "clauses": clauses})


class ShareSchema(Schema):
    """A way, and how many take it."""

    name = own.text("What the way is called.", 60)
    share = own.share("Its share; shares needn't add up to 100.", required=True)
    then = own.steps("The steps on it.")


class SplitSchema(Schema):
    """Ways by lot."""

    ways = fields.List(
        fields.Nested(ShareSchema),
        required=True,
        validate=validate.Length(2, 50),
        metadata={"description": "The ways with their shares."},
    )

    @validates_schema
    def _some(self, data: dict[str, Any], **_: Any) -> None:
        ways = data.get("ways") or []
        if ways and not any(way.get("share") for way in ways):
            raise ValidationError("One of the shares must be more than 0.", "ways")


class Split(StepKind):
    """A way by lot, drawn anew for each run."""

    name, title, schema, short = "split", "Random split", SplitSchema, "ways"

    def label(self, spec: Mapping[str, Any]) -> str:
        return ""

    def branches(self, spec: Mapping[str, Any]) -> list[Branch]:
        return [
            Branch(way.get("name") or f"way-{at + 1}", way.get("then") or (), f"ways[{at}].then")
            for at, way in enumerate(spec["ways"])
        ]

    def compile(self, spec: Mapping[str, Any], texts: Texts, field: str) -> Any:
        return [b.exit for b in self.branches(spec)], [way["share"] for way in spec["ways"]]

    def enter(self, at: At) -> Result:
        exits, shares = at.args
        run = at.run
        drawn = lot(run.journey, at.step, at.moment.person, run.key, run.started, run.visit)
        exit = exits[chosen(shares, drawn)]
        return Leave(exit, why={"way": exit})


class HoldoutSchema(Schema):
    """How many are held out."""

    share = own.share("How many are held out, in per cent.", required=True)


class Holdout(StepKind):
    """Hold some people out, so that what the journey brings about can be measured."""

    name, title, schema, short = "holdout", "Holdout", HoldoutSchema, "share"

    def label(self, spec: Mapping[str, Any]) -> str:
        return ""

    def compile(self, spec: Mapping[str, Any], texts: Texts, field: str) -> Any:
        return spec["share"] / 100

    def enter(self, at: At) -> Result:
        if lot("holdout", at.run.journey, at.step, at.moment.person) < at.args:
            return End("held_out")
        return DONE


class GotoSchema(Schema):
    """Where to, and how often."""

    step = own.text("The id of the step.", 100, required=True)
    most = own.count(
        "How often a run may take this way; then it goes on.", 1, 1000, load_default=10
    )


class GotoStep(StepKind):
    """On to another step, a bounded number of times."""

    name, title, schema, short = "goto", "Go to", GotoSchema, "step"

    def enter(self, at: At) -> Result:
        if at.run.visit > at.args.get("most", 10):
            return Leave(why={"visits": at.run.visit - 1})
        return Goto(at.args["step"])


class ExitSchema(Schema):
    """Why the run ends."""

    reason = own.text("What it is called in reports.", 100, load_default="exit")


class Exit(StepKind):
    """The run ends."""

    name, title, schema, short, ends = "exit", "Exit", ExitSchema, "reason", True

    def spec(self, value: Any) -> Any:
        return {} if value is None else super().spec(value)

    def enter(self, at: At) -> Result:
        return End(f"exit:{at.args.get('reason', 'exit')}")
