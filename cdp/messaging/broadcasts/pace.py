"""How many may go now: messages a minute, and a warm-up from day to day."""

from __future__ import annotations

from typing import NamedTuple

from cdp.messaging.broadcasts.plan import Plan

_DAY = 86_400_000
#: What a pause of the mover may be made up for (ms).
_BURST = 1_000


class Pace(NamedTuple):
    """``next_us``: when the next message may go (µs since 1970); ``day``: since the start,
    and how many went on it."""

    next_us: int = 0
    day: int = 0
    today: int = 0


def allowed(plan: Plan, pace: Pace, began: int, now: int, most: int) -> int:
    """How many messages may go at ``now`` (ms), ``most`` at the most."""
    found = most
    if plan.per_minute is not None:
        gap = _gap_us(plan)
        since = max(pace.next_us, now * 1000 - max(_BURST * 1000, gap))
        found = min(found, max(0, (now * 1000 - since) // gap))
    if plan.ramp_first is not None:
        day = (now - began) // _DAY
        gone = pace.today if day == pace.day else 0
        found = min(found, max(0, day_cap(plan, day) - gone))
    return found


def after(plan: Plan, pace: Pace, began: int, now: int, count: int) -> Pace:
    """The pace once ``count`` messages have gone."""
    next_us = pace.next_us
    if plan.per_minute is not None:
        gap = _gap_us(plan)
        next_us = max(next_us, now * 1000 - max(_BURST * 1000, gap)) + count * gap
    day = max(0, (now - began) // _DAY)
    return Pace(next_us, day, (pace.today if day == pace.day else 0) + count)


def day_cap(plan: Plan, day: int) -> int:
    """How many may go on a day of the warm-up."""
    assert plan.ramp_first is not None
    return int(min(plan.ramp_first * plan.ramp_factor ** min(day, 300), 2**53))


def in_words(plan: Plan, pace: Pace, began: int, now: int) -> str:
    """What holds it back at ``now`` (ms), as a sentence; empty: nothing."""
    told = []
    if plan.ramp_first is not None:
        day = max(0, (now - began) // _DAY)
        gone = pace.today if day == pace.day else 0
        told.append(f"its warm-up lets {day_cap(plan, day):,} go on day {day + 1}, {gone:,} have")
    if plan.per_minute is not None:
        told.append(f"{plan.per_minute:,g} a minute at most")
    if plan.local is not None:
        told.append(f"each at {plan.local:%H:%M} of their own day, {plan.local:%Y-%m-%d}")
    text = "; ".join(told)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def duration_ms(plan: Plan, people: int, rate: float | None) -> int:
    """About how long ``people`` messages take; ``rate``: what the provider takes in a second."""
    a_second = [r for r in (rate, (plan.per_minute or 0) / 60 or None) if r]
    ms = int(people / min(a_second) * 1000) if a_second else 0
    if plan.ramp_first is not None:
        left, day = people, 0
        while left > day_cap(plan, day) and day < 3650:
            left -= day_cap(plan, day)
            day += 1
        ms = max(ms, day * _DAY)
    return ms


def _gap_us(plan: Plan) -> int:
    assert plan.per_minute is not None
    return max(1, int(60_000_000 / plan.per_minute))
