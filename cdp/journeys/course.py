"""All journeys of one person: what an event, a change or the clock does to them.

The pipeline, back-tests, simulations and tests all go through it; it knows no store. Runs of
one person are few; what concerns many people is found by `cdp.journeys.listening.Journeys`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from cdp.conditions.values import same
from cdp.events import at_path
from cdp.journeys.advance import Advanced, advance
from cdp.journeys.groups import OUTRANKED, Kept
from cdp.journeys.listening import Journeys
from cdp.journeys.lots import lot
from cdp.journeys.moment import Moment
from cdp.journeys.program import Program
from cdp.journeys.run import (
    ACTIVE,
    ENDED,
    Changed,
    Due,
    Effect,
    Enter,
    Happened,
    Input,
    Past,
    Run,
    Start,
    Transition,
    trimmed,
)

#: Journeys that start each other in one instant; more are taken for a circle.
MOST_STARTS = 20
_ENTER, _CHANGED = Enter(), Changed()


class Course:
    """One person's runs. ``moment(now)`` makes what journeys may ask at an instant.

    ``effects`` and ``transitions`` gather what came of it, ``changed`` the runs that must be
    written, by number; ``kept_out`` by which group entries into a program were refused, and when.
    """

    def __init__(
        self,
        journeys: Journeys,
        person: str,
        runs: Iterable[Run],
        past: Iterable[Past],
        moment: Callable[[int, bool], Moment],
        number: Callable[[], int],
    ) -> None:
        self.journeys, self.person = journeys, person
        self.runs = {run.id: run for run in runs}
        self.past: dict[tuple[str, str], int] = {}
        self._latest: dict[str, int] = {}
        for item in past:
            self._entered(item.journey, item.key, item.started)
        self._moment, self._number = moment, number
        self._last: Moment | None = None
        self.effects: list[tuple[Run, Effect]] = []
        self.transitions: list[Transition] = []
        self.changed: dict[int, Run] = {}
        self.kept_out: list[tuple[Program, Kept, int]] = []
        self._starts = (0, 0)

    def _entered(self, journey: str, key: str, started: int) -> None:
        at = (journey, key)
        self.past[at] = max(started, self.past.get(at, started))
        self._latest[journey] = max(started, self._latest.get(journey, 0))

    # What comes in.

    def happened(
        self,
        name: str,
        message: Mapping[str, Any],
        now: int,
        seq: int | None = None,
        begins: Iterable[Program] | None = None,
    ) -> None:
        """The person did something: runs that wait for it go on, and new ones begin.

        ``begins`` are the journeys that it may begin, for who has asked for them before.
        """
        for id_ in list(self.runs):
            run = self.runs[id_]  # as of now: another may have ended it
            if self.journeys.hears(run, name):
                self._advance(run, Happened(name, message, seq), now)
        for program in self.journeys.begun_by(name, message) if begins is None else begins:
            self.enter(program, message, now, str(message.get("messageId") or seq))

    def grouped(self, message: Mapping[str, Any], now: int, seq: int | None = None) -> None:
        """The person was connected with an account or object."""
        for program in self.journeys.by_group.begun_by(message):
            self.enter(program, message, now, str(message.get("messageId") or seq))

    def changed_at(self, now: int) -> None:
        """Something of the person changed: runs that watch are looked at."""
        for id_ in list(self.runs):
            run = self.runs[id_]
            if not run.held and self.journeys.watches(run):
                self._advance(run, _CHANGED, now)

    def moved(self, audience: str, entered: bool, now: int, cause: str) -> None:
        """The person entered or left an audience."""
        index = self.journeys.entered if entered else self.journeys.left
        for program in index.get(audience, ()):
            self.enter(program, None, now, cause)

    def trait(self, name: str, before: Any, after: Any, message: Any, now: int) -> None:
        """A trait of the person has another value."""
        for program in self.journeys.by_trait.get(name, ()):
            (old, new), spec = program.trigger.values, program.trigger.spec
            if "from" in spec and not same(old, before):
                continue
            if "to" in spec and not same(new, after):
                continue
            self.enter(program, message, now, str((message or {}).get("messageId") or now))

    def due(self, run_id: int, at: int, now: int) -> None:
        """The time has come at which a run was to be looked at."""
        run = self.runs.get(run_id)
        if run is not None and run.due is not None and run.due <= now:
            self._advance(run, Due(at), now)

    def given(self, run_id: int, cause: Input, now: int) -> None:
        """Somebody decided about a run: an answer, a move, that it may go on."""
        run = self.runs.get(run_id)
        if run is not None:
            self._advance(run, cause, now)

    # What becomes of it.

    def enter(
        self, program: Program, message: Mapping[str, Any] | None, now: int, cause: str
    ) -> Run | None:
        """Begin a run, if the person may enter; None: they may not."""
        key = self._key(program, message, cause)
        if key is None or not self._may(program, key, now):
            return None
        if program.rollout < 1 and lot("rollout", program.key, self.person) >= program.rollout:
            return None
        data = {"event": trimmed(message)} if message is not None else {}
        run = Run(0, program.key, program.version, key, now, program.first, now, data=data)
        if program.condition is not None:
            moment = self._asked(program.key, now)
            if not moment.holds(program.condition, run):
                return None
        kept, leave = self.journeys.groups.judge(program.key, self.runs.values())
        if kept is not None:
            self.kept_out.append((program, kept, now))
            return None
        for id_, group in leave.items():
            self.end(self.runs[id_], OUTRANKED, now, {"by": program.key, "group": group})
        if program.while_in == "restart":
            for other in self._active(program.key, key):
                self.end(other, "restarted", now)
        run.id = self._number()
        run.goal_until = now + program.goal.within if program.goal is not None else None
        self._entered(program.key, key, now)
        self.runs[run.id] = run
        self._advance(run, _ENTER, now)
        return self.runs[run.id]

    def end(self, run: Run, reason: str, now: int, why: Any = None) -> None:
        """End a run from outside."""
        ended = Run(
            run.id, run.journey, run.version, run.key, run.started, None, now, ENDED, reason,
            run.visits, data=run.data, goal_until=run.goal_until, goal_at=run.goal_at,
        )  # fmt: skip
        self.transitions.append(Transition(run.id, now, run.step, "ended", reason, why))
        self.runs[run.id] = self.changed[run.id] = ended

    def merged(self, now: int) -> None:
        """Two people became one: of runs of one journey and key the older one goes on."""
        first: dict[tuple[str, str], Run] = {}
        for run in sorted(self.runs.values(), key=lambda run: (run.started, run.id)):
            program = self.journeys.of(run)
            if run.status != ACTIVE or (program is not None and program.while_in == "start"):
                continue
            older = first.setdefault((run.journey, run.key), run)
            if older is not run:
                self.end(run, "merged", now, {"into": older.id})

    def _key(self, program: Program, message: Any, cause: str) -> str | None:
        rule = program.entry.rule
        if rule == "once_per":
            value = at_path(dict(message or {}), program.entry.path)
            return None if value is None or isinstance(value, dict | list) else str(value)
        return cause if rule == "every_time" and program.while_in == "start" else ""

    def _may(self, program: Program, key: str, now: int) -> bool:
        rule = program.entry.rule
        if rule in ("once", "once_per") and (program.key, key) in self.past:
            return False
        if rule == "again_after":
            last = self._latest.get(program.key)
            if last is not None and now - last < program.entry.ms:
                return False
        return program.while_in != "ignore" or not self._active(program.key, key)

    def _active(self, journey: str, key: str) -> list[Run]:
        mine = [run for run in self.runs.values() if (run.journey, run.key) == (journey, key)]
        return [run for run in mine if run.status == ACTIVE]

    def _advance(self, run: Run, cause: Input, now: int) -> None:
        program = self.journeys.of(run)
        if program is None:
            self._hold(run, now)
            return
        self._take(advance(program, run, cause, self._asked(run.journey, now)), now)

    def _asked(self, journey: str, now: int) -> Moment:
        """What a journey may ask now; the same as long as it is the same instant."""
        paused, last = journey in self.journeys.paused, self._last
        if last is None or last.now != now or last.paused is not paused:
            last = self._last = self._moment(now, paused)
        return last

    def _hold(self, run: Run, now: int) -> None:
        """Let a run stand still whose journey can't be read, until it can and it is resumed."""
        if run.held or run.status != ACTIVE:
            return
        error = f"the journey can't be read (version {run.version})"
        held = msgspec.structs.replace(
            run, held=True, error=error, due=None, until=None, events=(), watch=False, note=None
        )
        self.runs[run.id] = self.changed[run.id] = held
        self.transitions.append(Transition(run.id, now, run.step, "failed", None, {"error": error}))

    def _take(self, made: Advanced, now: int) -> None:
        run = made.run
        self.runs[run.id] = self.changed[run.id] = run
        self.transitions += made.transitions
        for effect in made.effects:
            if type(effect) is Start:
                self._start(run, effect, now)
            else:
                self.effects.append((run, effect))

    def _start(self, run: Run, effect: Start, now: int) -> None:
        program = self.journeys.open.get(effect.journey)
        self._starts = (now, self._starts[1] + 1 if self._starts[0] == now else 1)
        message = {"type": "track", "event": "", "properties": dict(effect.data)}
        if program is None:
            reason = f"the journey {effect.journey} is not live: nobody can enter"
        elif self._starts[1] > MOST_STARTS:
            reason = f"{MOST_STARTS} journeys have started each other at once"
        elif self.enter(program, message, now, effect.key) is None:
            reason = f"they may not enter {effect.journey}"
        else:
            return
        self.transitions.append(
            Transition(run.id, now, effect.step, "not_started", effect.journey, {"error": reason})
        )
