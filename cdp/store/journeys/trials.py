"""The figures of experiments by which they are decided, and reported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from cdp.conditions.durations import parse_duration
from cdp.store.journeys.report import Way, messages_by_way, ways, ways_to
from cdp.store.journeys.whose import Whose

WITHIN = "7d"


def variants(tx: Connection, whose: Whose, step: str, spec: Mapping[str, Any]) -> list[Way]:
    """The variants of an experiment in their order, with its goal; ``spec`` is the step's.

    The goal is the journey's where it has none of its own, or one of some events only.
    """
    goal = own_goal(spec)
    if goal is not None:
        within = parse_duration(goal.get("within", WITHIN)) or 0
        counted = ways_to(tx, whose, step, goal["event"], within)
    else:
        counted = ways(tx, whose, step)
    return _in_order(counted, spec)


def own_goal(spec: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The goal of an experiment that is counted for itself."""
    goal: Mapping[str, Any] = spec.get("goal") or {}
    return goal if goal and not goal.get("where") else None


def guarded(
    tx: Connection, whose: Whose, step: str, spec: Mapping[str, Any], rule: Mapping[str, Any]
) -> list[Way]:
    """Of each variant how many did what a guardrail says, of how many.

    Those are people who were exposed; or of messages those that runs were sent after that.
    """
    if rule.get("event"):
        within = parse_duration(rule.get("within", WITHIN)) or 0
        return _in_order(ways_to(tx, whose, step, rule["event"], within), spec)
    what = rule["messages"]
    counted = messages_by_way(tx, whose, step)
    return _in_order(
        [
            Way(exit, n["sent"] + (n["failed"] if what == "failed" else 0), n[what])
            for exit, n in counted.items()
        ],
        spec,
    )


def _in_order(counted: list[Way], spec: Mapping[str, Any]) -> list[Way]:
    found = {way.exit: way for way in counted}
    return [found.get(one["name"], Way(one["name"], 0, 0)) for one in spec["variants"]]
