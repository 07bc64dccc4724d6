"""Writing what became of runs, in the transaction that decided it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import Connection

from cdp.journeys import Gates, Transition
from cdp.journeys.run import Effect, Run
from cdp.pipeline.journeys import effects
from cdp.pipeline.journeys.plan import JourneyPlan
from cdp.store.audiences import timers
from cdp.store.audiences.timers import JOURNEY, Timer
from cdp.store.destinations import hooks as delivery_hooks
from cdp.store.journeys import launched as journeys
from cdp.store.journeys import runs as journey_runs
from cdp.store.journeys import story as journey_story
from cdp.store.journeys import sums as journey_sums
from cdp.store.journeys.runs import Placed
from cdp.store.profiles import graph

if TYPE_CHECKING:
    from cdp.pipeline.journeys.travelling import Travelling

#: What is counted of entries that a group refuses, with its key for an exit.
KEPT_OUT = "kept_out"
_DAY = 86_400_000
_encode = msgspec.json.Encoder().encode


class Writing:
    """Gathers what became of people's runs, and writes it at once."""

    def __init__(self, tx: Connection, plan: JourneyPlan, now: int) -> None:
        self._tx, self._plan, self._now = tx, plan, now
        self._placed: list[Placed] = []
        self._new: set[int] = set()
        self._effects: list[tuple[Run, Effect, int]] = []
        self._moves: list[tuple[Transition, int]] = []
        self._due: list[Timer] = []
        self._spent: list[Timer] = []
        self._homeless: set[int] = set()
        self._kept_out: Counter[journey_sums.Counted] = Counter()

    def spent(self, items: Iterable[Timer]) -> None:
        """Note timers that have come: they go, unless they are set anew."""
        self._spent += items

    def add(self, profile: int, travelling: Travelling) -> None:
        """Take what became of a person's runs."""
        course = travelling.course
        for run in course.changed.values():
            before = travelling.placed.get(run.id)
            node = before.node if before is not None else travelling.nodes.get(run.id, 0)
            if before is None:
                self._new.add(run.id)
            if not node:
                self._homeless.add(profile)
            number = before.journey if before is not None else self._plan.rows[run.journey].id
            alert = self._plan.journeys.watches(run) or self._plan.journeys.listens(run)
            if run.goal_until is not None and run.status != "active":
                alert = alert and run.goal_until > self._now
            self._placed.append(Placed(run, number, profile, node, alert))
            if run.due is not None:
                self._due.append(Timer(JOURNEY, run.id, profile, run.due))
            elif before is not None and before.run.due is not None:
                self._spent.append(Timer(JOURNEY, run.id, profile, 0))
        self._effects += [(run, effect, profile) for run, effect in course.effects]
        for program, kept, at in course.kept_out:
            number, day = self._plan.rows[program.key].id, at // _DAY
            self._kept_out[number, program.version, day, "", KEPT_OUT, kept.group] += 1
        self._moves += [(move, profile) for move in course.transitions]

    def finish(self, gates: Gates) -> bool:
        """Write it all; whether any of the runs is on the alert."""
        tx, plan = self._tx, self._plan
        journeys.put_gates(tx, gates.moved)
        gates.moved.clear()
        if self._kept_out:
            journey_sums.add(tx, self._kept_out)
        if not self._placed:
            self._set_timers()
            return False
        homes = self._homes()
        placed = [
            item if item.node else item._replace(node=homes.get(item.profile, 0))
            for item in self._placed
        ]
        journey_runs.put(tx, placed, self._new)
        journey_runs.root(
            tx,
            [
                (item.run.id, item.node)
                for item, before in zip(placed, self._placed, strict=True)
                if item.node != before.node and item.run.id not in self._new
            ],
        )
        self._set_timers()
        by_run = {item.run.id: item for item in placed}
        of = {item.run.id: (item.journey, item.run.version) for item in placed}
        journey_story.add_moves(tx, [move for move, _ in self._moves], of)
        done = [
            effects.Done(run, effect, profile, by_run[run.id].node)
            for run, effect, profile in self._effects
        ]
        effects.write(tx, plan, done, self._now)
        if delivery_hooks.are_followed(tx, "on_transitions"):
            self._tell(by_run)
        return any(item.alert for item in placed)

    def _set_timers(self) -> None:
        """Set what is due; what is spent is taken away, unless it was set anew by that."""
        anew = {(item.subject, item.profile) for item in self._due}
        spent = {(item.subject, item.profile): item for item in self._spent}
        timers.drop_timers(self._tx, [item for at, item in spent.items() if at not in anew])
        timers.put_timers(self._tx, self._due)

    def _homes(self) -> dict[int, int]:
        """A node of each person who entered: runs follow it."""
        found: dict[int, int] = {}
        for row in graph.nodes_of_profiles(self._tx, sorted(self._homeless)):
            found[row.profile] = max(row.id, found.get(row.profile, 0))
        return found

    def _tell(self, by_run: dict[int, Placed]) -> None:
        rows = [
            (
                profile,
                by_run[move.run].run.journey,
                str(move.run),
                move.step or "",
                move.what,
                _encode({"exit": move.exit, "why": move.why}).decode(),
            )
            for move, profile in self._moves
        ]
        delivery_hooks.add_transitions(self._tx, rows, self._now)
