"""What a kind of step is: its settings, its ways out, and what it does at a moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, TypeAlias

import msgspec
from marshmallow import Schema

from cdp.journeys.moment import Moment
from cdp.journeys.run import NEXT, Effect, Input, Run
from cdp.journeys.texts import Texts


class Branch(NamedTuple):
    """Steps inside of a step: the ``exit`` that leads there, and where they stand in the file."""

    exit: str
    steps: Sequence[Any]
    field: str


class Leave(msgspec.Struct, frozen=True, gc=False):
    """The step is done, and left by an exit; ``kept`` is what the run remembers beside that."""

    exit: str = NEXT
    effects: tuple[Effect, ...] = ()
    why: Mapping[str, Any] | None = None
    variables: Mapping[str, Any] | None = None
    kept: Mapping[str, Any] | None = None


class Stay(msgspec.Struct, frozen=True, gc=False):
    """The run waits here: for an instant, for events, for the person to change."""

    due: int | None = None
    events: tuple[str, ...] = ()
    watch: bool = False
    note: Any = None
    effects: tuple[Effect, ...] = ()
    why: Mapping[str, Any] | None = None


class Goto(msgspec.Struct, frozen=True, gc=False):
    """On to another step of the journey."""

    step: str
    why: Mapping[str, Any] | None = None


class End(msgspec.Struct, frozen=True, gc=False):
    """The run is over."""

    reason: str
    effects: tuple[Effect, ...] = ()
    why: Mapping[str, Any] | None = None


Result: TypeAlias = Leave | Stay | Goto | End
#: The step is done, and there is nothing to tell of it.
DONE = Leave()


class At(msgspec.Struct, frozen=True, gc=False):
    """Where a step is asked: the person as of now, the run, the step's compiled settings."""

    moment: Moment
    run: Run
    args: Any
    step: str
    zone: str

    @property
    def now(self) -> int:
        return self.moment.now


class StepKind:
    """A kind of step. ``schema`` has its settings; ``short`` is the field that a bare value is."""

    name: ClassVar[str]
    title: ClassVar[str]
    schema: ClassVar[type[Schema]]
    short: ClassVar[str | None] = None
    #: It always waits, so that a loop through it ends nowhere.
    waits: ClassVar[bool] = False
    #: No step follows it.
    ends: ClassVar[bool] = False

    def spec(self, value: Any) -> Any:
        """The settings as a mapping, of what a file has under the step's name."""
        if self.short is not None and not isinstance(value, Mapping):
            return {self.short: value}
        return value

    def label(self, spec: Mapping[str, Any]) -> str:
        """What a step is called after, beside the name of its kind; it may be empty."""
        value = spec.get(self.short) if self.short else None
        return value if isinstance(value, str) else ""

    def branches(self, spec: Mapping[str, Any]) -> list[Branch]:
        """The steps inside, by exit; what has none follows the step."""
        return []

    def exits(self, spec: Mapping[str, Any]) -> tuple[str, ...]:
        """The ways out: those of the branches, and ``next``."""
        named = tuple(branch.exit for branch in self.branches(spec))
        return (*named, NEXT) if NEXT not in named else named

    def compile(self, spec: Mapping[str, Any], texts: Texts, field: str) -> Any:
        """The settings as the step needs them at a moment; what is wrong goes to ``texts``."""
        return spec

    def enter(self, at: At) -> Result:
        """What happens when a run comes to the step."""
        raise NotImplementedError

    def resume(self, at: At, cause: Input) -> Result | None:
        """What an input does to a run that waits here; None: nothing."""
        return None
