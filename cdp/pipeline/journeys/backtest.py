"""What a journey would have done: people's stored past, played through it.

Reads the history in bulk and lets each person live through their past, once for each version
that is compared (`cdp.journeys.replay`). Nothing is written. As of each instant: events and
traits by the times of their messages, audiences by who entered and left when.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import Connection

from cdp.conditions.lists import Lists
from cdp.events import format_time
from cdp.journeys.gates import OpenGates
from cdp.journeys.program import Program
from cdp.journeys.replay import Life, NeverEnds
from cdp.journeys.setting import Setting
from cdp.journeys.steps.brought import BroughtStep
from cdp.journeys.tally import Other, Tally
from cdp.pipeline.journeys import past
from cdp.pipeline.journeys.past import Lived
from cdp.store.bulk import chunks

#: People whose past is in memory at a time.
PEOPLE = 2000
#: What is the same of all back-tests, for those who read one.
NOTES = {
    "rate": "rate limits let everybody pass at once",
    "webhook": "every call is taken to be answered with 200 and an empty body",
    "approval": "nobody approves: runs wait until the time is over",
    "call": "journeys that it starts are not played",
    "experiment": "no winner is decided for",
}


BROUGHT = "a plugin's step that waits for events hears only of those that are read anyway"


class Progress(NamedTuple):
    """How far a back-test is: people who were looked at, of how many."""

    done: int
    of: int


class Backtested(NamedTuple):
    """What versions of a journey would have done from ``start`` to ``end``.

    ``looked_at`` is how many people could have entered, of ``candidates`` (fewer, if it was
    limited). ``endless`` are people whose journeys would never have come to rest.
    """

    journey: str
    start: int
    end: int
    candidates: int
    looked_at: int
    tallies: list[tuple[str, Tally]]
    endless: list[str]
    notes: list[str]

    def told(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "journey": self.journey,
            "from": format_time(self.start),
            "to": format_time(self.end),
            "candidates": self.candidates,
            "looked_at": self.looked_at,
            "versions": [{"version": name, **tally.told()} for name, tally in self.tallies],
            "endless": self.endless,
            "notes": self.notes,
        }


def backtest(
    tx: Connection,
    programs: Sequence[tuple[str, Program]],
    start: int,
    end: int,
    lists: Lists,
    limit: int | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    samples: int = 100,
) -> Backtested:
    """Play everybody's past, from ``start`` to ``end``, through versions of one journey.

    ``programs`` by what they are called. ``limit``: no more people than this, for a first look.
    """
    settings = [
        Setting([program], None, lists, gates=OpenGates(), reasons=False) for _, program in programs
    ]
    only = [program for _, program in programs]
    everybody = past.candidates(tx, only, start, end)
    chosen = everybody
    if limit is not None and limit < len(everybody):  # evenly: old hands and newcomers
        chosen = [everybody[at * len(everybody) // limit] for at in range(limit)]
    key = only[0].key
    tallies = [(name, Tally(key, start, samples)) for name, _ in programs]
    endless: list[str] = []
    reads = past.Reads(settings, only)
    done = 0
    for some in chunks(chosen, PEOPLE):
        with _seldom_collected():
            for lived in past.lives(tx, list(some), reads, start, end, key):
                others = [Other(at, origin) for at, origin in lived.messages]
                for setting, (_, tally) in zip(settings, tallies, strict=True):
                    life = Life(setting, lived.person, start)
                    try:
                        live(life, lived, start, end)
                    except NeverEnds:
                        endless.append(lived.person)
                        continue
                    tally.add(life, others)
        done += len(some)
        progress(Progress(done, len(chosen)))
    kinds = {step.kind.name for program in only for step in program.steps.values()}
    notes = [text for kind, text in NOTES.items() if kind in kinds]
    if any(isinstance(step.kind, BroughtStep) for p in only for step in p.steps.values()):
        notes.append(BROUGHT)
    return Backtested(key, start, end, len(everybody), len(chosen), tallies, endless[:100], notes)


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """Look for circles of garbage seldom: lives make very much of it, and none in circles."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def live(life: Life, lived: Lived, start: int, end: int) -> None:
    """Let somebody live through their past."""
    events = lived.events
    first = next((at for at, item in enumerate(events) if item[0] >= start), len(events))
    life.before([(t, body) for t, _, body in events[:first]], lived.inside)
    for at, what in _merged(events[first:], lived.moves):
        if isinstance(what, tuple):
            life.moved(what[0], what[1], at)
        else:
            life.say(what, at)
    life.until(end)


def _merged(
    events: Sequence[tuple[int, int, dict[str, Any]]],
    moves: Sequence[tuple[int, str, bool]],
) -> Iterator[tuple[int, Any]]:
    """Messages and moves in the order of time, a message before what it brought about."""
    waiting = list(moves)
    for t, _, body in events:
        while waiting and waiting[0][0] < t:
            at, key, entered = waiting.pop(0)
            yield at, (key, entered)
        yield t, body
    for at, key, entered in waiting:
        yield at, (key, entered)
