"""What a holdout or an experiment shows: shares, intervals, and a plain sentence."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from cdp.conditions.share import difference, enough, interval, luck
from cdp.delivery.journeys import shown
from cdp.journeys import Step
from cdp.journeys.limits import WORDS
from cdp.store.journeys import decisions, trials
from cdp.store.journeys import report as journey_report
from cdp.store.journeys.launched import JourneyRow
from cdp.store.journeys.report import DAY, Way
from cdp.store.journeys.whose import Whose

#: Unless a difference is less likely by luck than this, nothing is said of it.
_UNSURE = 0.05
#: With fewer who reached the goal in all nothing is foretold, and not further than so many days.
_FEW, _FAR = 5, 365


def holdout(tx: Connection, whose: Whose, step: str) -> dict[str, Any]:
    """What the journey brings about: its goal among those who went on, and those held out."""
    found = {way.exit: way for way in journey_report.ways(tx, whose, step)}
    out, on = found.get("end", Way("end", 0, 0)), found.get("next", Way("next", 0, 0))
    lift: dict[str, Any] = {"lift": None, "lift_low": None, "lift_high": None}
    if not on.runs or not out.runs:
        empty = "those who went on" if not on.runs else "those held out"
        said = f"Nothing can be said yet: nobody is among {empty}."
    else:
        lift = _lift(on, out)
        _, low, high = (
            points * 100 for points in difference(on.converted, on.runs, out.converted, out.runs)
        )
        rates = f"{percent(_rate(on))} against {percent(_rate(out))}"
        within = f"the difference lies between {low:+.1f} and {high:+.1f} points"
        if low > 0:
            said = f"It brings more people to the goal: {rates}; {within}."
        elif high < 0:
            said = f"It keeps people from the goal: {rates}; {within}."
        else:
            said = f"Whether it brings anything about is not certain yet: {rates}; {within}."
    return {
        "step": step,
        "went_on": _share(on),
        "held_out": _share(out),
        **lift,
        "sentence": said,
    }


def experiment(
    tx: Connection, whose: Whose, step: Step, row: JourneyRow, now: int
) -> dict[str, Any]:
    """The variants with their goal, each beside the first; how it stands, in words.

    And what was decided. Those who came after that are not counted: they drew no lot.
    """
    goal = trials.own_goal(step.spec)
    ways = trials.variants(tx, whose, step.id, step.spec)
    wrote = journey_report.messages_by_way(tx, whose, step.id)
    guards = [
        _guard(item, trials.guarded(tx, whose, step.id, step.spec, item))
        for item in step.spec.get("guardrails") or ()
    ]
    won = row.winners.get(step.id)
    confidence = (step.spec.get("winner") or {}).get("confidence", 95.0)
    said = f"{won} was chosen; everybody gets it now. " if won else ""
    return {
        "step": step.id,
        "name": step.spec.get("name") or step.id,
        "goal": goal["event"] if goal is not None else "the journey's",
        "winner": won,
        "closed": row.closed.get(step.id, []),
        "decisions": [shown.decision(one) for one in decisions.of(tx, row.id, step=step.id)],
        "variants": [
            {
                "name": way.exit,
                **_share(way),
                "value": round(way.value, 6),
                "messages": dict(wrote.get(way.exit, Counter[str]())),
                **(_lift(way, ways[0]) if way is not ways[0] else {}),
            }
            for way in ways
        ],
        "guardrails": guards,
        "sentence": said + in_words(ways, now, 1 - confidence / 100),
    }


def _guard(item: Mapping[str, Any], ways: Sequence[Way]) -> dict[str, Any]:
    """How often something happened that must not become frequent, by variant."""
    most = item["most"] / 100
    return {
        "event": item.get("event") or f"messages that {WORDS[item['messages']]}",
        "most": most,
        "variants": [
            {"name": way.exit, **one, "over": one["rate"] is not None and one["rate"] > most}
            for way, one in zip(ways, map(_share, ways), strict=True)
        ],
    }


def in_words(ways: Sequence[Way], now: int, unsure: float = _UNSURE) -> str:
    """What variants come to, plainly: the best beside the second."""
    best = max(ways, key=_rate)
    second = max((way for way in ways if way is not best), key=_rate)
    empty = next((way for way in (second, best) if not way.runs), None)
    if empty is not None:
        return f"Nothing can be said yet: nobody came to {empty.exit}."
    rates = f"{percent(_rate(best))} against {percent(_rate(second))}"
    chance = luck(best.converted, best.runs, second.converted, second.runs)
    if chance < unsure:
        one_in = f"{min(round(1 / chance), 1_000_000) if chance else 1_000_000:,}"
        return (
            f"{best.exit} converts better than {second.exit}: {rates}; "
            f"chance of that by luck 1 in {one_in}."
        )
    told = " against ".join(f"{way.exit} {percent(_rate(way))}" for way in (best, second))
    return f"Too early to tell: {told}; {_how_long(best, second, now)}."


def _how_long(best: Way, second: Way, now: int) -> str:
    one, other = _rate(best), _rate(second)
    least = min(best, second, key=lambda way: way.runs)
    if best.converted + second.converted < _FEW or best.since is None or second.since is None:
        return "too few have come so far to say how long it takes"
    if one == other:
        return "they are level so far"
    days = max(1.0, (now - min(best.since, second.since)) / DAY)
    more = (enough(one, other) - least.runs) * days / least.runs
    if more > _FAR:
        return "at this rate a difference so small takes more than a year to show"
    whole = max(1, math.ceil(more))
    return f"about {whole} more day{'s' * (whole != 1)} at this rate"


def percent(share: float) -> str:
    """A share as sentences have it: ``12.1 %``."""
    return f"{share * 100:.1f} %"


def _rate(way: Way) -> float:
    return way.converted / way.runs if way.runs else -1.0


def _share(way: Way) -> dict[str, Any]:
    found: dict[str, Any] = {"runs": way.runs, "converted": way.converted}
    if not way.runs:
        return {**found, "rate": None, "low": None, "high": None}
    rate, low, high = interval(way.converted, way.runs)
    return {**found, "rate": round(rate, 4), "low": round(low, 4), "high": round(high, 4)}


def _lift(way: Way, other: Way) -> dict[str, float | None]:
    """By how much a share is greater than another, with 95 %."""
    names = ("lift", "lift_low", "lift_high")
    if not way.runs or not other.runs:
        return dict.fromkeys(names)
    found = difference(way.converted, way.runs, other.converted, other.runs)
    return {name: round(value, 4) for name, value in zip(names, found, strict=True)}
