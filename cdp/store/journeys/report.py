"""What came of a journey: its runs, its messages, its goal; by step, by day, by way."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    cast,
    func,
    literal_column,
    select,
)

from cdp.journeys.run import ACTIVE
from cdp.store.bulk import select_by
from cdp.store.journeys import runs as runs_of
from cdp.store.journeys import story
from cdp.store.journeys.runs import Standing
from cdp.store.journeys.story import Count
from cdp.store.journeys.whose import Whose, version_at_move
from cdp.store.messages.broadcast_figures import HAPPENED, times_of
from cdp.store.tables import deliveries, journey_moves, journey_runs, nodes

DAY = 86_400_000
#: The channel of calls, which are no messages to anybody: they have no template.
_CALLS = "webhook"
_d, _r, _m = deliveries.c, journey_runs.c, journey_moves.c
_DAY_OF = str(DAY)


def counts(tx: Connection, whose: Whose, first: int, last: int) -> list[Count]:
    """How many did what, by day (days since 1970, both included), version and step."""
    if whose.audience is None:
        found = story.counts(tx, whose.journey, first, last)
        return [one for one in found if whose.version in (None, one.version)]
    day = _m.at.op("/")(literal_column(_DAY_OF)).label("day")
    version = version_at_move(tx, whose.journey).label("version")
    did = select(version, day, _m.step, _m.what, _m.exit).join(journey_runs, _r.id == _m.run)
    each = did.where(whose.runs, *_between(_m.at, first, last)).subquery().c
    statement: Select[Any] = select(*each, func.count()).group_by(*each)
    if whose.version is not None:
        statement = statement.where(each.version == whose.version)
    return [
        Count(version, int(at), step or "", what, exit or "", int(n))
        for version, at, step, what, exit, n in tx.execute(statement)
    ]


def standings(tx: Connection, whose: Whose) -> list[Standing]:
    """Who is where now."""
    if whose.audience is None:
        found = runs_of.standings(tx, whose.journey)
        return [one for one in found if whose.version in (None, one.version)]
    held = func.count().filter(_r.held)
    statement = select(_r.version, _r.step, func.count(), held)
    statement = statement.where(whose.now, _r.status == ACTIVE)
    rows = tx.execute(statement.group_by(_r.version, _r.step))
    return [Standing(version, step or "", n, n_held) for version, step, n, n_held in rows]


def _between(column: ColumnElement[int], first: int, last: int) -> tuple[ColumnElement[bool], ...]:
    return column >= first * DAY, column < (last + 1) * DAY


class Messages(NamedTuple):
    """Messages of a step that were asked for on a day, and what happened to them since."""

    step: str
    template: str
    channel: str
    day: int
    asked: int
    happened: dict[str, int]


_HAPPENED = [func.count(case((_d[f"{name}_at"].is_not(None), 1))).label(name) for name in HAPPENED]
_FAILED = func.count(case((_d.state == "failed", 1))).label("failed")


def _run_of(tx: Connection) -> ColumnElement[int]:
    """The run that asked for a message: its key says so (`cdp.journeys.run.Run.reason_key`)."""
    if tx.dialect.name == "postgresql":
        return cast(func.substring(_d.key, "^journey:([0-9]+):"), BigInteger)
    return cast(func.substr(_d.key, len("journey:") + 1), BigInteger)


def _ours(whose: Whose) -> ColumnElement[bool]:
    return and_(
        _d.origin == "journey",
        _d.origin_key == whose.key,
        (_d.channel != _CALLS) | _d.template.is_not(None),
    )


def messages(tx: Connection, whose: Whose, first: int, last: int) -> list[Messages]:
    """The messages by step, template and day; calls are none."""
    day = _d.created_at.op("/")(literal_column(_DAY_OF)).label("day")
    columns = (_d.step, _d.template, _d.channel, day)
    statement = select(*columns, func.count().label("asked"), *_HAPPENED)
    if not whose.all:
        statement = statement.join(journey_runs, _r.id == _run_of(tx))
        statement = statement.where(whose.at(tx, _d.created_at))
    statement = statement.where(_ours(whose), *_between(_d.created_at, first, last))
    return [
        Messages(
            row.step or "", row.template or "", row.channel, int(row.day), int(row.asked),
            {name: int(getattr(row, name)) for name in HAPPENED},
        )
        for row in tx.execute(statement.group_by(*columns))
    ]  # fmt: skip


class Goal(NamedTuple):
    """A goal that a run reached, and what that was worth."""

    run: int
    day: int
    value: float


def goals(tx: Connection, whose: Whose, first: int, last: int) -> list[Goal]:
    """Goals reached between two days."""
    statement = (
        select(_m.run, _m.at, _m.why)
        .join(journey_runs, _r.id == _m.run)
        .where(whose.at_move(tx), _m.what == "converted", *_between(_m.at, first, last))
    )
    return [Goal(run, at // DAY, _value(why)) for run, at, why in tx.execute(statement)]


def _value(why: str | None) -> float:
    value: Any = msgspec.json.decode(why).get("value") if why else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def credited(tx: Connection, whose: Whose) -> dict[int, tuple[str, str]]:
    """The message (step, template) that each run got last before it reached the goal."""
    statement = (
        select(_r.id, _d.step, _d.template)
        .select_from(deliveries.join(journey_runs, _r.id == _run_of(tx)))
        .where(_ours(whose), whose.runs, _d.sent_at <= _r.goal_at)
        .order_by(_d.sent_at, _d.id)
    )
    return {run: (step or "", template or "") for run, step, template in tx.execute(statement)}


class Way(NamedTuple):
    """How many runs left a step by an exit, and how many of them reached the goal.

    ``value`` is what their goals were worth, ``since`` when the first of them left (ms).
    """

    exit: str
    runs: int
    converted: int
    value: float = 0.0
    since: int | None = None


def _by_lot(why: ColumnElement[str]) -> ColumnElement[bool]:
    """Whom the lot gave their way: not those who came when a winner was decided for."""
    return why.is_(None) | why.not_like('%"won":true%')


_BY_LOT = _by_lot(_m.why)


def _lefts(tx: Connection, whose: Whose, step: str) -> Any:
    """The first time that each run left a step."""
    return (
        select(_m.run, func.min(_m.id).label("id"))
        .join(journey_runs, _r.id == _m.run)
        .where(whose.at_move(tx), _m.step == step, _m.what == "left", _BY_LOT)
        .group_by(_m.run)
        .subquery()
    )


def ways(tx: Connection, whose: Whose, step: str) -> list[Way]:
    """The runs that left a step, each by its first exit, with the journey's goal."""
    first = _lefts(tx, whose, step)
    reached = func.count(case((_r.goal_at.is_not(None), 1)))
    statement = (
        select(_m.exit, func.count(), reached, func.min(_m.at))
        .join(first, first.c.id == _m.id)
        .join(journey_runs, _r.id == _m.run)
        .group_by(_m.exit)
    )
    found = [(exit or "", int(n), int(did), at) for exit, n, did, at in tx.execute(statement)]
    worth = _worth(tx, first) if any(did for _, _, did, _ in found) else {}
    return sorted(Way(exit, n, did, worth.get(exit, 0.0), at) for exit, n, did, at in found)


def _worth(tx: Connection, first: Any) -> dict[str, float]:
    goal, left = journey_moves.alias(), journey_moves.alias()
    statement = (
        select(left.c.exit, goal.c.why)
        .join(first, first.c.id == left.c.id)
        .join(goal, (goal.c.run == left.c.run) & (goal.c.what == "converted"))
    )
    found: dict[str, float] = {}
    for exit, why in tx.execute(statement):
        found[exit or ""] = found.get(exit or "", 0.0) + _value(why)
    return found


def messages_by_way(tx: Connection, whose: Whose, step: str) -> dict[str, Counter[str]]:
    """What happened to the messages of runs after a step, by the first exit from it.

    It asks message by message for its run's exit: joined with all exits at once, databases
    have compared each of these with each of those.
    """
    run, left = _run_of(tx), journey_moves.alias()
    first = select(func.min(left.c.id)).where(
        left.c.run == run, left.c.step == step, left.c.what == "left", _by_lot(left.c.why)
    )
    counted = (func.count().label("asked"), _FAILED, *_HAPPENED)
    statement = select(_m.exit, *counted).join_from(
        deliveries, journey_moves, _m.id == first.scalar_subquery()
    )
    if not whose.all:
        statement = statement.join(journey_runs, _r.id == run).where(whose.at_move(tx))
    statement = statement.where(_ours(whose), _d.created_at >= _m.at)
    names = ("asked", "failed", *HAPPENED)
    return {
        row.exit or "": Counter({name: int(getattr(row, name)) for name in names})
        for row in tx.execute(statement.group_by(_m.exit))
    }


def ways_to(tx: Connection, whose: Whose, step: str, event: str, within: int) -> list[Way]:
    """The same with another goal: that the person did ``event`` so soon (ms) after the step."""
    statement = (
        select(_m.exit, _r.profile, _m.at)
        .join(journey_runs, _r.id == _m.run)
        .where(whose.at_move(tx), _m.step == step, _m.what == "left", _BY_LOT)
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
    runs, since = Counter(exit for exit, _ in first.values()), dict[str, int]()
    for exit, at in first.values():
        since[exit] = min(at, since.get(exit, at))
    came = Counter(first[profile][0] for profile in reached)
    return sorted(Way(exit, n, came[exit], 0.0, since[exit]) for exit, n in runs.items())
