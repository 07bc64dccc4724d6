"""Instants by the clock on a person's wall: hours, weekdays, dates, and what DST does to them.

A time that the clock skips comes as much later as the clock jumps (02:30 is at 03:30), as in
calendars (RFC 5545); of one that comes twice, the first counts.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from cdp.conditions.values import to_time
from cdp.messaging.pressure import wall_instant, zone_of

DAY_MS = 86_400_000
EVERY_DAY = frozenset(range(7))
#: Days that are looked through for a weekday or for hours: more than a week and any gap.
_FAR = 9


def zone(name: str) -> ZoneInfo:
    """A time zone that was checked."""
    return zone_of(name, "UTC")


class Hours(NamedTuple):
    """Business hours: minutes after midnight, and the days (0 is Monday)."""

    start: int
    end: int
    days: frozenset[int] = frozenset(range(5))


def local_date(now: int, place: ZoneInfo) -> date:
    """The date on the calendar there."""
    return datetime.fromtimestamp(now / 1000, UTC).astimezone(place).date()


def next_wall(now: int, minutes: int, place: ZoneInfo, days: Collection[int] = EVERY_DAY) -> int:
    """The first instant from ``now`` on at which the clock shows a time, on one of some days."""
    today = local_date(now, place)
    for ahead in range(-1, _FAR):
        day = today + timedelta(days=ahead)
        if day.weekday() in days:
            at = wall_instant(day, minutes, place)
            if at >= now:
                return at
    raise AssertionError("a week has every day")


def next_day(now: int, place: ZoneInfo, days: Collection[int]) -> int:
    """``now`` on one of some days of the week, or else the midnight at which one begins."""
    today = local_date(now, place)
    if today.weekday() in days:
        return now
    return next_wall(now, 0, place, days)


def in_hours(now: int, hours: Hours, place: ZoneInfo) -> int:
    """``now`` within business hours, or else when they begin next."""
    today = local_date(now, place)
    for ahead in range(_FAR):
        day = today + timedelta(days=ahead)
        if day.weekday() in hours.days:
            begins = wall_instant(day, hours.start, place)
            if now < wall_instant(day, hours.end, place):
                return max(now, begins)
    raise AssertionError("a week has every day")


def is_day(value: Any) -> bool:
    """Whether a value names a day, not an instant."""
    return isinstance(value, str) and len(value) == 10 and value[4] == "-"


def date_of(value: Any, place: ZoneInfo) -> date | None:
    """The day that a trait names: a date as it stands, an instant as it is there."""
    if is_day(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            return None
    time = to_time(value)
    return local_date(time.ms, place) if time is not None else None


def on_date(day: date, offset_days: int, minutes: int, place: ZoneInfo) -> int:
    """The instant some days from a date at a time of day; `OverflowError` beyond the calendar."""
    return wall_instant(day + timedelta(days=offset_days), minutes, place)


def next_yearly(day: date, offset_days: int, minutes: int, place: ZoneInfo, now: int) -> int:
    """The first instant from ``now`` on that is so many days from an anniversary of a date.

    The 29th of February is kept on the 28th in other years.
    """
    year = (local_date(now, place) - timedelta(days=offset_days)).year
    for this in range(year - 1, year + 3):
        at = on_date(_in_year(day, this), offset_days, minutes, place)
        if at >= now:
            return at
    raise AssertionError("a year has every date")


def next_monthly(now: int, day: int, minutes: int, place: ZoneInfo) -> int:
    """The first instant from ``now`` on that is on a day of a month; its last, if it has fewer."""
    first = local_date(now, place).replace(day=1) - timedelta(days=1)
    first = first.replace(day=1)
    for _ in range(4):
        following = (first + timedelta(days=32)).replace(day=1)
        last = (following - timedelta(days=1)).day
        at = wall_instant(first.replace(day=min(day, last)), minutes, place)
        if at >= now:
            return at
        first = following
    raise AssertionError("a month has a last day")


def _in_year(day: date, year: int) -> date:
    try:
        return day.replace(year=year)
    except ValueError:
        return day.replace(year=year, day=28)
