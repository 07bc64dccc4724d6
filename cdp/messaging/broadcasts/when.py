"""When a broadcast begins, and when a person's turn comes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from cdp.messaging.broadcasts.plan import Plan

#: The zone in which every day begins first, and the one in which it begins last.
_FIRST, _LAST = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))


def begins_at(plan: Plan, now: int) -> int:
    """When the people are chosen (ms): where the local time comes first on Earth, at ``now``
    at the earliest."""
    if plan.local is not None:
        return max(now, _ms(plan.local.replace(tzinfo=_FIRST)))
    return max(now, plan.at or 0)


def ends_at(plan: Plan, begun: int) -> int:
    """When the last zone has its turn (ms)."""
    if plan.local is None:
        return begun
    last = _ms(plan.local.replace(tzinfo=_LAST))
    return max(begun, last) if plan.late == "now" else max(last, begun + 86_400_000)


def due_at(plan: Plan, zone: Any, earliest: int) -> int:
    """When somebody with the trait ``timezone`` gets it (ms), not before ``earliest``.

    For whom the local time has passed by then: at once, or at that time of the next day
    on which it hasn't. A trait that names no zone counts as none.
    """
    if plan.local is None:
        return earliest
    place: tzinfo | None = _place(zone) if isinstance(zone, str) else None
    place = place or _place(plan.zone) or UTC
    due = _ms(plan.local.replace(tzinfo=place))
    if due >= earliest:
        return due
    if plan.late == "now":
        return earliest
    # From the day before, as a day may have 25 hours.
    days = max(0, (earliest - due) // 86_400_000 - 1)
    while due < earliest:
        days += 1
        due = _ms((plan.local + timedelta(days=days)).replace(tzinfo=place))
    return due


@lru_cache(maxsize=1024)
def _place(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name.strip())
    except (ValueError, OSError, LookupError):
        return None


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
