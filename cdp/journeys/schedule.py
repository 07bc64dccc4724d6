"""When triggers that listen to the calendar come: dates of people, schedules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdp.journeys import wall
from cdp.journeys.program import Program
from cdp.journeys.triggers import Trigger
from cdp.messaging.pressure import zone_of


def next_date(program: Program, traits: Mapping[str, Any], now: int) -> int | None:
    """When a journey begins for somebody by a date of theirs, from ``now`` on."""
    trigger = program.trigger
    zone = trigger.spec.get("zone", "person")
    own = traits.get("timezone") if zone == "person" else zone
    place = zone_of(own if isinstance(own, str) else None, program.zone)
    day = wall.date_of(traits.get(trigger.name), place)
    if day is None:
        return None
    try:
        if trigger.spec.get("yearly"):
            return wall.next_yearly(day, trigger.offset_days, trigger.minutes, place, now)
        at = wall.on_date(day, trigger.offset_days, trigger.minutes, place)
    except (OverflowError, ValueError):
        return None
    return at if at >= now else None


def next_time(trigger: Trigger, fallback: str, now: int) -> int:
    """When a schedule comes round next, after ``now``."""
    spec = trigger.spec
    zone = spec.get("zone", "person")
    place = wall.zone(fallback if zone == "person" else zone)
    every, minutes = spec["every"], trigger.minutes
    if every == "hour":
        return (now // 3_600_000 + 1) * 3_600_000
    if every == "month":
        return wall.next_monthly(now + 1, spec.get("day", 1), minutes, place)
    days = (
        trigger.days
        if every == "week" and spec.get("on")
        else (frozenset({0}) if every == "week" else wall.EVERY_DAY)
    )
    return wall.next_wall(now + 1, minutes, place, days)
