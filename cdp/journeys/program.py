"""A journey, read: its steps as a graph, its trigger, its goal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cdp.conditions.predicate import Predicate
from cdp.journeys.limits import Limits
from cdp.journeys.rollout import Stage
from cdp.journeys.run import NEXT
from cdp.journeys.steps import StepKind
from cdp.journeys.triggers import Entry, Trigger


class Step(NamedTuple):
    """A step: ``spec`` as it is written, ``args`` as it is asked, ``field`` where it stands.

    ``exits`` has the id of the step that each way out leads to; None: the run ends.
    """

    id: str
    kind: StepKind
    spec: Mapping[str, Any]
    args: Any
    field: str
    exits: Mapping[str, str | None]
    inside: str | None = None
    note: str | None = None


class Goal(NamedTuple):
    """The event that counts as reaching the goal, in the time after the entry (ms)."""

    event: str
    where: Predicate | None
    within: int
    exit: bool
    value: tuple[str, ...] = ()


@dataclass(frozen=True)
class Program:
    """A version of a journey, as `cdp.journeys.advance` runs it.

    ``asked`` are the trees that must be compiled to ask a person; ``liquid``: their identifiers
    must be known as well. ``steps`` in the order of the file. ``rollout`` is the share that holds:
    that of the last of the ``stages``, until somebody says which it is at.
    """

    key: str
    version: int
    trigger: Trigger
    entry: Entry
    while_in: str
    condition: Any
    goal: Goal | None
    exit_when: Any
    zone: str
    priority: int
    rollout: float
    stages: tuple[Stage, ...]
    limits: Limits
    steps: Mapping[str, Step]
    first: str | None
    asked: tuple[Any, ...]
    liquid: bool
    body: Mapping[str, Any] = field(repr=False, default_factory=dict)

    def target(self, step: Step, exit: str) -> str | None:
        """The step that an exit leads to; ``skip`` is the one after the next."""
        if exit == "skip":
            skipped = step.exits.get(NEXT)
            return self.steps[skipped].exits.get(NEXT) if skipped is not None else None
        return step.exits[exit] if exit in step.exits else step.exits.get(NEXT)
