"""What became of runs, move by move and added up by day; and how long it is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import takewhile
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, and_, delete, not_, or_, select, true, update

from cdp.journeys.run import ENDED, Transition
from cdp.store import meta
from cdp.store.bulk import chunks, insert_many, select_by
from cdp.store.journeys import sums
from cdp.store.journeys.whose import MIGRATED
from cdp.store.tables import journey_counts, journey_moves, journey_runs

_DAY = 86_400_000
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_m = journey_moves.c


def add_moves(
    tx: Connection, moves: Sequence[Transition], of: Mapping[int, tuple[int, int]]
) -> None:
    """Note what became of runs; ``of`` has the journey and version of each run."""
    if not moves:
        return
    first = meta.take_numbers(tx, "journey_move", len(moves))
    rows = [
        (
            first + at,
            m.run,
            m.at,
            m.step,
            m.what,
            m.exit,
            _encode(m.why).decode() if m.why else None,
        )
        for at, m in enumerate(moves)
    ]
    insert_many(tx, journey_moves, ("id", "run", "at", "step", "what", "exit", "why"), rows)
    counted = Counter((*of[m.run], m.at // _DAY, m.step or "", m.what, m.exit or "") for m in moves)
    sums.add(tx, counted)


class Move(NamedTuple):
    """Something that became of a run."""

    id: int
    run: int
    at: int
    step: str | None
    what: str
    exit: str | None
    why: Any


def moves_of(tx: Connection, runs: Sequence[int]) -> list[Move]:
    """What became of some runs, in order."""
    columns = tuple(journey_moves.c[name] for name in Move._fields)
    rows = select_by(tx, columns, journey_moves.c.run, list(runs))
    found = [Move._make(row) for row in rows]
    found.sort(key=lambda move: move.id)
    return [move._replace(why=_decode(move.why) if move.why else None) for move in found]


def ended_as(tx: Connection, reason: str, runs: Collection[int]) -> dict[int, Any]:
    """Those of some runs that ended for a reason, and what is known of it besides."""
    columns = (journey_runs.c.id, journey_runs.c.status, journey_runs.c.reason)
    rows = select_by(tx, columns, journey_runs.c.id, sorted(runs))
    found = dict.fromkeys(run for run, *end in rows if end == [ENDED, reason])
    told = [move for move in moves_of(tx, list(found)) if move.what == "ended"]
    return {**found, **{move.run: move.why for move in told}}


class Count(NamedTuple):
    """How many did something at a step, on a day (days since 1970)."""

    version: int
    day: int
    step: str
    what: str
    exit: str
    n: int


def counts(tx: Connection, journey: int, first: int = 0, last: int = 1 << 30) -> list[Count]:
    """How many did what in a journey, between two days."""
    c = journey_counts.c
    statement = select(c.version, c.day, c.step, c.what, c.exit, c.n)
    statement = statement.where(c.journey == journey, c.day >= first, c.day <= last)
    return [Count(*row) for row in tx.execute(statement)]


# How long it is kept.


class Over(NamedTuple):
    """A run that is over, with its journey and version."""

    run: int
    journey: int
    version: int


def over(tx: Connection, after: int, before: int, limit: int) -> tuple[list[Over], int, bool]:
    """The runs that ended before an instant, of the moves behind one.

    Returns up to which move was looked, and whether there are more that are old enough.
    """
    c = _m
    statement = select(c.id, c.run, c.what, c.at).where(c.id > after).order_by(c.id).limit(limit)
    rows = tx.execute(statement).all()
    old = list(takewhile(lambda row: row.at < before, rows))
    ended = sorted({row.run for row in old if row.what == "ended"})
    columns = (journey_runs.c.id, journey_runs.c.journey, journey_runs.c.version)
    found = select_by(tx, columns, journey_runs.c.id, ended)
    return [Over(*row) for row in found], old[-1].id if old else after, len(old) == limit


def drop(tx: Connection, runs: Sequence[int], compared: Iterable[str] | None) -> None:
    """Drop what became of runs but what is counted of it.

    That they ended, that they reached the goal, by which versions they went, and which way they
    took at the steps that are ``compared`` (holdouts, experiments; None: at all).
    """
    ways = true() if compared is None else _m.step.in_(sorted(compared))
    stays = or_(_m.what.in_(("ended", "converted", MIGRATED)), and_(_m.what == "left", ways))
    for some in chunks(runs):
        tx.execute(delete(journey_moves).where(_m.run.in_(some), not_(stays)))
        ended = update(journey_moves).where(_m.run.in_(some), _m.what == "ended")
        tx.execute(ended.values(why=None))
