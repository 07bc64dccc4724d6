"""How a journey goes: entries, steps, messages, goals, days, what is held out, experiments."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from cdp.delivery.journeys import results
from cdp.delivery.journeys.there import Refused, launched, program_at
from cdp.journeys import Program
from cdp.journeys.graph import ways
from cdp.store.audiences import evaluated as audiences
from cdp.store.journeys import report as journey_report
from cdp.store.journeys.launched import JourneyRow
from cdp.store.journeys.report import DAY, Goal, Messages
from cdp.store.journeys.runs import Standing
from cdp.store.journeys.story import Count
from cdp.store.journeys.sums import Sum
from cdp.store.journeys.whose import Whose
from cdp.store.messages.broadcast_figures import HAPPENED

#: Days that are told of if none are named.
DAYS = 30
_WHAT = ("waits", "failed", "held", "moved", "not_started")
#: What is told of each day.
_DAILY = ("entered", "ended", "converted", "value", "sent", "delivered", "opened", "clicked")


def report(
    tx: Connection,
    key: str,
    now: int,
    *,
    first: int | None = None,
    last: int | None = None,
    version: int | None = None,
    audience: str | None = None,
) -> dict[str, Any]:
    """All figures between two days (since 1970; the last thirty), of a version or of all.

    ``audience``: of those alone who are in it now. Holdouts and experiments are told of as a
    whole, whatever the days. `Refused`, `NoSuchJourney`.
    """
    row = launched(tx, key)
    last = now // DAY if last is None else last
    first = last - DAYS + 1 if first is None else first
    whose = _whose(tx, row, version, audience)
    counts = journey_report.counts(tx, whose, first, last)
    sent = journey_report.messages(tx, whose, first, last)
    goals = journey_report.goals(tx, whose, first, last)
    standings = journey_report.standings(tx, whose)
    program = program_at(tx, key, version or row.version)
    steps = program.steps.values() if program is not None else ()
    wrote = _messages(sent, goals, journey_report.credited(tx, whose) if goals else {})
    return {
        "journey": key,
        "from": _day(first),
        "to": _day(last),
        "version": version,
        "audience": audience,
        "entered": sum(count.n for count in counts if count.what == "entered"),
        "inside": sum(at.n for at in standings),
        "kept_out": dict(by_exit(counts, "kept_out")),
        "ended": dict(by_exit(counts, "ended")),
        "converted": len(goals),
        "value": round(sum(one.value for one in goals), 6),
        "steps": _steps(counts, wrote, standings, program, _came(tx, key, counts, program)),
        "messages": wrote,
        "days": _days(counts, sent, goals, first, last),
        "holdouts": [
            results.holdout(tx, whose, step.id) for step in steps if step.kind.name == "holdout"
        ],
        "experiments": [
            results.experiment(tx, whose, step, row, now)
            for step in steps
            if step.kind.name == "experiment"
        ],
    }


def _whose(tx: Connection, row: JourneyRow, version: int | None, audience: str | None) -> Whose:
    if audience is None:
        return Whose(row.id, row.key, version)
    found = audiences.live_row(tx, "audience", audience)
    if found is None:
        raise Refused(f"there is no audience {audience}, or who is in it is not known yet")
    return Whose(row.id, row.key, version, found.id)


def by_exit(counts: Sequence[Count] | Sequence[Sum], what: str) -> Counter[str]:
    """How many something became of, by how or why, at whichever step."""
    found = Counter[str]()
    for count in counts:
        if count.what == what:
            found[count.exit] += count.n
    return found


def _came(
    tx: Connection, key: str, counts: Sequence[Count], program: Program | None
) -> Counter[str]:
    """How many came to each step: by the ways that lead there, from the trigger, by hand."""
    known = {program.version: program} if program is not None else {}
    found = Counter[str]()
    for count in counts:
        if count.version not in known:
            read = program_at(tx, key, count.version)
            if read is None:
                continue
            known[count.version] = read
        at = known[count.version]
        step = at.steps.get(count.step)
        if count.what == "entered":
            found[count.step] += count.n
        elif count.what == "moved" and count.exit:
            found[count.exit] += count.n
        elif count.what == "left" and step is not None:
            target = ways(at, step).get("goto") if count.exit == "goto" else None
            if count.exit != "end":
                found[target or at.target(step, count.exit) or ""] += count.n
    return found


def _messages(
    sent: Sequence[Messages], goals: Sequence[Goal], credited: Mapping[int, tuple[str, str]]
) -> list[dict[str, Any]]:
    """Each message of each step, with the goals before which it came last."""
    found: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    channels: dict[tuple[str, str], str] = {}
    for item in sent:
        at = item.step, item.template
        found[at].update({"asked": item.asked, **item.happened})
        channels[at] = item.channel
    worth: dict[tuple[str, str], float] = defaultdict(float)
    converted = Counter[tuple[str, str]]()
    for goal in goals:
        message = credited.get(goal.run)
        if message is not None:
            converted[message] += 1
            worth[message] += goal.value
    return [
        {
            "step": at[0],
            "template": at[1],
            "channel": channels.get(at),
            **{name: found[at][name] for name in ("asked", *HAPPENED)},
            "converted": converted[at],
            "value": round(worth[at], 6),
        }
        for at in sorted({*found, *converted})
    ]


def _steps(
    counts: Sequence[Count],
    wrote: Sequence[Mapping[str, Any]],
    standings: Sequence[Standing],
    program: Program | None,
    came: Counter[str],
) -> list[dict[str, Any]]:
    """Each step with what became of runs and messages there, in the journey's order."""
    did: dict[str, Counter[str]] = defaultdict(Counter)
    exits: dict[str, Counter[str]] = defaultdict(Counter)
    ends: dict[str, Counter[str]] = defaultdict(Counter)
    there = Counter[str]()
    for count in counts:
        if count.what in _WHAT:
            did[count.step][count.what] += count.n
        if count.what == "left":
            exits[count.step][count.exit] += count.n
        if count.what == "ended":
            ends[count.step][count.exit] += count.n
    for at in standings:
        there[at.step] += at.n
    said: dict[str, Counter[str]] = defaultdict(Counter)
    for item in wrote:
        said[item["step"]].update({name: item[name] for name in ("asked", *HAPPENED)})
    order = {id_: at for at, id_ in enumerate(program.steps if program is not None else ())}
    ids = {*order, *did, *exits, *ends, *there, *said, *came} - {""}
    return [
        {
            "step": id_,
            "kind": program.steps[id_].kind.name if program and id_ in order else None,
            "entered": came[id_],
            "inside": there[id_],
            "left": dict(exits[id_]),
            "ended": dict(ends[id_]),
            **{what: did[id_][what] for what in _WHAT},
            "messages": {name: said[id_][name] for name in ("asked", *HAPPENED)}
            if id_ in said
            else None,
        }
        for id_ in sorted(ids, key=lambda id_: (order.get(id_, len(order)), id_))
    ]


def _days(
    counts: Sequence[Count],
    sent: Sequence[Messages],
    goals: Sequence[Goal],
    first: int,
    last: int,
) -> list[dict[str, Any]]:
    found: dict[int, dict[str, float]] = defaultdict(lambda: dict.fromkeys(_DAILY, 0))
    for count in counts:
        if count.what in ("entered", "ended"):
            found[count.day][count.what] += count.n
    for item in sent:
        for name in ("sent", "delivered", "opened", "clicked"):
            found[item.day][name] += item.happened[name]
    for goal in goals:
        found[goal.day]["converted"] += 1
        found[goal.day]["value"] = round(found[goal.day]["value"] + goal.value, 6)
    return [{"day": _day(day), **found[day]} for day in range(first, last + 1) if day in found]


def tables(found: Mapping[str, Any]) -> dict[str, Iterator[dict[str, Any]]]:
    """A report as flat tables, by name: ``steps``, ``messages``, ``days`` and ``variants``."""

    def steps() -> Iterator[dict[str, Any]]:
        for step in found["steps"]:
            flat = {n: v for n, v in step.items() if n not in ("left", "ended", "messages")}
            yield {
                **flat,
                "left": "; ".join(f"{name} {n}" for name, n in step["left"].items()),
                "ended": "; ".join(f"{name} {n}" for name, n in step["ended"].items()),
                **(step["messages"] or dict.fromkeys(("asked", *HAPPENED), "")),
            }

    def variants() -> Iterator[dict[str, Any]]:
        for one in found["experiments"]:
            for item in one["variants"]:
                lift = {name: item.get(name) for name in ("lift", "lift_low", "lift_high")}
                flat = {n: v for n, v in item.items() if n not in ("messages", *lift)}
                wrote = {name: item["messages"].get(name, 0) for name in ("asked", *HAPPENED)}
                yield {"step": one["step"], **flat, **lift, **wrote}

    return {
        "steps": steps(),
        "messages": iter(found["messages"]),
        "days": iter(found["days"]),
        "variants": variants(),
    }


def _day(day: int) -> str:
    return datetime.fromtimestamp(day * 86_400, UTC).date().isoformat()
