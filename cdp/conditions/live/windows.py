"""Windows over a stream: what is inside now, and when that will change by itself."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from cdp.conditions.ast import Between, Instant, Relative, Since, StartOf, Window, Within
from cdp.conditions.forms.times import QUARTER, start_of, zone_called
from cdp.conditions.live.subject import Stream, Subject

#: Later than any instant: what time alone never changes.
NEVER = 2**62
#: Where a window begins and ends in a stream now: positions, the end not included.
Span = Callable[[Stream, Subject, int], tuple[int, int]]
#: The first instant after now at which a window's content changes by itself.
Until = Callable[[Stream, Subject, int, int, int], int]


def zone_of(node: StartOf) -> Callable[[Subject], ZoneInfo | None]:
    """The time zone that a node means for a person."""
    if node.zone == "person":
        return lambda subject: zone_called(subject.traits.get("timezone"))
    zone = zone_called(node.zone)
    return lambda subject: zone


def begin_of(node: StartOf) -> Callable[[Subject, int], int]:
    """When the running unit began."""
    unit, zone = node.unit, zone_of(node)
    return lambda subject, now: start_of(unit, zone(subject), now)


def next_begin(node: StartOf) -> Callable[[Subject, int], int]:
    """When the next unit begins, or some instant before it."""
    unit, zone = node.unit, zone_of(node)
    return lambda subject, now: next_start(unit, zone(subject), now)


def next_start(unit: str, zone: ZoneInfo | None, now: int) -> int:
    """The first instant after now at which `start_of` can differ."""
    if unit == "hour":
        return now - now % QUARTER + QUARTER
    here = datetime.fromtimestamp(start_of(unit, zone, now) // 1000, UTC).astimezone(zone or UTC)
    begin = here.replace(hour=0, minute=0, second=0, fold=0)
    if unit == "month":
        begin = _months_later(begin, 1)
    elif unit == "quarter":
        begin = _months_later(begin, 3)
    elif unit == "year":
        begin = begin.replace(year=begin.year + 1)
    else:
        begin += timedelta(days=7 if unit == "week" else 1)
    found = int(begin.timestamp()) * 1000
    # Clocks that are put back or forth at midnight: look again soon rather than late.
    return found if found > now else now - now % QUARTER + QUARTER


def _months_later(day: datetime, n: int) -> datetime:
    month = day.month - 1 + n
    return day.replace(year=day.year + month // 12, month=month % 12 + 1)


def span_of(window: Window | None) -> Span:
    """Where a window lies in a stream."""
    if window is None:
        return lambda stream, subject, now: (0, bisect_right(stream.t, now))
    if isinstance(window, Within):
        ms = window.ms

        def within(stream: Stream, subject: Subject, now: int) -> tuple[int, int]:
            t = stream.t
            return bisect_right(t, now - ms), bisect_right(t, now)

        return within
    if isinstance(window, Between):
        older, newer = window.older, window.newer

        def between(stream: Stream, subject: Subject, now: int) -> tuple[int, int]:
            t = stream.t
            return bisect_right(t, now - older), bisect_right(t, now - newer)

        return between
    start = _start_of_since(window)

    def since(stream: Stream, subject: Subject, now: int) -> tuple[int, int]:
        t = stream.t
        end = bisect_right(t, now)
        return min(bisect_left(t, start(subject, now)), end), end

    return since


def begin_in(window: Window | None) -> Callable[[Subject, int], int]:
    """The earliest instant that a window up to now holds."""
    if window is None:
        return lambda subject, now: -NEVER
    if isinstance(window, Within):
        ms = window.ms
        return lambda subject, now: now - ms + 1
    assert isinstance(window, Since)
    return _start_of_since(window)


def _start_of_since(window: Since) -> Callable[[Subject, int], int]:
    start: Any = window.start
    if isinstance(start, Instant):
        at = start.at
        return lambda subject, now: at
    if isinstance(start, Relative):
        offset = start.offset
        return lambda subject, now: now + offset
    return begin_of(start)


def until_of(window: Window | None) -> Until:
    """When what a window holds, its span given, changes by itself: first coming, or leaving."""
    leaves, enters = leaving(window), _entering(window)

    def until(stream: Stream, subject: Subject, now: int, low: int, high: int) -> int:
        first = enters(stream, high)
        if low < high:
            first = min(first, leaves(stream, subject, now, low))
        return first

    return until


def leaving(window: Window | None) -> Callable[[Stream, Subject, int, int], int]:
    """When the event at a position inside of the window leaves it, or some instant before."""
    if isinstance(window, Within):
        ms = window.ms
        return lambda stream, subject, now, at: stream.t[at] + ms
    if isinstance(window, Between):
        older = window.older
        return lambda stream, subject, now, at: stream.t[at] + older
    if isinstance(window, Since) and isinstance(window.start, Relative):
        offset = window.start.offset
        return lambda stream, subject, now, at: stream.t[at] - offset + 1
    if isinstance(window, Since) and isinstance(window.start, StartOf):
        following = next_begin(window.start)
        return lambda stream, subject, now, at: following(subject, now)
    return lambda stream, subject, now, at: NEVER


def _entering(window: Window | None) -> Callable[[Stream, int], int]:
    """When the next event, the first after the span, comes in: it is ahead of now."""
    newer = window.newer if isinstance(window, Between) else 0

    def enters(stream: Stream, high: int) -> int:
        return stream.t[high] + newer if high < len(stream.t) else NEVER

    return enters
