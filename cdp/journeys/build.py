"""Journeys in Python: what a file says, with names that an editor completes.

welcome = Journey(
    "welcome",
    on("Signed Up", where='properties.plan != "internal"'),
    send("welcome_1"),
    wait("2d"),
    branch(when('count("Order Completed") > 0', leave("bought")), otherwise(send("nudge"))),
    entry="once",
)
welcome.yaml()       # the text of its file
welcome.program()    # what runs; JourneyError with all that is wrong
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from cdp.files import dump_yaml
from cdp.journeys.program import Program
from cdp.journeys.read import read
from cdp.journeys.steps import STEPS

Settings = Mapping[str, Any]
State = Literal["draft", "live", "paused", "draining", "stopped"]


@dataclass(frozen=True)
class Step:
    """A step; `called` gives it an id, `noted` a note."""

    kind: str
    settings: Settings = field(default_factory=dict)
    id: str | None = None
    note: str | None = None

    def called(self, id: str) -> Step:
        """The step with an id of its own."""
        return replace(self, id=id)

    def noted(self, note: str) -> Step:
        """The step with a note for people."""
        return replace(self, note=note)

    @property
    def body(self) -> dict[str, Any]:
        """As a file has it: in its short form, where it has one."""
        said = {name: value for name, value in self.settings.items() if value is not None}
        kind = STEPS.get(self.kind)
        short = kind.short if kind is not None else None
        made: Any = said[short] if short is not None and set(said) == {short} else said
        own = {"id": self.id, "note": self.note}
        return {self.kind: made, **{name: value for name, value in own.items() if value}}


@dataclass(frozen=True)
class Way:
    """A way of a branch, split or experiment."""

    body: dict[str, Any]


class Journey:
    """A journey of its trigger and steps; ``more`` are its other fields, such as ``entry``."""

    def __init__(
        self, key: str, trigger: Settings, *steps: Step, state: State = "draft", **more: Any
    ) -> None:
        self.key, self.state = key, state
        if "if_" in more:
            more["if"] = more.pop("if_")
        self.body: dict[str, Any] = {**more, "trigger": dict(trigger), "steps": _bodies(steps)}

    @property
    def file(self) -> dict[str, Any]:
        """All that its file says."""
        state = {} if self.state == "draft" else {"state": self.state}
        return {"kind": "journey", "key": self.key, **state, **self.body}

    def yaml(self) -> str:
        """The text of its file."""
        return dump_yaml(self.file)

    def program(self) -> Program:
        """What runs; `cdp.journeys.JourneyError` has all that is wrong."""
        return read(self.key, self.body)


def _bodies(steps: tuple[Step, ...]) -> list[dict[str, Any]]:
    return [step.body for step in steps]


def _some(steps: tuple[Step, ...]) -> list[dict[str, Any]] | None:
    return _bodies(steps) if steps else None


# Triggers.


def on(event: str, *, where: str | None = None) -> dict[str, Any]:
    """Begun by an event."""
    return {"event": event} | ({"where": where} if where is not None else {})


def enters(audience: str) -> dict[str, Any]:
    """Begun by entering an audience."""
    return {"enters": audience}


def leaves(audience: str) -> dict[str, Any]:
    """Begun by leaving an audience."""
    return {"leaves": audience}


def every(unit: Literal["hour", "day", "week", "month"], audience: str, **more: Any) -> Settings:
    """Begun by the clock, for the members of an audience."""
    return {"every": unit, "audience": audience, **more}


# Steps.


def step(kind: str, **settings: Any) -> Step:
    """Any step, also one that a plugin brings."""
    return Step(kind, settings)


def send(template: str, *, topic: str | None = None, data: Settings | None = None) -> Step:
    """Send a message."""
    return Step("send", {"template": template, "topic": topic, "data": data})


def send_first_of(*templates: str, unread_for: str | None = None, **more: Any) -> Step:
    """Send the first of several templates by whose channel the person can be reached."""
    return Step("send", {"first_of": list(templates), "unread_for": unread_for, **more})


def wait(for_: str | None = None, **more: Any) -> Step:
    """Wait for a length of time; ``until="09:00"``, ``date="traits.renews_at"``, …"""
    return Step("wait", {"for": for_, **more})


def wait_until(
    event: str | None = None,
    *then: Step,
    where: str | None = None,
    if_: str | None = None,
    timeout: str | None = None,
    on_timeout: tuple[Step, ...] = (),
    **more: Any,
) -> Step:
    """Wait until the person does something, or a condition holds."""
    said = {"event": event, "where": where, "if": if_, "timeout": timeout, **more}
    return Step("wait_until", {**said, "then": _some(then), "on_timeout": _some(on_timeout)})


def branch(*ways: Way) -> Step:
    """The first way whose condition holds: of `when` and `otherwise`."""
    return Step("branch", {"ways": [way.body for way in ways]})


def when(condition: str, *steps: Step, name: str | None = None) -> Way:
    """A way of a branch."""
    named = {"name": name} if name is not None else {}
    return Way({**named, "when": condition, "then": _bodies(steps)})


def otherwise(*steps: Step) -> Way:
    """The way of everybody else."""
    return Way({"else": _bodies(steps)})


def split(*ways: Way) -> Step:
    """A way by lot: of `share`."""
    return Step("split", {"ways": [way.body for way in ways]})


def share(share: float, *steps: Step, name: str | None = None) -> Way:
    """A way of a split, and how many take it."""
    named = {"name": name} if name is not None else {}
    return Way({**named, "share": share, "then": _bodies(steps)})


def experiment(*variants: Way, goal: Settings | None = None, **more: Any) -> Step:
    """Variants by a stable lot: of `variant`."""
    return Step("experiment", {"variants": [v.body for v in variants], "goal": goal, **more})


def variant(name: str, *steps: Step, share: float = 50) -> Way:
    """A variant of an experiment."""
    return Way({"name": name, "share": share, "then": _bodies(steps)})


def holdout(share: float) -> Step:
    """Hold a share of people out (in per cent)."""
    return Step("holdout", {"share": share})


def update(**traits: Any) -> Step:
    """Set traits; None takes one away."""
    return Step("update", {"traits": traits})


def emit(event: str, **properties: Any) -> Step:
    """Say an event in the person's name."""
    return Step("emit", {"event": event, "properties": properties or None})


def variables(**values: Any) -> Step:
    """Set variables of the run."""
    return Step("set", {"variables": values})


def value(expression: str) -> dict[str, str]:
    """A typed value: an expression of conditions."""
    return {"value": expression}


def call(journey: str, **data: Any) -> Step:
    """Let the person enter another journey, too."""
    return Step("call", {"journey": journey, "data": data or None})


def go_to(id: str, most: int | None = None) -> Step:
    """On to another step, a bounded number of times."""
    return Step("goto", {"step": id, "most": most})


def leave(reason: str | None = None) -> Step:
    """The run ends."""
    return Step("exit", {"reason": reason or "exit"})
