"""Which journeys listen to what: the index over programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cdp.conditions.functions.base import Getter
from cdp.conditions.picked import PLAIN, Picked
from cdp.journeys.groups import Groups
from cdp.journeys.program import Program
from cdp.journeys.run import ACTIVE, Run

_Placed = tuple[int, Program]
#: Triggers by calls: one event of all journeys, which says whose it is.
CALLED = ("api", "webhook")


class Listening:
    """The journeys that begin by messages of one kind, in their order.

    Those that want a text or number at a path are looked up by what is there, so that a
    message costs as much as the journeys that it may begin, not as all that listen to it.
    """

    def __init__(self) -> None:
        self._count = 0
        self._always: list[_Placed] = []
        self._by_path: dict[tuple[str, ...], tuple[Getter, dict[Any, list[_Placed]]]] = {}

    def add(self, program: Program) -> None:
        """Let another journey listen."""
        placed, picked = (self._count, program), _picked(program)
        self._count += 1
        if picked is None:
            self._always.append(placed)
            return
        _, by_value = self._by_path.setdefault(picked.path, (picked.get, {}))
        for value in picked.values:
            by_value.setdefault(value, []).append(placed)

    def begun_by(self, message: Mapping[str, Any]) -> list[Program]:
        """The journeys that a message begins."""
        found = self._always
        for get, by_value in self._by_path.values():
            value = get(message)
            if type(value) in PLAIN and value in by_value:
                found = [*found, *by_value[value]]
        if found is not self._always:
            found.sort(key=lambda placed: placed[0])
        return [program for _, program in found if _begins(program, message)]


def _picked(program: Program) -> Picked | None:
    """What must be in a message that begins a journey; of calls it is named there."""
    trigger = program.trigger
    if trigger.kind in CALLED:
        return Picked(("properties", "journey"), frozenset((program.key,)))
    return trigger.picked


def _begins(program: Program, message: Mapping[str, Any]) -> bool:
    trigger = program.trigger
    if trigger.kind in CALLED:
        properties = message.get("properties") or {}
        if properties.get("journey") != program.key or properties.get("by") != trigger.kind:
            return False
    return trigger.where is None or trigger.where(message)


class Journeys:
    """The programs that run: those that people may enter, and older versions with people in.

    ``open`` has the current program of each journey that people may enter; ``paused`` the keys
    of those in which nobody takes a next step.
    """

    def __init__(
        self,
        programs: Iterable[Program],
        open_: Mapping[str, int],
        paused: Iterable[str] = (),
        groups: Groups | None = None,
    ) -> None:
        self.programs = {(item.key, item.version): item for item in programs}
        self.groups = groups or Groups()
        # Of those that one thing begins the one that goes first in its group comes first.
        keys = sorted(open_, key=self.groups.rank)
        self.open = {key: self.programs[key, open_[key]] for key in keys}
        self.paused = frozenset(paused)
        self.by_event: dict[str, Listening] = {}
        self.by_group = Listening()
        self.entered: dict[str, list[Program]] = {}
        self.left: dict[str, list[Program]] = {}
        self.by_trait: dict[str, list[Program]] = {}
        self._leaves = any(item.exit_when is not None for item in self.programs.values())
        for program in self.open.values():
            trigger = program.trigger
            if trigger.event is not None:
                self.by_event.setdefault(trigger.event, Listening()).add(program)
            elif trigger.kind == "group":
                self.by_group.add(program)
            for kind, index in (
                ("enters", self.entered), ("leaves", self.left), ("trait", self.by_trait),
            ):  # fmt: skip
                if trigger.kind == kind:
                    index.setdefault(trigger.name, []).append(program)

    def of(self, run: Run) -> Program | None:
        """The program that a run is in."""
        return self.programs.get((run.journey, run.version))

    def begun_by(self, event: str, message: Mapping[str, Any]) -> list[Program]:
        """The journeys that an event may begin."""
        listening = self.by_event.get(event)
        return listening.begun_by(message) if listening is not None else []

    def hears(self, run: Run, event: str) -> bool:
        """Whether a run is to be told of an event."""
        if event in run.events:
            return self.of(run) is not None
        return run.goal_until is not None and self._goal_of(run) == event

    def listens(self, run: Run) -> bool:
        """Whether a run is to be told of any event."""
        if run.events and self.of(run) is not None:
            return True
        return run.goal_until is not None and self._goal_of(run) is not None

    def _goal_of(self, run: Run) -> str | None:
        """The event by which a run may still reach its goal."""
        program = self.of(run)
        if program is None or program.goal is None or run.goal_at is not None:
            return None
        return program.goal.event

    def watches(self, run: Run) -> bool:
        """Whether a run is to be looked at when anything of the person changes."""
        if run.status != ACTIVE or not (run.watch or self._leaves):
            return False
        program = self.of(run)
        return run.watch or (program is not None and program.exit_when is not None)
