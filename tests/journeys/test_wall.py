"""Clocks on walls, against a look at every minute around the days on which they change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest

from cdp.journeys import wall
from cdp.journeys.schedule import next_time
from cdp.journeys.wall import Hours

ZONES = (
    "UTC", "Europe/Warsaw", "Europe/London", "Europe/Dublin", "Europe/Lisbon", "Europe/Kyiv",
    "Europe/Chisinau", "Atlantic/Azores", "America/New_York", "America/Chicago", "America/Denver",
    "America/Los_Angeles", "America/Anchorage", "America/St_Johns", "America/Halifax",
    "America/Havana", "America/Santiago", "America/Nuuk", "America/Asuncion", "America/Sao_Paulo",
    "Africa/Cairo", "Africa/Casablanca", "Asia/Beirut", "Asia/Jerusalem", "Asia/Kolkata",
    "Asia/Tokyo", "Australia/Sydney", "Australia/Lord_Howe", "Pacific/Auckland", "Pacific/Chatham",
)  # fmt: skip
TIMES = (0, 30, 90, 150, 165, 180, 540, 1439)
MINUTE = 60_000


class Shown(NamedTuple):
    """What a clock shows at a minute (since 1970)."""

    at: int
    day: date
    minutes: int


def offset(place: ZoneInfo, minute: int) -> int:
    found = datetime.fromtimestamp(minute * 60, UTC).astimezone(place).utcoffset()
    assert found is not None
    return int(found.total_seconds() // 60)


def turns(place: ZoneInfo) -> list[int]:
    """The minutes in 2026 at which the clock is changed; one without a change, if it never is."""
    first = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() // 60)
    found = []
    for day in range(365):
        low = first + day * 1440
        high = low + 1440
        if offset(place, low) == offset(place, high):
            continue
        while high - low > 1:
            middle = (low + high) // 2
            if offset(place, middle) == offset(place, low):
                low = middle
            else:
                high = middle
        found.append(high)
    return found or [first + 100 * 1440]


@lru_cache(maxsize=2)
def table(place: ZoneInfo, around: int) -> list[Shown]:
    """What the clock shows in each minute of some days."""
    found = []
    for minute in range(around - 2 * 1440, around + 5 * 1440):
        local = datetime.fromtimestamp(minute * 60, UTC).astimezone(place)
        found.append(Shown(minute, local.date(), local.hour * 60 + local.minute))
    return found


def firsts(shown: list[Shown], minutes: int) -> dict[date, int]:
    """The first minute of each day at which the clock shows a time.

    Where it skips it: the minute at which it would have shown it, had it not been changed.
    """
    found: dict[date, int] = {}
    for before, after in pairwise(shown):
        if after.minutes == minutes:
            found.setdefault(after.day, after.at)
        begins = before.day.toordinal() * 1440 + before.minutes
        ends = after.day.toordinal() * 1440 + after.minutes
        for day in {before.day, after.day} if ends > begins + 1 else ():
            meant = day.toordinal() * 1440 + minutes
            if begins < meant < ends:
                found.setdefault(day, before.at + meant - begins)
    return found


@pytest.mark.parametrize("name", ZONES)
def test_times_of_day_are_those_that_a_look_at_every_minute_finds(name: str) -> None:
    place = ZoneInfo(name)
    for turn in turns(place):
        shown = table(place, turn)
        soon = frozenset({(shown[0].day.weekday() + 4) % 7})
        for minutes in TIMES:
            found = firsts(shown, minutes)
            for start in (-1500, -61, -30, 0, 1, 29, 61, 130):
                for days in (wall.EVERY_DAY, soon):
                    now = turn + start
                    plain = min(
                        at for day, at in found.items() if at >= now and day.weekday() in days
                    )
                    made = wall.next_wall(now * MINUTE, minutes, place, days)
                    assert made == plain * MINUTE, (minutes, start, days)


@pytest.mark.parametrize("name", ZONES)
def test_business_hours_are_those_that_a_look_at_every_minute_finds(name: str) -> None:
    place = ZoneInfo(name)
    for turn in turns(place):
        shown = table(place, turn)
        for hours in (Hours(540, 1020), Hours(360, 1320, frozenset({1, 4, 6}))):
            for start in range(-1500, 1500, 487):
                now = turn + start
                plain = next(
                    item.at
                    for item in shown
                    if item.at >= now
                    and item.day.weekday() in hours.days
                    and hours.start <= item.minutes < hours.end
                )
                assert wall.in_hours(now * MINUTE, hours, place) == plain * MINUTE, (hours, start)
            today = wall.local_date(turn * MINUTE, place)
            of_days = frozenset({(today.weekday() + 1) % 7})
            following = next(item.at for item in shown if item.day.weekday() in of_days)
            assert wall.next_day(turn * MINUTE, place, of_days) == following * MINUTE


@pytest.mark.parametrize("name", ZONES[::3])
def test_anniversaries_are_those_that_a_look_at_every_day_finds(name: str) -> None:
    place = ZoneInfo(name)

    def kept(day: date, on: date) -> bool:
        last = date(on.year, 3, 1) - timedelta(days=1)
        if (day.month, day.day) == (2, 29):
            return on == last
        return (day.month, day.day) == (on.month, on.day)

    now = int(datetime(2027, 6, 15, 12, tzinfo=UTC).timestamp() * 1000)
    for born in (date(2000, 2, 29), date(1999, 12, 31), date(1980, 6, 15), date(1970, 1, 1)):
        for offset_days in (0, -1, 7, -30, 400, -1000):
            at = wall.next_yearly(born, offset_days, 150, place, now)
            start = wall.local_date(now, place)
            plain = min(
                instant
                for ahead in range(-2, 800)
                if kept(born, start + timedelta(days=ahead) - timedelta(days=offset_days))
                and (instant := wall.on_date(start + timedelta(days=ahead), 0, 150, place)) >= now
            )
            assert at == plain, (born, offset_days)


@pytest.mark.parametrize(
    ("spec", "now", "comes"),
    [
        ({"every": "hour"}, "2026-03-29T00:30", "2026-03-29T01:00"),
        ({"every": "day", "at": "02:30"}, "2026-03-28T12:00", "2026-03-29T01:30"),  # 03:30 there
        ({"every": "day", "at": "02:30"}, "2026-10-25T00:30", "2026-10-26T01:30"),  # the first
        ({"every": "week", "at": "09:00"}, "2026-03-24T12:00", "2026-03-30T07:00"),
        ({"every": "week", "on": ["fri"], "at": "09:00"}, "2026-03-24T12:00", "2026-03-27T08:00"),
        ({"every": "month", "day": 31, "at": "00:00"}, "2026-02-01T00:00", "2026-02-27T23:00"),
    ],
)
def test_schedules_come_round(spec: dict[str, Any], now: str, comes: str) -> None:
    from cdp.journeys.triggers import Trigger

    def ms(text: str) -> int:
        return int(datetime.fromisoformat(f"{text}+00:00").timestamp() * 1000)

    assert next_time(Trigger("every", spec=spec), "Europe/Warsaw", ms(now)) == ms(comes)


def test_a_date_without_a_time_is_a_day_and_one_with_it_an_instant() -> None:
    place = ZoneInfo("Asia/Tokyo")
    assert wall.date_of("2026-03-01", place) == date(2026, 3, 1)
    assert wall.date_of("2026-03-01T20:00:00Z", place) == date(2026, 3, 2)
    assert wall.date_of("1772395200", place) == date(2026, 3, 2)
    assert wall.date_of("2026-13-01", place) is None
    assert wall.date_of("soon", place) is None
    assert wall.date_of(True, place) is None
