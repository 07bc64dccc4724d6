"""What came of a journey: its runs, its messages, its goal; by step, by day, by way."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, case, func, literal_column, select

from cdp.store.bulk import select_by
from cdp.store.messages.broadcast_figures import HAPPENED, times_of
from cdp.store.tables import deliveries, journey_moves, journey_runs, nodes

DAY = 86_400_000
_d, _r, _m = deliveries.c, journey_runs.c, journey_moves.c


class Messages(NamedTuple):
    """Messages of a step that were asked for on a day, and what happened to them since."""

    step: str
    day: int
    asked: int
    happened: dict[str, int]


def messages(tx: Connection, key: str, first: int, last: int) -> list[Messages]:
    """The messages of a journey by step and day (days since 1970, both included)."""
    day = _d.created_at.op("/")(literal_column(str(DAY)))
    counted = [
        func.count(case((_d[f"{name}_at"].is_not(None), 1))).label(name) for name in HAPPENED
    ]
    statement = (
        select(_d.step, day.label("day"), func.count().label("asked"), *counted)
        .where(_d.origin == "journey", _d.origin_key == key)
        .where(_d.created_at >= first * DAY, _d.created_at < (last + 1) * DAY)
        .group_by(_d.step, day)
    )
    return [
        Messages(
            row.step or "", int(row.day), int(row.asked),
            {name: int(getattr(row, name)) for name in HAPPENED},
        )
        for row in tx.execute(statement)
    ]  # fmt: skip


class Worth(NamedTuple):
    """How many runs of a version reached the goal, and what that was worth."""

    version: int
    converted: int
    value: float


def worth(tx: Connection, journey: int, first: int, last: int) -> list[Worth]:
    """Goals reached between two days, with the sums of their values."""
    statement = (
        select(_r.version, _m.why)
        .join(journey_runs, _r.id == _m.run)
        .where(_r.journey == journey, _m.what == "converted")
        .where(_m.at >= first * DAY, _m.at < (last + 1) * DAY)
    )
    found: dict[int, list[float]] = {}
    for version, why in tx.execute(statement):
        value: Any = msgspec.json.decode(why).get("value") if why else None
        number = isinstance(value, int | float) and not isinstance(value, bool)
        found.setdefault(version, []).append(float(value) if number else 0.0)
    return [Worth(version, len(all_), sum(all_)) for version, all_ in sorted(found.items())]


class Way(NamedTuple):
    """How many runs left a step by an exit, and how many of them reached the goal."""

    exit: str
    runs: int
    converted: int


def ways(tx: Connection, journey: int, step: str) -> list[Way]:
    """The runs that left a step, each by its first exit, with the journey's goal."""
    first = (
        select(_m.run, func.min(_m.id).label("id"))
        .join(journey_runs, _r.id == _m.run)
        .where(_r.journey == journey, _m.step == step, _m.what == "left")
        .group_by(_m.run)
        .subquery()
    )
    reached = func.count(case((_r.goal_at.is_not(None), 1)))
    statement = (
        select(_m.exit, func.count(), reached)
        .join(first, first.c.id == _m.id)
        .join(journey_runs, _r.id == _m.run)
        .group_by(_m.exit)
    )
    return sorted(Way(exit or "", int(n), int(did)) for exit, n, did in tx.execute(statement))


def ways_to(tx: Connection, journey: int, step: str, event: str, within: int) -> list[Way]:
    """The same with another goal: that the person did ``event`` so soon (ms) after the step."""
    statement = (
        select(_m.exit, _r.profile, _m.at)
        .join(journey_runs, _r.id == _m.run)
        .where(_r.journey == journey, _m.step == step, _m.what == "left")
        .order_by(_m.id)
    )
    first: dict[int, tuple[str, int]] = {}
    for exit, profile, at in tx.execute(statement):
        first.setdefault(profile, (exit or "", at))
    if not first:
        return []
    did = times_of(tx, event, min(at for _, at in first.values()))
    reached = set()
    for node, profile in select_by(tx, (nodes.c.id, nodes.c.profile), nodes.c.id, sorted(did)):
        at = first[profile][1] if profile in first else None
        if at is not None and any(at <= time <= at + within for time in did[node]):
            reached.add(profile)
    runs = Counter(exit for exit, _ in first.values())
    came = Counter(first[profile][0] for profile in reached)
    return sorted(Way(exit, n, came[exit]) for exit, n in runs.items())
