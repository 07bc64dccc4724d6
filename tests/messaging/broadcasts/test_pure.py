"""What a broadcast decides: definitions, lots, times, pace, winners."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp.messaging.broadcasts import states
from cdp.messaging.broadcasts.lots import NEVER, REST, lot
from cdp.messaging.broadcasts.pace import Pace, after, allowed, duration_ms
from cdp.messaging.broadcasts.pace import in_words as pace_in_words
from cdp.messaging.broadcasts.plan import BadPlan, Plan, plan_of, read, unready
from cdp.messaging.broadcasts.when import begins_at, due_at
from cdp.messaging.broadcasts.winner import Result, best, in_words, surely

BASE: dict[str, Any] = {"name": "Sale", "who": {"everybody": True}, "template": "t"}
AB = [{"name": "a", "template": "x", "share": 1}, {"name": "b", "template": "y", "share": 3}]


def plan(**more: Any) -> Plan:
    body = {**BASE, **more}
    return plan_of(read({k: v for k, v in body.items() if v is not None}))


def ms(*moment: int) -> int:
    return int(datetime(*moment, tzinfo=UTC).timestamp() * 1000)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"name": ""}, "name"),
        ({"who": {"audience": "a", "everybody": True}}, "who"),
        ({"who": {"condition": "traits.plan ="}}, "who.condition"),
        ({"variants": AB}, "template"),
        ({"test": {"share": 10}}, "test"),
        ({"when": {"at": "soon"}}, "when.at"),
        ({"when": {"local": "2026-12-01T09:00+01:00"}}, "when.local"),
        ({"when": {"local": "2026-12-01T09:00", "zone": "Mars/Base"}}, "when.zone"),
        ({"when": {"late": "now"}}, "when"),
        ({"holdout": 95}, "holdout"),
        ({"per_minute": 0}, "per_minute"),
        ({"goal": {"event": "E", "within": "100d"}}, "goal.within"),
        ({"triggered": True, "when": {"at": "2026-12-01"}}, "when"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_is_wrong_is_said_by_field(more: dict[str, Any], field: str) -> None:
    with pytest.raises(BadPlan) as error:
        read({**BASE, **more})
    assert field in error.value.fields


def test_a_winner_needs_its_time() -> None:
    body = {"name": "S", "variants": AB, "test": {"share": 10, "winner": "clicked"}}
    with pytest.raises(BadPlan) as error:
        read(body)
    assert "test.after" in error.value.fields


def test_a_draft_may_lack_what_a_start_needs() -> None:
    assert set(unready(plan_of(read({"name": "Sale"})))) == {"who", "template"}
    assert unready(plan()) == {}


def test_what_is_kept_reads_the_same() -> None:
    body = read({"name": "S", "variants": AB, "holdout": 5})
    assert read(body) == body


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_a_lot_is_the_same_each_time(broadcast: int, person: int) -> None:
    made = plan(template=None, variants=AB, holdout=10, test={"share": 20})
    drawn = lot(made, broadcast, person)
    assert drawn == lot(made, broadcast, person)
    assert (drawn.variant is None) == (drawn.wave in (NEVER, REST))


def test_lots_keep_the_shares() -> None:
    made = plan(template=None, variants=AB, holdout=10)
    drawn = [lot(made, 7, n) for n in range(20_000)]
    held = sum(item.wave == NEVER for item in drawn)
    b = sum(item.variant == "b" for item in drawn)
    assert 1800 < held < 2200
    assert 0.73 < b / (20_000 - held) < 0.77


def test_another_broadcast_holds_out_others() -> None:
    made = plan(holdout=50)
    first = [lot(made, 1, n).wave for n in range(1000)]
    second = [lot(made, 2, n).wave for n in range(1000)]
    assert 400 < sum(a == b for a, b in zip(first, second, strict=True)) < 600


def test_a_local_time_begins_where_the_day_does() -> None:
    made = plan(when={"local": "2026-12-01T09:00"})
    assert begins_at(made, 0) == ms(2026, 11, 30, 19)
    assert due_at(made, "Pacific/Kiritimati", 0) == begins_at(made, 0)
    assert due_at(made, "Europe/Berlin", 0) == ms(2026, 12, 1, 8)
    assert due_at(made, None, 0) == ms(2026, 12, 1, 9)
    assert due_at(made, 42, 0) == due_at(made, "../../etc/passwd", 0) == ms(2026, 12, 1, 9)


def test_the_next_day_may_have_another_offset() -> None:
    made = plan(when={"local": "2026-10-24T09:00", "late": "next_day"})
    assert due_at(made, "Europe/Berlin", ms(2026, 10, 24, 8)) == ms(2026, 10, 25, 8)


@given(st.integers(0, 10**11))
def test_nobody_is_due_before_the_earliest_nor_a_day_and_an_hour_after(late: int) -> None:
    made = plan(when={"local": "2026-03-28T02:30", "late": "next_day"})
    first = due_at(made, "Europe/Berlin", 0)
    due = due_at(made, "Europe/Berlin", first + late)
    assert 0 <= due - (first + late) <= 25 * 3_600_000


@given(st.lists(st.integers(0, 5_000), min_size=1, max_size=60))
def test_a_throttle_is_never_outrun(naps: list[int]) -> None:
    made, pace, now, gone = plan(per_minute=600), Pace(), 10**12, 0
    for nap in naps:
        now += nap
        count = allowed(made, pace, 10**12, now, 500)
        pace = after(made, pace, 10**12, now, count)
        gone += count
    assert gone <= 10 * (now - 10**12) / 1000 + 10  # ten a second, and a second's burst


def test_a_warm_up_doubles() -> None:
    made = plan(ramp={"first_day": 100})
    day = 86_400_000
    assert allowed(made, Pace(), 0, 0, 500) == 100
    assert allowed(made, Pace(0, 0, 100), 0, day - 1, 500) == 0
    assert allowed(made, Pace(0, 0, 100), 0, day, 500) == 200
    assert duration_ms(made, 700, None) == 2 * day


def test_the_slowest_says_how_long_it_takes() -> None:
    assert duration_ms(plan(per_minute=60), 600, 100.0) == 600_000
    assert duration_ms(plan(), 600, 10.0) == 60_000
    assert duration_ms(plan(), 600, None) == 0


def test_what_holds_it_back_is_said() -> None:
    day = 86_400_000
    warm = plan(ramp={"first_day": 1000})
    assert pace_in_words(warm, Pace(0, 1, 40), 0, day + 5) == (
        "Its warm-up lets 2,000 go on day 2, 40 have."
    )
    slow = plan(per_minute=600, when={"local": "2026-12-01T09:00"})
    said = "600 a minute at most; each at 09:00 of their own day, 2026-12-01."
    assert pace_in_words(slow, Pace(), 0, 5) == said
    assert pace_in_words(plan(), Pace(), 0, 5) == ""


def test_a_clear_winner_is_told_from_chance() -> None:
    clear = [Result("a", 1000, 300), Result("b", 1000, 200)]
    close = [Result("a", 100, 21), Result("b", 100, 20)]
    assert best(clear).name == "a"
    assert surely(*clear)
    assert not surely(*close)
    assert "more than chance" in in_words(clear, "opened")
    assert "may be chance" in in_words(close, "opened")
    assert in_words([Result("a", 5, 0), Result("b", 5, 0)], "opened") == "Nobody has opened yet."
    assert not surely(Result("a", 0, 0), Result("b", 5, 5))
    # Of so few a z-test would say so (z = 1.99); one in five is what chance does.
    assert not surely(Result("a", 37, 1), Result("b", 145, 0))
    assert surely(Result("a", 20, 9), Result("b", 20, 1))


@given(st.integers(1, 10_000), st.data())
def test_the_share_lies_in_its_interval(sent: int, data: st.DataObject) -> None:
    result = Result("a", sent, data.draw(st.integers(0, sent)))
    low, high = result.interval
    assert 0 <= low <= result.rate + 1e-9
    assert result.rate - 1e-9 <= high <= 1


def test_a_refusal_says_what_it_is_and_what_it_must_be() -> None:
    with pytest.raises(states.NotNow, match="it is draft: to pause it, it must be choosing people"):
        states.check("pause", states.DRAFT)
