"""People, a clock and messages around a folder's journeys, for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import count
from pathlib import Path
from typing import Any

from cdp.conditions.errors import did_you_mean
from cdp.definitions.scene import Scene, where
from cdp.events import format_time, parse_time
from cdp.folder.model import World
from cdp.folder.reading import read_folder
from cdp.journeys.replay import Done, Life
from cdp.journeys.run import ACTIVE, Answer, Call, Run, Send, Transition

#: When the clock starts, if nothing else is said: a Monday, at nine.
START = "2026-01-05T09:00:00Z"


class CannotPlay(Exception):
    """A folder, a name or a time that can't be used; the text says which."""


def scene_of(folder: Path) -> Scene:
    """A folder's definitions; read once as long as no file in it changes."""
    if not folder.is_dir():
        raise CannotPlay(f"there is no folder {folder}")
    stamp = max(path.stat().st_mtime_ns for path in (folder, *folder.rglob("*")))
    return _scene_of(folder, stamp)


@lru_cache(maxsize=8)
def _scene_of(folder: Path, stamp: int) -> Scene:
    found = read_folder(folder, World({}, None))
    if found.faults:
        raise CannotPlay("\n".join(map(str, found.faults)))
    return Scene({wanted.id: wanted.body for wanted in found.wanted})


class Stage:
    """One test's world: journeys, people, a clock, and what was sent."""

    def __init__(
        self, scene: Scene, journeys: Sequence[str] | None = None, start: str | None = None
    ) -> None:
        self.scene = scene
        known = scene.keys("journey")
        for key in journeys or ():
            if key not in known:
                raise CannotPlay(f"there is no journey {key}. {did_you_mean(key, known)}".strip())
        programs = [scene.program(key) for key in journeys or known]
        self.answers: dict[str, Any] = {}
        self.setting = scene.setting(programs, self._answer)
        self.clock = Clock(self, ms_of(start or START))
        self.sent = Sent()
        self.people: dict[str, Person] = {}
        self._runs, self._messages = count(1), count(1)
        #: Runs that were told to stand still.
        self._told: set[int] = set()

    def _answer(self, call: Call) -> Mapping[str, Any] | None:
        """What a webhook answers: what the test said for its step, or an empty 200."""
        said = self.answers.get(call.step, {})
        if said is None:
            return None
        return {"ok": True, "status": 200, "body": {}, **said}

    def person(self, user_id: str, **traits: Any) -> Person:
        """Somebody with a user id; the same person where there is one already."""
        if user_id not in self.people:
            life = Life(self.setting, user_id, self.clock.now, self._runs.__next__)
            self.people[user_id] = Person(self, life)
        if traits:
            self.people[user_id].identify(**traits)
        return self.people[user_id]

    def say(self, person: Person, message: dict[str, Any]) -> None:
        """Let somebody say a message now."""
        message["messageId"] = f"test-{next(self._messages)}"
        message["userId"], message["timestamp"] = person.id, format_time(self.clock.now)
        person.life.say(message, self.clock.now)
        self.gather(person)

    def gather(self, person: Person) -> None:
        """Take up what a person's journeys have sent; `CannotPlay` if a step can't be done."""
        done, person.life.done = person.life.done, []
        person.done += done
        for item in done:
            if isinstance(item.effect, Send):
                self.sent.append(Message(self.scene, person, item, item.effect))
        for run in person.life.course.runs.values():
            if run.held and run.error and run.id not in self._told:
                # Once: a test may go on from here.
                self._told.add(run.id)
                raise CannotPlay(f"the journey {run.journey} stops at {run.step}: {run.error}")


class Clock:
    """The time of a test."""

    def __init__(self, stage: Stage, now: int) -> None:
        self._stage, self.now = stage, now

    def __str__(self) -> str:
        return format_time(self.now)

    def advance(
        self, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0
    ) -> None:
        """Let time go on; whatever is due until then happens, in its order."""
        ms = ((days * 24 + hours) * 60 + minutes) * 60_000 + seconds * 1000
        if ms < 0:
            raise CannotPlay("time goes on, and not back")
        self._until(self.now + round(ms))

    def go_to(self, time: str) -> None:
        """Let time go on to an instant, such as ``2026-03-01T09:00:00Z``."""
        at = ms_of(time)
        if at < self.now:
            raise CannotPlay(f"{time} is over: it is {self}")
        self._until(at)

    def _until(self, at: int) -> None:
        self.now = at
        for person in self._stage.people.values():
            person.life.until(at)
            self._stage.gather(person)
        self._stage.sent.sort(key=lambda message: message.at)


class Person:
    """Somebody in a test."""

    def __init__(self, stage: Stage, life: Life) -> None:
        self._stage, self.life, self.id = stage, life, life.person
        #: All that journeys did with this person.
        self.done: list[Done] = []

    @property
    def traits(self) -> dict[str, Any]:
        """Who they are now."""
        return self.life.subject.traits

    @property
    def audiences(self) -> set[str]:
        """What they are in."""
        return self.life.subject.audiences

    def identify(self, **traits: Any) -> None:
        """Say who they are; None takes a trait away."""
        self._stage.say(self, {"type": "identify", "traits": traits})

    def track(self, event: str, **properties: Any) -> None:
        """Do something."""
        self._stage.say(self, {"type": "track", "event": event, "properties": properties})

    def page(self, name: str = "", **properties: Any) -> None:
        """See a page."""
        self._stage.say(self, {"type": "page", "name": name, "properties": properties})

    def group(self, group_id: str, **traits: Any) -> None:
        """Be connected with an account."""
        self._stage.say(self, {"type": "group", "groupId": group_id, "traits": traits})

    def enters(self, audience: str) -> None:
        """Come into an audience that is kept by hand."""
        self._listed(audience, True)

    def leaves(self, audience: str) -> None:
        """Leave an audience that is kept by hand."""
        self._listed(audience, False)

    def _listed(self, audience: str, inside: bool) -> None:
        scene = self._stage.scene
        if audience in scene.audiences or not scene.knows("list", audience):
            text = "is worked out: say what its condition asks for"
            there = text if audience in scene.audiences else "is no list of the folder"
            raise CannotPlay(f"{audience} {there}")
        self.life.moved(audience, inside, self._stage.clock.now)
        self._stage.gather(self)


class Message:
    """A message that a journey sent; ``template`` is the first one that it tries."""

    def __init__(self, scene: Scene, person: Person, done: Done, send: Send) -> None:
        self._scene, self._send = scene, send
        self.to, self.at, self.run = person.id, done.at, done.run
        self.template, self.templates, self.data = send.templates[0], send.templates, send.data
        self.journey, self.step = done.run.journey, send.step
        self._traits = {"id": person.id, **person.traits}

    def __repr__(self) -> str:
        return f"<{self.template} to {self.to} at {self.at_time}>"

    @property
    def at_time(self) -> str:
        """When, as text."""
        return format_time(self.at)

    @cached_property
    def content(self) -> Mapping[str, Any]:
        """What it says, by field: subject, html, text, …"""
        return self._scene.render(self._send, self.run, self._traits, self.at).fields

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self.content:
            raise AttributeError(name)
        return self.content[name]


class Sent(list[Message]):
    """Messages, the oldest first."""

    @property
    def last(self) -> Message:
        """The newest."""
        __tracebackhide__ = True
        if not self:
            raise AssertionError("nothing was sent")
        return self[-1]

    @property
    def templates(self) -> list[str]:
        """The templates, in the order in which they were sent."""
        return [message.template for message in self]

    def to(self, person: Person | str) -> Sent:
        """Those to one person."""
        id_ = person if isinstance(person, str) else person.id
        return Sent(message for message in self if message.to == id_)


class Journey:
    """Where people are, and what somebody decides about it."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def runs(self, person: Person, key: str | None = None) -> list[Run]:
        """Somebody's runs, or those in one journey."""
        return where(person.life.course, key)

    def step(self, person: Person, key: str | None = None) -> str | None:
        """The step at which somebody stands in their newest run; None: nowhere (any more)."""
        runs = self.runs(person, key)
        return runs[-1].step if runs and runs[-1].status == ACTIVE else None

    def ended(self, person: Person, key: str | None = None) -> str | None:
        """Why somebody's newest run ended; None: it goes on, or there is none."""
        runs = self.runs(person, key)
        return runs[-1].reason if runs else None

    def converted(self, person: Person, key: str | None = None) -> bool:
        """Whether the goal was reached in any of somebody's runs."""
        return any(run.goal_at is not None for run in self.runs(person, key))

    def transitions(self, person: Person, key: str | None = None) -> list[Transition]:
        """All that became of somebody's runs, with why."""
        ids = {run.id for run in self.runs(person, key)}
        return [item for item in person.life.course.transitions if item.run in ids]

    def answer(self, person: Person, exit: str = "approved", by: str = "test") -> None:
        """Decide at the approval where somebody waits: ``approved`` or ``rejected``."""
        waiting = [run for run in self.runs(person) if run.status == ACTIVE]
        for run in waiting:
            person.life.given(run.id, Answer(exit, by))
        self._stage.gather(person)

    def answers(self, step: str, **answer: Any) -> None:
        """What a webhook's step is answered from now on: ``status=200, body={…}``, ``ok=False``."""
        self._stage.answers[step] = answer

    def silent(self, step: str) -> None:
        """A webhook's step gets no answer from now on."""
        self._stage.answers[step] = None


def ms_of(time: str) -> int:
    """An instant."""
    found = parse_time(time)
    if found is None:
        raise CannotPlay(f"{time} is no time; write it as 2026-01-31T12:00:00Z")
    return found
