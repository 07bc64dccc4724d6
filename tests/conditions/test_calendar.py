"""Where hours, days, weeks and months begin, on the days on which clocks are changed."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cdp.conditions.forms.times import start_of
from cdp.conditions.live.windows import next_start
from tests.journeys.test_wall import MINUTE, turns

QUARTER = 15
ZONES = (
    "Europe/Warsaw", "America/New_York", "America/Havana", "Africa/Cairo", "Asia/Beirut",
    "Australia/Lord_Howe", "Pacific/Chatham",
)  # fmt: skip
SHOWN: dict[str, Any] = {
    "hour": lambda at: (at.date(), at.hour),
    "day": lambda at: at.date(),
    "week": lambda at: at.isocalendar()[:2],
    "month": lambda at: (at.year, at.month),
}


def clock(place: ZoneInfo, minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, UTC).astimezone(place)


@pytest.mark.parametrize("unit", SHOWN)
def test_units_begin_when_the_clock_begins_to_show_them(unit: str) -> None:
    for name in ZONES:
        place = ZoneInfo(name)
        for turn in turns(place):
            around = range(turn - 26 * 60, turn + 26 * 60, QUARTER)
            shown = [SHOWN[unit](clock(place, at)) for at in around]
            begin = None
            for (before, at), (old, new) in zip(pairwise(around), pairwise(shown), strict=True):
                now = at * MINUTE
                if old != new or (unit == "hour" and clock(place, at).minute == 0):
                    begin = now
                    assert next_start(unit, place, before * MINUTE) <= now, (name, now)
                found = start_of(unit, place, now + 1)
                assert found == (begin or min(found, now)), (name, now)
                assert next_start(unit, place, now) > now, (name, now)
