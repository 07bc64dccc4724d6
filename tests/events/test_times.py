from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp.events import format_time, parse_time
from cdp.events.times import MAX_MS, MIN_MS

NOON = 1_767_268_800_000


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-01T12:00:00.000Z",
        "2026-01-01T12:00:00Z",
        "2026-01-01T12:00:00",
        "2026-01-01 12:00:00+00:00",
        "2026-01-01T13:00:00.000000000+01:00",
        " 2026-01-01T12:00Z ",
        "20260101T120000Z",
        NOON,
        NOON / 1000,
        float(NOON),
        str(NOON),
        str(NOON // 1000),
    ],
)
def test_all_forms_that_sdks_write_are_one_moment(value: Any) -> None:
    assert parse_time(value) == NOON


@pytest.mark.parametrize(
    "value",
    [
        None, True, False, "", "now", "2026-13-01", "2026-01-01T25:00:00Z", "1" * 65, [], {},
        [2026, 1, 1], float("nan"), float("inf"), 10**30, -(10**30), "²026-01-01", "2026-01-01\0",
    ],
)  # fmt: skip
def test_everything_else_is_no_time(value: Any) -> None:
    assert parse_time(value) is None


@given(st.integers(MIN_MS, MAX_MS))
def test_writing_and_reading_a_time_gives_the_same(ms: int) -> None:
    assert parse_time(format_time(ms)) == ms


@given(st.datetimes(timezones=st.just(UTC)))
def test_what_python_writes_is_read(moment: datetime) -> None:
    found = parse_time(moment.isoformat())
    assert found is not None
    assert abs(found - moment.timestamp() * 1000) <= 1.0


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=70))
def test_no_value_raises(value: Any) -> None:
    found = parse_time(value)
    assert found is None or isinstance(found, int)
