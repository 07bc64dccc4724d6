"""One step of a run's way, as a pure function (law 5).

``advance(program, run, input, moment)`` reads no clock and does no I/O: live runs, back-tests
and tests call the same function. What it returns is a new state, effects and transitions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from cdp.conditions.live import NEVER
from cdp.events import at_path
from cdp.journeys.moment import Moment
from cdp.journeys.program import Goal, Program, Step
from cdp.journeys.run import (
    ACTIVE,
    ENDED,
    Changed,
    Due,
    Effect,
    Enter,
    Happened,
    Input,
    Migrated,
    Moved,
    Run,
    Transition,
)
from cdp.journeys.steps import At, End, Goto, Leave, Result, Stay
from cdp.journeys.values import StepFailed

#: Steps that a run may take without waiting; more are taken for a loop that never ends.
MOST_AT_ONCE = 200


class Advanced(msgspec.Struct, frozen=True, gc=False):
    """What became of a run."""

    run: Run
    effects: list[Effect]
    transitions: list[Transition]


def advance(program: Program, run: Run, cause: Input, moment: Moment) -> Advanced:
    """What an input makes of a run at a moment. The run that is given is left as it is."""
    way = _Way(program, msgspec.structs.replace(run), moment)
    if run.status == ACTIVE or type(cause) is Happened:
        way.take(cause)
    return Advanced(way.run, way.effects, way.transitions)


class _Way:
    __slots__ = ("_taken", "effects", "moment", "now", "program", "run", "transitions")

    def __init__(self, program: Program, run: Run, moment: Moment) -> None:
        self.program, self.run, self.moment, self.now = program, run, moment, moment.now
        self.effects: list[Effect] = []
        self.transitions: list[Transition] = []
        self._taken = 0

    def take(self, cause: Input) -> None:
        run, program = self.run, self.program
        if isinstance(cause, Happened) and program.goal is not None:
            self._goal(program.goal, cause)
        if run.status != ACTIVE:
            return
        if isinstance(cause, Moved):
            self._moved(cause)
            return
        if isinstance(cause, Enter) and not run.visits:
            root = program.condition
            clauses = {"clauses": self.moment.why(root, run)} if root is not None else None
            self._tell("entered", why=clauses)
            if program.exit_when is None or not self._leaves():
                self._arrive(program.first)
            return
        if program.exit_when is not None and self._leaves():
            return
        if run.held:
            if isinstance(cause, Enter) and not self.moment.paused:
                run.held, run.error = False, None
                self._ask(None)
            return
        if isinstance(cause, Migrated):
            self._migrated()
            return
        if isinstance(cause, Due) and (run.until is None or cause.at < run.until):
            cause = Changed()
        self._ask(cause)

    def _leaves(self) -> bool:
        """End the run if its exit condition holds."""
        root = self.program.exit_when
        if not self.moment.holds(root, self.run):
            return False
        self._end("exit_when", {"clauses": self.moment.why(root, self.run)})
        return True

    def _goal(self, goal: Goal, cause: Happened) -> None:
        run = self.run
        if run.goal_at is not None or goal.event != cause.name:
            return
        if run.goal_until is None or self.now > run.goal_until:
            return
        if goal.where is not None and not goal.where(cause.message):
            return
        run.goal_at = self.now
        why: dict[str, Any] = {"event": cause.name, "seq": cause.seq}
        if goal.value:
            why["value"] = at_path(dict(cause.message), goal.value)
        self._tell("converted", why=why)
        if goal.exit and run.status == ACTIVE:
            self._end("goal", why)

    def _moved(self, cause: Moved) -> None:
        why = {"by": cause.by, "reason": cause.reason}
        self._tell("moved", cause.step, why)
        self.run.held, self.run.error = False, None
        if cause.step is None:
            self._end("by_hand", why)
        else:
            self._arrive(cause.step)

    def _migrated(self) -> None:
        """Wait on as the version says to which the run has come."""
        run = self.run
        step = self._here()
        if step is None:
            return
        if not step.kind.waits:
            return
        at = At(self.moment.at(run.since), run, step.args, step.id, self.program.zone)
        result = step.kind.enter(at)
        self._rest()
        if isinstance(result, Stay) and (result.due is None or result.due > self.now):
            self._stay(result)
            return
        following = self._follow(step, Leave() if isinstance(result, Stay) else result)
        if following is not _HERE:
            self._arrive(following)

    def _arrive(self, to: str | None) -> None:
        """Go on to a step, and as far as it goes from there."""
        run, paused = self.run, self.moment.paused
        if to is not None:
            self._rest()
            run.since, run.visits = self.now, dict(run.visits)
        while to is not None:
            run.step = to
            run.visits[to] = run.visits.get(to, 0) + 1
            step = self._here()
            if step is None:
                return
            if paused:
                run.held = True
                self._tell("held", why={"paused": True})
                return
            to = self._follow(step, self._result(step, None))
            if to is _HERE:
                return
        self._end("finished", None)

    def _ask(self, cause: Input | None) -> None:
        """Let the step at which the run is have an input; None: it is entered once more."""
        step = self._here()
        if step is None:
            return
        following = self._follow(step, self._result(step, cause))
        if following is not _HERE:
            self._arrive(following)

    def _here(self) -> Step | None:
        """The step at which the run is; None, and it is held, if it can't go on there now."""
        run = self.run
        step = self.program.steps.get(run.step or "")
        self._taken += 1
        if step is None:
            self._hold(f"there is no step {run.step} any more")
        elif self._taken > MOST_AT_ONCE:
            self._hold(f"it took {MOST_AT_ONCE} steps without waiting")
            return None
        return step

    def _rest(self) -> None:
        """Wait for nothing."""
        run = self.run
        run.due = run.until = run.note = None
        run.events, run.watch = (), False

    def _result(self, step: Step, cause: Input | None) -> Result | None:
        at = At(self.moment, self.run, step.args, step.id, self.program.zone)
        try:
            return step.kind.enter(at) if cause is None else step.kind.resume(at, cause)
        except StepFailed as failed:
            self._hold(str(failed))
            stuck: Result = _STUCK
            return stuck

    def _follow(self, step: Step, result: Result | None) -> Any:
        """Do what a step says; the step that follows, None for the end, or `_HERE`."""
        if type(result) is Leave:
            run = self.run
            if result.effects:
                self.effects += result.effects
            if result.variables:
                run.data = {**run.data, "vars": {**run.vars, **result.variables}}
            if result.kept:
                run.data = {**run.data, **result.kept}
            self._tell("left", result.exit, result.why)
            return self.program.target(step, result.exit)
        if isinstance(result, Stay):
            self._stay(result)
        elif isinstance(result, End):
            self.effects += result.effects
            self._tell("left", "end", result.why)
            self._end(result.reason, result.why)
        elif isinstance(result, Goto):
            self._tell("left", "goto", result.why)
            return result.step
        elif result is None:
            self._set_due()
        return _HERE

    def _stay(self, stay: Stay) -> None:
        run = self.run
        goes_on = (run.until, run.events, run.watch, run.note) != (None, (), False, None)
        run.until, run.events = stay.due, stay.events
        run.watch, run.note = stay.watch, stay.note
        self.effects += stay.effects
        self._set_due()
        if not goes_on:
            self._tell("waits", why=stay.why)

    def _set_due(self) -> None:
        """When to look next: the step's own time, or when time alone may end the run."""
        run, root = self.run, self.program.exit_when
        run.due = run.until
        if root is not None:
            change = self.moment.next_change(root, run)
            if change < NEVER:
                run.due = change if run.due is None else min(run.due, change)

    def _hold(self, error: str) -> None:
        """Stop at the step for a reason; it can be resumed once that is mended."""
        run = self.run
        self._rest()
        run.held, run.error = True, error
        self._tell("failed", why={"error": error})

    def _end(self, reason: str, why: Mapping[str, Any] | None) -> None:
        run = self.run
        self._rest()
        run.status, run.reason, run.held = ENDED, reason, False
        self._tell("ended", reason, why)
        run.step = None

    def _tell(self, what: str, exit: str | None = None, why: Any = None) -> None:
        run = self.run
        self.transitions.append(Transition(run.id, self.now, run.step, what, exit, why))


class _Here:
    pass


_HERE: Any = _Here()
_STUCK: Any = _Here()
