"""How a journey goes: entries, steps, messages, goals, days, what is held out, experiments."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from cdp.conditions.durations import parse_duration
from cdp.conditions.share import difference, interval
from cdp.delivery.journeys.there import launched, program_at
from cdp.journeys import Program, Step
from cdp.store.journeys import report as journey_report
from cdp.store.journeys import runs as journey_runs
from cdp.store.journeys import story as journey_story
from cdp.store.journeys.launched import JourneyRow
from cdp.store.journeys.report import DAY, Way
from cdp.store.journeys.story import Count
from cdp.store.messages.broadcast_figures import HAPPENED

#: Days that are told of if none are named.
DAYS = 30
_WHAT = ("entered", "left", "waits", "failed", "held", "moved")


def report(
    tx: Connection,
    key: str,
    now: int,
    *,
    first: int | None = None,
    last: int | None = None,
    version: int | None = None,
) -> dict[str, Any]:
    """All figures between two days (since 1970; the last thirty), of a version or of all.

    Messages and days are those of all versions. `Refused`, `NoSuchJourney`.
    """
    row = launched(tx, key)
    last = now // DAY if last is None else last
    first = last - DAYS + 1 if first is None else first
    counts = [
        count
        for count in journey_story.counts(tx, row.id, first, last)
        if version in (None, count.version)
    ]
    worth = [
        one for one in journey_report.worth(tx, row.id, first, last)
        if version in (None, one.version)
    ]  # fmt: skip
    sent = journey_report.messages(tx, key, first, last)
    program = program_at(tx, key, version or row.version)
    standings = [
        at for at in journey_runs.standings(tx, row.id) if version in (None, at.version)
    ]  # fmt: skip
    return {
        "journey": key,
        "from": _day(first),
        "to": _day(last),
        "version": version,
        "entered": _sum(counts, "entered"),
        "inside": sum(at.n for at in standings),
        "kept_out": dict(_by_exit(counts, "kept_out")),
        "ended": dict(_by_exit(counts, "ended")),
        "converted": sum(one.converted for one in worth),
        "value": round(sum(one.value for one in worth), 6),
        "steps": _steps(counts, sent, standings, program),
        "days": _days(counts, sent, first, last),
        "holdouts": [
            _holdout(tx, row, step.id)
            for step in (program.steps.values() if program is not None else ())
            if step.kind.name == "holdout"
        ],
        "experiments": [
            _experiment(tx, row, step)
            for step in (program.steps.values() if program is not None else ())
            if step.kind.name == "experiment"
        ],
    }


def _sum(counts: Sequence[Count], what: str) -> int:
    return sum(count.n for count in counts if count.what == what)


def _by_exit(counts: Sequence[Count], what: str) -> Counter[str]:
    found = Counter[str]()
    for count in counts:
        if count.what == what:
            found[count.exit] += count.n
    return found


def _steps(
    counts: Sequence[Count], sent: Sequence[Any], standings: Sequence[Any], program: Program | None
) -> list[dict[str, Any]]:
    """Each step with what became of runs and messages there, in the journey's order."""
    did: dict[str, Counter[str]] = defaultdict(Counter)
    ways: dict[str, Counter[str]] = defaultdict(Counter)
    there = Counter[str]()
    for count in counts:
        if count.what in _WHAT and count.step:
            did[count.step][count.what] += count.n
        if count.what == "left" and count.step:
            ways[count.step][count.exit] += count.n
    for at in standings:
        there[at.step] += at.n
    wrote: dict[str, Counter[str]] = defaultdict(Counter)
    for item in sent:
        wrote[item.step].update({"asked": item.asked, **item.happened})
    order = {id_: at for at, id_ in enumerate(program.steps if program is not None else ())}
    ids = {*order, *did, *there, *wrote} - {""}
    return [
        {
            "step": id_,
            "inside": there[id_],
            "left": dict(ways[id_]),
            **{what: did[id_][what] for what in ("waits", "failed", "held", "moved")},
            "messages": {name: wrote[id_][name] for name in ("asked", *HAPPENED)}
            if id_ in wrote
            else None,
        }
        for id_ in sorted(ids, key=lambda id_: (order.get(id_, len(order)), id_))
    ]


def _days(
    counts: Sequence[Count], sent: Sequence[Any], first: int, last: int
) -> list[dict[str, Any]]:
    found: dict[int, Counter[str]] = defaultdict(Counter)
    for count in counts:
        if count.what in ("entered", "ended", "converted"):
            found[count.day][count.what] += count.n
    for item in sent:
        found[item.day]["sent"] += item.happened["sent"]
    names = ("entered", "ended", "converted", "sent")
    return [
        {"day": _day(day), **{name: found[day][name] for name in names}}
        for day in range(first, last + 1)
        if day in found
    ]


def _holdout(tx: Connection, row: JourneyRow, step: str) -> dict[str, Any]:
    """What the journey brings about: its goal among those who went on, and those held out."""
    ways = {way.exit: way for way in journey_report.ways(tx, row.id, step)}
    out, on = ways.get("end", Way("end", 0, 0)), ways.get("next", Way("next", 0, 0))
    return {
        "step": step,
        "went_on": _share(on),
        "held_out": _share(out),
        **_against(on, out, "those who went on", "those held out"),
    }


def _experiment(tx: Connection, row: JourneyRow, step: Step) -> dict[str, Any]:
    """The variants with their goal, each beside the first; how it stands, in words.

    The goal is the experiment's own; the journey's where it has none, or one of some events only.
    """
    names, goal = [item["name"] for item in step.spec["variants"]], step.spec.get("goal") or {}
    own = bool(goal) and not goal.get("where")
    if own:
        within = parse_duration(goal.get("within", "7d")) or 0
        counted = journey_report.ways_to(tx, row.id, step.id, goal["event"], within)
    else:
        counted = journey_report.ways(tx, row.id, step.id)
    found = {way.exit: way for way in counted}
    ways = [found.get(name, Way(name, 0, 0)) for name in names]
    told = []
    for way in ways:
        against = _against(way, ways[0], way.exit, ways[0].exit) if way is not ways[0] else {}
        told.append({"name": way.exit, **_share(way), **against})
    best = max(ways, key=lambda way: way.converted / way.runs if way.runs else -1.0)
    others = [way for way in ways if way is not best]
    said = _against(best, max(others, key=_rate), best.exit, max(others, key=_rate).exit)
    return {
        "step": step.id,
        "goal": goal["event"] if own else "the journey's",
        "winner": row.winners.get(step.id),
        "variants": told,
        "sentence": said["sentence"],
    }


def _rate(way: Way) -> float:
    return way.converted / way.runs if way.runs else -1.0


def _share(way: Way) -> dict[str, Any]:
    found: dict[str, Any] = {"runs": way.runs, "converted": way.converted}
    if not way.runs:
        return {**found, "rate": None, "low": None, "high": None}
    rate, low, high = interval(way.converted, way.runs)
    return {**found, "rate": round(rate, 4), "low": round(low, 4), "high": round(high, 4)}


def _against(way: Way, other: Way, name: str, other_name: str) -> dict[str, Any]:
    """By how much one way is better than another, with 95 %, and in words."""
    if not way.runs or not other.runs:
        empty = name if not way.runs else other_name
        text = f"Nothing can be said yet: nobody is among {empty}."
        if way.exit == name:
            text = f"Nothing can be said yet: nobody came to {empty}."
        return {"lift": None, "lift_low": None, "lift_high": None, "sentence": text}
    lift, low, high = difference(way.converted, way.runs, other.converted, other.runs)
    rates = f"{_rate(way):.1%} against {_rate(other):.1%}"
    within = f"the difference lies between {low * 100:+.1f} and {high * 100:+.1f} points"
    if low > 0:
        text = f"More of {name} than of {other_name} reach the goal: {rates}; {within}."
    elif high < 0:
        text = f"Fewer of {name} than of {other_name} reach the goal: {rates}; {within}."
    else:
        text = f"No difference between {name} and {other_name} is certain yet: {rates}; {within}."
    numbers = {"lift": lift, "lift_low": low, "lift_high": high}
    return {**{n: round(v, 4) for n, v in numbers.items()}, "sentence": text}


def _day(day: int) -> str:
    return datetime.fromtimestamp(day * 86_400, UTC).date().isoformat()
