"""The journeys' part of a micro-batch, and of timers that are due."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

from sqlalchemy import Connection

from cdp.audiences import Book
from cdp.conditions.live import UNSAID
from cdp.identity import public_id
from cdp.journeys import Gates, Program, World
from cdp.journeys.lots import lot
from cdp.pipeline.audiences.people import Known
from cdp.pipeline.audiences.stage import Said, Stage
from cdp.pipeline.journeys.concern import (
    begun_of,
    concerned,
    entries_of,
    event_of,
    stirred,
    wanted_of,
)
from cdp.pipeline.journeys.follow import Follow
from cdp.pipeline.journeys.plan import JourneyPlan, changes
from cdp.pipeline.journeys.travelling import Numbers, Travelling
from cdp.pipeline.journeys.writing import Writing
from cdp.pipeline.placing import Outcome
from cdp.store.audiences.members import Change
from cdp.store.audiences.timers import Timer
from cdp.store.journeys import launched as journeys
from cdp.store.journeys import runs as journey_runs
from cdp.store.journeys.runs import Placed
from cdp.store.profiles import graph

#: A timer that fires later than this counts from when it did: the server was down.
LATE_MS = 300_000


class Travels:
    """Lets people enter journeys and go on in them. ``stage`` knows the people."""

    def __init__(self, tx: Connection, plan: JourneyPlan, stage: Stage) -> None:
        self.plan, self.stage = plan, stage
        # Not the plan's to know: it stays the same while turns are given.
        self.gates = Gates(journeys.gates(tx) if plan.programs else {})
        self.world = World(self.gates, plan.winners, plan.knows, closed=plan.closed)
        self._alerts = journey_runs.any_alert(tx)
        self._follow = Follow()
        #: By program: the events that it reads, and the journeys that it starts.
        self._needs: dict[tuple[str, int], set[str]] = {}
        self._calls: dict[tuple[str, int], set[str]] = {}

    @property
    def book(self) -> Book:
        return self.plan.book

    # What comes in.

    def micro_batch(
        self,
        tx: Connection,
        said: Sequence[Said],
        outcome: Outcome,
        moved: Sequence[Change],
        now: int,
    ) -> None:
        """Note what the messages of a micro-batch, and who moved by them, do in journeys."""
        joined = self._follow.outcome(tx, outcome)
        if not (self.plan.programs or self._alerts):
            return
        mine: dict[int, list[Said]] = {}
        for item in said:
            draft = item.draft
            if draft is not None and draft.profile and item.message.live:
                mine.setdefault(draft.profile, []).append(item)
        entries = entries_of(self.plan, moved, mine)
        runs = concerned(tx, self.plan, mine) if self._alerts and mine else []
        begun = begun_of(self.plan, mine)
        wanted = wanted_of(self.plan, mine, begun, runs, entries)
        if joined:
            runs = with_others(runs, journey_runs.active_of(tx, sorted(joined), self.plan.keys))
            for profile in joined:
                wanted.setdefault(profile, [])
        if not wanted:
            return
        courses = self._courses(tx, wanted, runs, outcome.created)
        for profile, course in courses.items():
            if profile in joined:
                course.course.merged(now)
            for item in mine.get(profile, ()):
                self._message(course, item, begun.get(item.seq, ()))
                course.began_by(item.draft.id if item.draft is not None else 0)
            for change, key in entries.get(profile, ()):
                course.course.moved(key, change.entered, now, f"{key}:{change.at}")
            course.course.changed_at(now)
        self._write(tx, courses, now)

    def moved(
        self, tx: Connection, found: Sequence[Change], now: int, again: Set[int] = frozenset()
    ) -> None:
        """People entered and left audiences by time alone, or by hand.

        Of those who are looked at ``again`` something else changed; runs may watch them.
        """
        entries = entries_of(self.plan, found, None)
        runs = stirred(tx, self.plan, found, again) if self._alerts else []
        wanted = wanted_of(self.plan, {}, {}, runs, entries)
        courses = self._courses(tx, wanted, runs, ())
        for profile, course in courses.items():
            for change, key in entries.get(profile, ()):
                at = at_of(change.at, now)
                course.course.moved(key, change.entered, at, f"{key}:{change.at}")
            course.course.changed_at(now)
        self._write(tx, courses, now)

    def timers(self, tx: Connection, due: Sequence[Timer], clock: int) -> None:
        """Handle timers of runs that are due, each at its own time."""
        runs = journey_runs.by_ids(tx, sorted({t.subject for t in due}), self.plan.keys)
        self.go_on(
            tx,
            runs,
            clock,
            lambda course, item: course.due(
                item.run.id, item.run.due or clock, at_of(item.run.due, clock)
            ),
            due,
        )

    def go_on(
        self,
        tx: Connection,
        runs: Sequence[Placed],
        now: int,
        act: Any,
        spent: Sequence[Timer] = (),
    ) -> None:
        """Let ``act(course, placed)`` do something to runs, the earliest due first.

        ``spent`` are the timers by which it came to that.
        """
        wanted: dict[int, list[Program]] = {item.profile: [] for item in runs}
        mates = journey_runs.alerted(tx, sorted(wanted), self.plan.keys) if self._alerts else []
        courses = self._courses(tx, wanted, with_others(runs, mates), ())
        for item in sorted(runs, key=lambda item: (item.run.due or 0, item.run.id)):
            course = courses.get(item.profile)
            if course is not None:
                act(course.course, item)
        self._write(tx, courses, now, spent)

    def enter(
        self, tx: Connection, program: Program, people: Iterable[int], now: int, cause: str,
        over: float = 0.0,
    ) -> int:  # fmt: skip
        """Let people enter who may; how many did. Only those whose lot for it is ``over``."""
        wanted = {profile: [program] for profile in people}
        mates = journey_runs.of_people(tx, sorted(wanted), self.plan.keys)
        courses = self._courses(tx, wanted, mates, ())
        for course in courses.values():
            if not over or lot("rollout", program.key, course.course.person) >= over:
                course.course.enter(program, None, now, cause)
        n = sum(len(course.new) for course in courses.values())
        self._write(tx, courses, now)
        return n

    # Their courses.

    def _courses(
        self,
        tx: Connection,
        wanted: Mapping[int, list[Program]],
        runs: Sequence[Placed],
        created: Iterable[int],
    ) -> dict[int, Travelling]:
        if not wanted:
            return {}
        programs, keys = self.plan.journeys, self.plan.keys
        by_profile = _by_profile(runs)
        events: dict[int, set[str]] = {}
        pairs: set[tuple[int, int]] = set()
        new = set(created)
        for profile, entering in wanted.items():
            involved = [p for i in by_profile.get(profile, ()) if (p := programs.of(i.run))]
            events[profile] = set().union(*(self._events(p) for p in (*entering, *involved)))
            called = {k for p in (*entering, *involved) for k in self._called(p)}
            if profile not in new:
                keen = {*called, *(program.key for program in entering)}
                mates = set().union(*(self.plan.groups.mates(k) for k in keen)) - called
                pairs |= {(profile, self.plan.rows[k].id) for k in keen}
                pairs |= {(profile, self.plan.rows[k].id) for k in mates if k in self.plan.rows}
        # Who may enter depends on what they are in: those runs are needed, too.
        had = journey_runs.past(tx, pairs, keys)
        by_profile = _by_profile(with_others(runs, journey_runs.by_ids(tx, had.active, keys)))
        people = self._people(tx, events)
        heads = {row.id: row for row in graph.profiles_by_id(tx, sorted(wanted))}
        numbers = Numbers(tx)
        return {
            profile: Travelling(
                self, people[profile], public_id(head.collection, head.anchor),
                by_profile.get(profile, []), had.past.get(profile, []), numbers,
            )
            for profile in wanted
            if (head := heads.get(profile)) is not None
        }  # fmt: skip

    def _people(self, tx: Connection, events: dict[int, set[str]]) -> dict[int, Known]:
        found = self.stage.people(tx, events)
        self.stage.refresh(tx, found)
        return found

    def _events(self, program: Program) -> set[str]:
        """The events that must be known of somebody in a journey, or in one that it starts."""
        at = (program.key, program.version)
        if at not in self._needs:
            self._needs[at] = set()  # journeys may start each other
            roots = self.plan.asked_of(program)
            found = self.book.events_asked(roots)
            for key in self._called(program):
                found |= self._events(self.plan.journeys.open[key])
            self._needs[at] = found
        return self._needs[at]

    def _called(self, program: Program) -> set[str]:
        """The journeys that a journey starts."""
        at = (program.key, program.version)
        if at not in self._calls:
            open_ = self.plan.journeys.open
            self._calls[at] = {
                step.spec["journey"]
                for step in program.steps.values()
                if step.kind.name == "call" and step.spec["journey"] in open_
            }
        return self._calls[at]

    # What a message does.

    def _message(self, travelling: Travelling, item: Said, begins: Sequence[Program]) -> None:
        message, course = item.message, travelling.course
        at = message.received_at
        if message.type == "identify" and self.plan.journeys.by_trait:
            for trait in message.body.get("traits") or ():
                if trait in self.plan.journeys.by_trait:
                    self._trait(travelling, trait, item)
        name = event_of(message)
        if name:
            course.happened(name, message.body, at, item.seq, begins)
        if message.type == "group":
            course.grouped(message.body, at, item.seq)

    def _trait(self, travelling: Travelling, trait: str, item: Said) -> None:
        """Whether a message gave a trait another value, in the order of stamps."""
        root = changes(trait)
        (number,) = self.book.asked[root].needs.streams
        stream = travelling.known.subject.streams.get(number)
        if stream is None or item.seq not in stream.seq:
            return
        place = stream.seq.index(item.seq)
        column = self.book.streams.specs[number].columns.index(("traits", trait))
        values = stream.columns[column]
        new = values[place]
        if new is UNSAID or any(later is not UNSAID for later in values[place + 1 :]):
            return
        old = next((v for v in reversed(values[:place]) if v is not UNSAID), None)
        if old != new or type(old) is not type(new):
            body, at = item.message.body, item.message.received_at
            travelling.course.trait(trait, old, new, body, at)

    # What came of it.

    def _write(
        self,
        tx: Connection,
        courses: Mapping[int, Travelling],
        now: int,
        spent: Sequence[Timer] = (),
    ) -> None:
        writing = Writing(tx, self.plan, now)
        writing.spent(spent)
        for profile, travelling in courses.items():
            writing.add(profile, travelling)
        self._alerts = writing.finish(self.gates) or self._alerts


def with_others(runs: Sequence[Placed], others: Iterable[Placed]) -> list[Placed]:
    """Runs, and others that are not among them."""
    known = {item.run.id for item in runs}
    return [*runs, *(item for item in others if item.run.id not in known)]


def _by_profile(runs: Iterable[Placed]) -> dict[int, list[Placed]]:
    found: dict[int, list[Placed]] = {}
    for item in runs:
        found.setdefault(item.profile, []).append(item)
    return found


def at_of(due: int | None, clock: int) -> int:
    """When a timer counts as having fired."""
    return due if due is not None and clock - due <= LATE_MS else clock
