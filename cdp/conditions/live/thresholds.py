"""How many there are, and how much: what changes only where a number is passed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from math import ceil, floor
from typing import TYPE_CHECKING

from cdp.conditions.ast import Aggregate, Compare, EventRef, Relative, Since, Value, Window, Within
from cdp.conditions.live.events import NONE, Events, events_in
from cdp.conditions.live.part import NONE as NO_STREAM
from cdp.conditions.live.part import NOTHING, Look, Part, end_in
from cdp.conditions.live.subject import Subject
from cdp.conditions.live.windows import NEVER, begin_in, leaving

if TYPE_CHECKING:
    from cdp.conditions.live.compile import Compiler


def compile_threshold(compiler: Compiler, node: Compare) -> Part | None:
    """``count(…) >= 3`` and the like: what changes only at one number; None of others."""
    left, right = node.left, node.right
    if not (isinstance(left, Aggregate) and left.fn == "count" and left.of is None):
        return None
    if not isinstance(right, Value) or node.op in ("=", "!="):
        return None
    number = right.value
    if isinstance(number, bool) or not isinstance(number, int | float):
        return None
    least = ceil(number) if node.op in (">=", "<") else floor(number) + 1
    return at_least(compiler, left.event, left.window, least, node.op in ("<", "<="))


def at_least(
    compiler: Compiler, ref: EventRef, window: Window | None, least: int, negated: bool = False
) -> Part:
    """Whether there are ``least`` events or more; ``negated``: whether there aren't."""
    events = events_in(compiler, ref, window)
    at, wanted, stirs = events.at, not negated, frozenset((events.number,))
    if events.plain and least <= 0:
        return Part(lambda subject, now: wanted)
    rises, falls = (NO_STREAM, stirs) if negated else (stirs, NO_STREAM)
    needed = NOTHING if negated or least <= 0 else {events.number: least}
    if not events.plain:
        return Part(
            lambda subject, now: (len(at(subject, now)[1]) >= least) is wanted,
            events.until, stirs, None, rises, falls, needed,
        )  # fmt: skip
    number, begin, leaves, general = events.number, begin_in(window), leaving(window), events.until
    # The window ends now: whether there are enough is said by the last but ``least`` alone.

    def enough(subject: Subject, now: int) -> bool:
        t = subject.streams.get(number, NONE).t
        at = _end(t, now) - least
        return (at >= 0 and t[at] >= begin(subject, now)) is wanted

    def until(subject: Subject, now: int) -> int:
        stream = subject.streams.get(number, NONE)
        t = stream.t
        if t and t[-1] > now:  # some are still to come in
            return general(subject, now)
        at = len(t) - least
        if at < 0 or t[at] < begin(subject, now):
            return NEVER
        return leaves(stream, subject, now, at)

    def moved(subject: Subject, now: int, number_: int, new: int, due: int) -> bool:
        t = subject.streams.get(number, NONE).t
        at = _end(t, now) - least
        if at < 0:
            return False
        first = begin(subject, now)
        return t[at] >= first and (at < new or t[at - new] < first)

    look = _look_for(events, length_of(window), least, wanted, enough)
    ends = until if look is None else end_in(look)
    return Part(enough, ends, stirs, moved, rises, falls, needed, look)


def length_of(window: Window | None) -> int | None:
    """The length of a window that ends now and begins so long ago; None of others."""
    if window is None:
        return NEVER
    if isinstance(window, Within):
        return window.ms
    if isinstance(window, Since) and isinstance(window.start, Relative):
        return 1 - window.start.offset
    return None


def _look_for(
    events: Events,
    length: int | None,
    least: int,
    wanted: bool,
    enough: Callable[[Subject, int], bool],
) -> Look | None:
    if length is None:
        return None
    number, general, ms = events.number, events.until, length
    outside, for_ever = (not wanted, NEVER), (wanted, NEVER)

    def look(subject: Subject, now: int) -> tuple[bool, int]:
        stream = subject.streams.get(number)
        if stream is None:
            return outside
        t = stream.t
        at = len(t) - least
        if at < 0:
            return outside
        if t[-1] > now:  # some are still to come in
            return enough(subject, now), general(subject, now)
        end = t[at] + ms
        if end >= NEVER:
            return for_ever
        return (wanted, end) if end > now else outside

    return look


def _end(t: list[int], now: int) -> int:
    """How many are not ahead of now."""
    return len(t) if not t or t[-1] <= now else bisect_right(t, now)
