"""What a journey may know when it decides: the person as of now, and the run's own data."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from cdp.audiences import Asked
from cdp.conditions.live import Streams, Subject
from cdp.journeys.gates import Gates
from cdp.journeys.run import Run
from cdp.messaging.choices import customer_of, one_of_each
from cdp.messaging.pressure import zone_of

#: Clauses that a transition keeps of a condition at most.
MOST_CLAUSES = 20


class Moment(Protocol):
    """A person at an instant, asked by `advance`. ``person`` is their public id."""

    now: int
    person: str
    #: Nobody may go on to a next step: the journey is paused.
    paused: bool

    def value(self, root: Any, run: Run) -> Any:
        """What an expression is worth."""

    def holds(self, root: Any, run: Run) -> bool:
        """Whether a condition is true."""

    def next_change(self, root: Any, run: Run) -> int:
        """The first instant after now at which time alone could change it, or `NEVER`."""

    def why(self, root: Any, run: Run) -> list[dict[str, Any]]:
        """The clauses of a condition, each with what it is worth (`Clause.told`)."""

    def scope(self, run: Run) -> dict[str, Any]:
        """What Liquid sees."""

    def zone(self, fallback: str) -> ZoneInfo:
        """The person's time zone, or the ``fallback``."""

    def turn(self, gate: str, count: int, per: int) -> int:
        """When somebody more may pass a gate that lets ``count`` through in ``per`` ms."""

    def winner(self, experiment: str) -> str | None:
        """The variant of an experiment that was decided for, if one was."""

    def closed(self, experiment: str) -> Collection[str]:
        """The variants of an experiment that nobody gets any more."""

    def knows(self, kind: str, key: str) -> bool:
        """Whether there is a template, list or journey of a key."""

    def at(self, now: int) -> Moment:
        """The same, asked as of another instant."""


class World(NamedTuple):
    """What is the same for all people: gates, what was decided of experiments, what there is.

    ``reasons``: somebody reads why conditions hold; else their clauses aren't worked out.
    """

    gates: Gates
    winners: Mapping[str, str]
    knows: Callable[[str, str], bool]
    reasons: bool = True
    closed: Mapping[str, Collection[str]] = {}


class LiveMoment:
    """A moment of a `Subject`: what the live engine and back-tests ask."""

    __slots__ = ("_asked", "_subject", "_world", "now", "paused", "person")

    def __init__(
        self,
        subject: Subject,
        asked: Asked,
        person: str,
        now: int,
        paused: bool,
        world: World,
    ) -> None:
        self._subject, self._asked, self._world = subject, asked, world
        self.person, self.now, self.paused = person, now, paused

    def value(self, root: Any, run: Run) -> Any:
        self._subject.journey = run.data
        return self._asked[root].value(self._subject, self.now)

    def holds(self, root: Any, run: Run) -> bool:
        return self.value(root, run) is True

    def next_change(self, root: Any, run: Run) -> int:
        self._subject.journey = run.data
        return self._asked[root].next_change(self._subject, self.now)

    def why(self, root: Any, run: Run) -> list[dict[str, Any]]:
        if not self._world.reasons:
            return []
        self._subject.journey = run.data
        told = [clause.told(self._subject, self.now) for clause in self._asked.clauses[root]]
        return told[:MOST_CLAUSES]

    def scope(self, run: Run) -> dict[str, Any]:
        subject = self._subject
        names = one_of_each(subject.identifiers)
        return scope_of(customer_of(names, self.person, subject.traits), run)

    def zone(self, fallback: str) -> ZoneInfo:
        name = self._subject.traits.get("timezone")
        return zone_of(name if isinstance(name, str) else None, fallback)

    def turn(self, gate: str, count: int, per: int) -> int:
        return self._world.gates.turn(gate, count, per, self.now)

    def winner(self, experiment: str) -> str | None:
        return self._world.winners.get(experiment)

    def closed(self, experiment: str) -> Collection[str]:
        return self._world.closed.get(experiment, ())

    def knows(self, kind: str, key: str) -> bool:
        return self._world.knows(kind, key)

    def at(self, now: int) -> LiveMoment:
        return LiveMoment(self._subject, self._asked, self.person, now, self.paused, self._world)


def moments(
    subject: Subject, asked: Asked, person: str, world: World
) -> Callable[[int, bool], LiveMoment]:
    """What makes the moments of a person: one that goes on, since nobody keeps any.

    It holds nobody who asks, so that who has asked to the end is gone at once.
    """
    moment = LiveMoment(subject, asked, person, 0, False, world)

    def at(now: int, paused: bool) -> LiveMoment:
        moment.now, moment.paused = now, paused
        return moment

    return at


def scope_of(customer: dict[str, Any], run: Run) -> dict[str, Any]:
    """The namespace of Liquid in a run: ``customer``, ``event`` (its properties), ``journey``."""
    event = run.data.get("event") or {}
    properties = dict(event.get("properties") or {})
    return {
        "customer": customer,
        "event": properties,
        "trigger": properties,
        "event_name": event.get("event"),
        "event_timestamp": event.get("timestamp"),
        "journey": run.scope,
    }


def compiled(roots: Iterable[Any], streams: Streams) -> Asked:
    """What asks conditions of people, by their trees; ``streams`` learns what they read."""
    return Asked(roots, streams)
