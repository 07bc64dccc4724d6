"""Caps and quiet hours, through the clock's tricks."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp.messaging.pressure import (
    DEFER,
    DROP,
    Earlier,
    Limit,
    Quiet,
    QuietWhile,
    engaged,
    minutes_of,
    pressed,
    quiet_until,
)

DAY = 86_400_000
NIGHT = Quiet("night", frozenset({"sms"}), minutes_of("21:00") or 0, minutes_of("08:00") or 0)


def at(text: str, zone: str = "Europe/Warsaw") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def wall(ms: int | None, zone: str = "Europe/Warsaw") -> str | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, ZoneInfo(zone)).isoformat()


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-01-10T12:00", None),
        ("2026-01-10T20:59", None),
        ("2026-01-10T21:00", "2026-01-11T08:00:00+01:00"),
        ("2026-01-11T03:00", "2026-01-11T08:00:00+01:00"),
        ("2026-01-11T08:00", None),
        # The night in which clocks go forward, and the one in which they go back.
        ("2026-03-28T23:00", "2026-03-29T08:00:00+02:00"),
        ("2026-10-24T23:00", "2026-10-25T08:00:00+01:00"),
    ],
)
def test_nights(now: str, until: str | None) -> None:
    assert wall(quiet_until(NIGHT, "Europe/Warsaw", at(now))) == until


def test_an_end_that_the_clock_skips_is_the_first_instant_after_it() -> None:
    hours = NIGHT._replace(end=minutes_of("02:30") or 0)
    found = quiet_until(hours, "Europe/Warsaw", at("2026-03-28T23:00"))
    assert wall(found) == "2026-03-29T03:30:00+02:00"


def test_an_end_that_comes_twice_is_the_first() -> None:
    hours = NIGHT._replace(end=minutes_of("02:30") or 0)
    found = quiet_until(hours, "Europe/Warsaw", at("2026-10-24T23:00"))
    assert wall(found) == "2026-10-25T02:30:00+02:00"


def test_days_are_those_on_which_they_begin() -> None:
    weekend = NIGHT._replace(days=frozenset({4, 5}))  # the evenings of Friday and Saturday
    zone = "UTC"
    assert quiet_until(weekend, zone, at("2026-01-09T22:00", zone)) is not None
    assert quiet_until(weekend, zone, at("2026-01-11T07:00", zone)) is not None
    assert quiet_until(weekend, zone, at("2026-01-11T22:00", zone)) is None


def test_an_unknown_zone_is_the_rules_own() -> None:
    hours = NIGHT._replace(zone="Asia/Tokyo")
    now = at("2026-01-10T22:00", "Asia/Tokyo")
    for zone in (None, "", "Mars/Olympus", "../etc/passwd"):
        assert quiet_until(hours, zone, now) is not None


@given(
    st.integers(at("2025-12-01T00:00", "UTC") // 1000, at("2027-01-31T00:00", "UTC") // 1000),
    st.sampled_from(["Europe/Warsaw", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
    st.integers(0, 1439),
    st.integers(0, 1440),
)
def test_the_end_of_quiet_hours_is_not_quiet_and_less_than_26_hours_away(
    second: int, zone: str, start: int, end: int
) -> None:
    hours = Quiet("q", frozenset({"sms"}), start, end)
    until = quiet_until(hours, zone, second * 1000)
    if until is not None and start != end % 1440:
        assert second * 1000 < until <= second * 1000 + 26 * 3_600_000
        assert quiet_until(hours, zone, until) is None


def test_caps_roll_to_the_millisecond() -> None:
    limit = Limit("l", 2, DAY, then=DEFER)
    earlier = [Earlier(1000, "email", None), Earlier(5000, "sms", None)]

    def ask(now: int) -> int | None:
        found = pressed([limit], [], "email", None, earlier, None, now)
        return found.until if found is not None else -1

    assert ask(6000) == 1000 + DAY
    assert ask(999 + DAY) == 1000 + DAY
    assert ask(1000 + DAY) == -1


def test_caps_count_what_they_name() -> None:
    earlier = [Earlier(0, "email", "news")] * 3
    by_channel = Limit("l", 3, DAY, channel="email")
    by_topic = Limit("l", 3, DAY, topic="news")
    for limit, channel, topic, over in (
        (by_channel, "email", None, True),
        (by_channel, "sms", "news", False),
        (by_topic, "email", "news", True),
        (by_topic, "sms", "news", True),
        (by_topic, "email", None, False),
    ):
        assert (pressed([limit], [], channel, topic, earlier, None, 1) is not None) is over


def test_what_drops_goes_before_what_defers_and_the_longest_wait_wins() -> None:
    night = at("2026-01-10T23:00", "UTC")
    earlier = [Earlier(night - 1000, "sms", None)]
    slow, drop = Limit("slow", 1, 30 * DAY, then=DEFER), Limit("drop", 1, DAY, then=DROP)
    found = pressed([slow], [NIGHT], "sms", None, earlier, "UTC", night)
    assert found is not None and found.reason.startswith("limit: slow")
    found = pressed([slow, drop], [NIGHT], "sms", None, earlier, "UTC", night)
    assert found is not None and found.until is None and "drop" in found.reason


@given(st.lists(st.integers(0, 20 * DAY), max_size=30), st.integers(1, 5), st.integers(0, 20 * DAY))
def test_a_deferred_message_is_within_its_cap_when_its_time_comes(
    times: list[int], most: int, now: int
) -> None:
    limit = Limit("l", most, 3 * DAY, then=DEFER)
    earlier = [Earlier(t, "email", None) for t in times if t <= now]
    found = pressed([limit], [], "email", None, earlier, None, now)
    if found is not None:
        assert found.until is not None and found.until > now
        assert pressed([limit], [], "email", None, earlier, None, found.until) is None
        assert pressed([limit], [], "email", None, earlier, None, found.until - 1) is not None


def test_who_is_in_a_journey_gets_its_messages_alone() -> None:
    rule = QuietWhile("first", frozenset({"welcome", "trial"}), "email", None, DEFER, DAY)

    def ask(
        inside: set[str], own: str | None = None, channel: str = "email", now: int = 0
    ) -> list[tuple[str, int | None]]:
        return [
            (one.reason, one.until) for one in engaged([rule], channel, None, own, inside, 0, now)
        ]

    held = "in_journey: first (welcome)"
    assert ask({"welcome"}) == [(held, 3_600_000)]
    assert ask({"welcome"}, own="winback") == [(held, 3_600_000)]
    # What is its own, goes another way or to somebody else, goes.
    assert (
        ask({"welcome"}, own="trial") == ask({"winback"}) == ask({"welcome"}, channel="sms") == []
    )
    # It waits so long, and no longer.
    assert ask({"welcome"}, now=DAY - 1000) == [(held, DAY)]
    assert ask({"welcome"}, now=DAY) == [(held, None)]
    drop = rule._replace(then=DROP)
    assert engaged([drop], "email", None, None, {"trial"}, 0, 0)[0].until is None
