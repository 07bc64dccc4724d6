"""One person's past, or what could be their future, played through their journeys.

A `Life` is one person in a `Setting`: messages and time go in, as in the pipeline but one by
one, and what journeys do comes out. Simulations, back-tests and tests of journeys play with it.

What a journey does to the person (traits, events, lists) happens in the life, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from operator import attrgetter
from typing import Any, NamedTuple

from cdp.conditions.live import NEVER, TRAITS, UNSAID, Stream, Subject
from cdp.events import event_name
from cdp.journeys.course import Course
from cdp.journeys.moment import moments
from cdp.journeys.run import Call, Effect, Emit, Input, Listed, Past, Run, Update
from cdp.journeys.schedule import next_date, next_time
from cdp.journeys.setting import Setting
from cdp.messaging.calls import ANSWERED

#: What a journey may bring about at one instant; more is taken for a circle.
MOST_AT_ONCE = 1000
#: Times at which something falls due without an input in between; more is taken for a circle.
MOST_TURNS = 100_000
_SOONEST = attrgetter("due", "id")
#: Where messages have names of the person, and as which identifiers.
_NAMES = (("userId", "user_id"), ("anonymousId", "anonymous_id"))


class NeverEnds(RuntimeError):
    """Journeys that go on and on without anything from outside."""


class Done(NamedTuple):
    """Something that a journey did, and when."""

    at: int
    run: Run
    effect: Effect


class Life:
    """One person in a `Setting`. ``now`` is how far time has gone; it never goes back.

    ``runs``, ``past`` and the ``subject`` are those of a life that this one goes on with.
    """

    def __init__(
        self,
        setting: Setting,
        person: str,
        now: int,
        number: Callable[[], int] | None = None,
        runs: Iterable[Run] = (),
        past: Iterable[Past] = (),
        subject: Subject | None = None,
    ) -> None:
        self.setting, self.person, self.now = setting, person, now
        self.subject = subject or Subject()
        self.done: list[Done] = []
        self._seq = count(1)
        numbers = number or count(1).__next__
        asked = moments(self.subject, setting.book.asked, person, setting.world)
        self.course = Course(setting.journeys, person, runs, past, asked, numbers)
        #: When an audience, by its place, could change by time alone.
        self._changes: dict[int, int] = {}
        #: When a trigger of the calendar comes, by journey.
        self._comes: dict[str, int] = {}
        self._came: dict[str, int] = {}
        self._look_at_audiences(told=False)
        self._look_at_calendar()

    # What comes in.

    def say(self, message: Mapping[str, Any], t: int, seq: int | None = None) -> None:
        """The person says a message at an instant: first, all that was due before it comes.

        What is due at that very instant comes after it.
        """
        self.until(t - 1)
        self.now = max(self.now, t)
        self._take(message, seq)
        self._settle()

    def before(self, history: Iterable[tuple[int, Mapping[str, Any]]], audiences: set[str]) -> None:
        """What was before now: conditions know of it, and no journey is told.

        ``history`` are messages with their instants, in order, ``audiences`` those that the
        person is in, of those that nothing here works out.
        """
        for t, message in history:
            self._note(message, message.get("type", "track"), _name(message), t, next(self._seq))
        self.subject.audiences |= audiences
        self._look_at_audiences(told=False)
        self._look_at_calendar()

    def moved(self, audience: str, entered: bool, t: int, cause: str = "") -> None:
        """The person enters or leaves an audience that nothing here works out."""
        self.until(t - 1)
        self.now = max(self.now, t)
        self._move(audience, entered, cause or f"{audience}:{t}")
        self._settle()

    def given(self, run: int, cause: Input) -> None:
        """Somebody decides about a run."""
        self.course.given(run, cause, self.now)
        self._settle()

    def until(self, t: int) -> None:
        """Let time go on to an instant; all comes about that is due by then."""
        for _ in range(MOST_TURNS):
            at = self.next_due()
            if at is None or at > t:
                self.now = max(self.now, t)
                return
            self.now = max(self.now, at)
            self._come()
            self._settle()
        raise NeverEnds(f"{self.person}: something is due again and again at {self.now}")

    def next_due(self) -> int | None:
        """When something happens without anything from outside; None: never."""
        first = None
        for run in self.course.runs.values():
            if run.due is not None and (first is None or run.due < first):
                first = run.due
        if self._changes or self._comes:
            others = min((*self._changes.values(), *self._comes.values()))
            return others if first is None else min(first, others)
        return first

    # What becomes of it.

    def _come(self) -> None:
        """What is due now."""
        now, course = self.now, self.course
        if self._changes and min(self._changes.values()) <= now:
            self._look_at_audiences()
        for program in self.setting.by_clock:
            at = self._comes.get(program.key)
            if at is None or at > now:
                continue
            self._came[program.key] = at
            audience = program.trigger.spec.get("audience")
            if audience is None or audience in self.subject.audiences:
                course.enter(program, None, now, f"{program.key}:{at}")
            self._look_at_calendar()
        due = [run for run in course.runs.values() if run.due is not None and run.due <= now]
        for run in sorted(due, key=_SOONEST) if len(due) > 1 else due:
            course.due(run.id, run.due or now, now)

    def _take(self, message: Mapping[str, Any], seq: int | None = None) -> None:
        now, course = self.now, self.course
        place = seq if seq is not None else next(self._seq)
        type_, name = message.get("type", "track"), _name(message)
        changes = self._note(message, type_, name, now, place)
        if changes:
            self._look_at_calendar()
            for trait, before, after in changes:
                course.trait(trait, before, after, message, now)
        if name is not None:
            course.happened(name, message, now, seq)
        elif type_ == "group":
            course.grouped(message, now, seq)
        if self.setting.book.items:
            self._look_at_audiences()
        course.changed_at(now)

    def _note(
        self, message: Mapping[str, Any], type_: str, name: str | None, t: int, seq: int
    ) -> Sequence[tuple[str, Any, Any]]:
        """Add a message to what is known of the person; the traits that it changes."""
        subject = self.subject
        for field, kind in _NAMES:
            called = message.get(field)
            if called and called not in (known := subject.identifiers.setdefault(kind, [])):
                known.append(called)
        event: str | None = name
        changes: Sequence[tuple[str, Any, Any]] = ()
        if type_ == "identify":
            event, changes = TRAITS, self._traits(message)
        elif type_ == "group":
            subject.account.update(message.get("traits") or {})
        if event is None:
            return changes
        for number, spec in self.setting.book.by_event.get(event, ()):
            if spec.accepts is not None and not spec.accepts(message):
                continue
            values = spec.values(message)
            if event == TRAITS and all(value is UNSAID for value in values):
                continue
            stream = subject.streams.get(number)
            if stream is None:
                stream = subject.streams[number] = Stream(len(spec.columns))
            stream.add(t, seq, values)
        return changes

    def _traits(self, message: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
        """Set the traits that an identify says; those that have another value now."""
        traits, changes = self.subject.traits, []
        for name, value in (message.get("traits") or {}).items():
            before = traits.get(name)
            if value is None:
                traits.pop(name, None)
            else:
                traits[name] = value
            if before != value or type(before) is not type(value):
                changes.append((name, before, value))
        return changes

    def _look_at_audiences(self, told: bool = True) -> None:
        """Work out audiences; whoever listens is told who came and went."""
        for item in self.setting.book.items:
            inside = item.live.holds(self.subject, self.now)
            change = item.live.next_change(self.subject, self.now)
            if change < NEVER:
                self._changes[item.place] = change
            else:
                self._changes.pop(item.place, None)
            if inside != (item.key in self.subject.audiences):
                if told:
                    self._move(item.key, inside, f"{item.key}:{self.now}")
                elif inside:
                    self.subject.audiences.add(item.key)
                else:
                    self.subject.audiences.discard(item.key)

    def _move(self, audience: str, entered: bool, cause: str) -> None:
        if entered:
            self.subject.audiences.add(audience)
        else:
            self.subject.audiences.discard(audience)
        self.course.moved(audience, entered, self.now, cause)
        self.course.changed_at(self.now)

    def _look_at_calendar(self) -> None:
        """When triggers of the calendar come next."""
        for program in self.setting.by_clock:
            came = self._came.get(program.key, self.now - 1)
            comes: int | None
            if program.trigger.kind == "date":
                comes = next_date(program, self.subject.traits, max(self.now, came + 1))
            else:
                comes = next_time(program.trigger, program.zone, max(self.now - 1, came))
            if comes is None:
                self._comes.pop(program.key, None)
            else:
                self._comes[program.key] = comes

    def _settle(self) -> None:
        """Let what journeys did come about, and what comes of that."""
        course, made = self.course, 0
        while course.effects:
            effects, course.effects = course.effects, []
            for run, effect in effects:
                made += 1
                if made > MOST_AT_ONCE:
                    raise NeverEnds(
                        f"{run.journey}: it brings about more than {MOST_AT_ONCE:,} things at once"
                    )
                self.done.append(Done(self.now, run, effect))
                self._bring_about(run, effect)

    def _bring_about(self, run: Run, effect: Effect) -> None:
        if isinstance(effect, Update):
            self._take({"type": "identify", "traits": dict(effect.traits), "messageId": effect.key})
        elif isinstance(effect, Emit):
            self._track(effect.event, effect.properties, effect.key)
        elif isinstance(effect, Listed):
            if effect.member != (effect.audience in self.subject.audiences):
                self._move(effect.audience, effect.member, effect.key)
        elif isinstance(effect, Call):
            answer = self.setting.answering(effect)
            if answer is not None:
                properties = {"call": effect.key, **answer}
                self._track(ANSWERED, properties, f"{effect.key}:answer")

    def _track(self, event: str, properties: Mapping[str, Any], id_: str) -> None:
        self._take(
            {"type": "track", "event": event, "properties": dict(properties), "messageId": id_}
        )


def _name(message: Mapping[str, Any]) -> str | None:
    """The event that a message is; None: it is none."""
    return event_name(message.get("type", "track"), str(message.get("event") or "")) or None
