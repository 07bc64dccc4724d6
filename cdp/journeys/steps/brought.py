"""Steps that plugins bring, among those that come along."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import Schema, fields

from cdp.journeys.run import NEXT, Due, Effect, Emit, Happened, Input, Update
from cdp.journeys.steps import STEPS
from cdp.journeys.steps.base import At, Branch, Leave, Result, Stay, StepKind
from cdp.journeys.texts import Texts
from cdp.journeys.values import StepFailed
from cdp.plugin.steps import GoOn, JourneyStep, StepMoment, WaitFor


class BroughtStep(StepKind):
    """A plugin's step; ``plugin`` names who brought it."""

    name: ClassVar[str]
    waits = False

    def __init__(self, plugin: str, step: JourneyStep) -> None:
        self.plugin, self._step = plugin, step
        self.name, self.title = step.name, step.title  # type: ignore[misc]
        self.__doc__ = step.summary
        on = fields.Dict(
            keys=fields.String(),
            values=fields.List(fields.Raw()),
            metadata={"description": f"Steps by way out: {', '.join(step.exits)}.",
                      "format": "steps", "exits": step.exits},
        )  # fmt: skip
        own: dict[str, Any] = {"on": on} if step.exits else {}
        made = type(f"{step.name}_settings", (step.Settings,), own)
        self.schema: type[Schema] = made  # type: ignore[misc]

    def branches(self, spec: Mapping[str, Any]) -> list[Branch]:
        named = spec.get("on") or {}
        return [
            Branch(exit, named[exit] or (), f"on.{exit}")
            for exit in self._step.exits
            if exit in named
        ]

    def compile(self, spec: Mapping[str, Any], texts: Texts, field: str) -> Any:
        for exit in spec.get("on") or {}:
            if exit not in self._step.exits:
                ways = ", ".join(self._step.exits)
                texts.fault(f"{field}.on", f"{self.name} has no way out {exit}; it has {ways}")
        return {name: value for name, value in spec.items() if name != "on"}

    def enter(self, at: At) -> Result:
        return self._ask(at, "entered", None)

    def resume(self, at: At, cause: Input) -> Result | None:
        if isinstance(cause, Due):
            return self._ask(at, "due", None)
        if isinstance(cause, Happened) and cause.name in at.run.events:
            return self._ask(at, "event", cause.message)
        return None

    def _ask(self, at: At, cause: str, happened: Mapping[str, Any] | None) -> Result:
        run, scope = at.run, at.moment.scope(at.run)
        moment = StepMoment(
            at.moment.person, scope["customer"], dict(run.data.get("event") or {}),
            dict(run.vars), at.now, cause, happened, run.note, run.visit,
        )  # fmt: skip
        try:
            result = self._step.decide(at.args, moment)
        except Exception as error:
            # Others go on: it is this run's trouble, and is shown there.
            raise StepFailed(f"{self.plugin}: {type(error).__name__}: {error}"[:500]) from error
        if isinstance(result, WaitFor):
            why = dict(result.why) or None
            return Stay(result.until, tuple(result.events), note=result.note, why=why)
        if not isinstance(result, GoOn):
            raise StepFailed(f"{self.plugin}: decide gave {result!r:.80}, no GoOn and no WaitFor")
        if result.exit != NEXT and result.exit not in self._step.exits:
            raise StepFailed(f"{self.plugin}: {self.name} has no way out {result.exit!r:.60}")
        return Leave(
            result.exit, self._effects(run.reason_key, result), dict(result.why) or None,
            dict(result.variables) or None,
        )  # fmt: skip

    @staticmethod
    def _effects(key: str, result: GoOn) -> tuple[Effect, ...]:
        said: list[Effect] = [
            Emit(f"{key}:{number}", name, dict(properties))
            for number, (name, properties) in enumerate(result.events)
        ]
        if result.traits:
            said.append(Update(key, dict(result.traits)))
        return tuple(said)


def bring(plugin: str, step: JourneyStep) -> None:
    """Let journeys know a plugin's step; `ValueError` if its name is taken."""
    there = STEPS.get(step.name)
    if there is not None and not (isinstance(there, BroughtStep) and there.plugin == plugin):
        raise ValueError(f"there is a step {step.name} already")
    STEPS[step.name] = BroughtStep(plugin, step)
