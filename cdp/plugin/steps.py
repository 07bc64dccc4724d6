"""Kinds of steps that a plugin adds to journeys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from marshmallow import Schema

NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
EXIT = re.compile(r"[a-z][a-z0-9_-]{0,59}")


@dataclass(frozen=True, slots=True)
class StepMoment:
    """What a step may know: nothing else decides what it does.

    ``person`` is the profile's public id, ``traits`` are theirs, ``event`` is the message that
    began the run, ``variables`` the run's own. ``now`` in ms since 1970. ``cause`` is
    ``entered``, ``due`` or ``event``; then ``happened`` is the message. ``note`` is what the
    step kept when it last waited, ``visit`` counts how often the run came to it.
    """

    person: str
    traits: Mapping[str, Any]
    event: Mapping[str, Any]
    variables: Mapping[str, Any]
    now: int
    cause: str = "entered"
    happened: Mapping[str, Any] | None = None
    note: Any = None
    visit: int = 1


@dataclass(frozen=True, slots=True)
class GoOn:
    """The step is done. ``exit`` is the way that the run takes: one of the step's, or next.

    ``variables`` are kept as journey.…; ``events`` are said in the person's name, as
    (name, properties); ``traits`` are set.
    """

    exit: str = "next"
    variables: Mapping[str, Any] = field(default_factory=dict)
    events: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    traits: Mapping[str, Any] = field(default_factory=dict)
    why: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WaitFor:
    """The run waits here: ``until`` an instant (ms), or for one of some ``events``.

    The step is asked again then. ``note`` is JSON that it finds in its moment.
    """

    until: int | None = None
    events: tuple[str, ...] = ()
    note: Any = None
    why: Mapping[str, Any] = field(default_factory=dict)


class JourneyStep:
    """A kind of step. Set ``name``, ``title``, ``summary`` and ``Settings``; write `decide`.

    ``decide`` must be pure and quick: it is asked in the pipeline's transaction, and again by
    back-tests, and must always say the same of the same moment. So it may look neither at a
    clock nor at the network. What it raises stops the run at the step, with the reason, until
    somebody has it go on. ``exits`` are ways beside next: in a journey's file the steps on
    them stand under ``on``.
    """

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    summary: ClassVar[str] = ""
    Settings: ClassVar[type[Schema]] = Schema
    exits: ClassVar[tuple[str, ...]] = ()

    def decide(self, settings: Mapping[str, Any], moment: StepMoment) -> GoOn | WaitFor:
        """What the run does now."""
        raise NotImplementedError

    def check(self) -> None:
        """`ValueError` for what can't be a step."""
        if not isinstance(self.name, str) or NAME.fullmatch(self.name) is None:
            raise ValueError(f"{self.name!r:.80} is no name of a step")
        if not self.title or not self.summary:
            raise ValueError(f"{self.name} needs a title and a summary")
        if not (isinstance(self.Settings, type) and issubclass(self.Settings, Schema)):
            raise ValueError(f"{self.name}: Settings is no marshmallow schema")
        bad = [exit for exit in self.exits if EXIT.fullmatch(exit) is None or exit == "next"]
        if bad:
            raise ValueError(f"{self.name}: {bad[0]!r:.80} is no name of a way out")
        if type(self).decide is JourneyStep.decide:
            raise ValueError(f"{self.name} has nothing to decide")
