"""The live faces of what asks for an order of events: followed, and sequences."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cdp.conditions.ast import Followed, Sequence
from cdp.conditions.live.events import NONE, Events, events_in
from cdp.conditions.live.part import Look, Part, end_in
from cdp.conditions.live.subject import Stream, Subject
from cdp.conditions.live.thresholds import length_of
from cdp.conditions.live.windows import NEVER

if TYPE_CHECKING:
    from cdp.conditions.live.compile import Compiler


def followed(compiler: Compiler, node: Followed) -> Part:
    events = events_in(compiler, node.event, None)
    starts = events_in(compiler, node.after, node.window)
    streams = frozenset((events.number, starts.number))
    ms, plain = node.ms, events.plain and starts.plain
    if node.negated:
        return _not_followed(events, starts, ms, streams, length_of(node.window))

    def value(subject: Subject, now: int) -> bool:
        follows = _following_of(events, subject, now)
        after, places = starts.at(subject, now)
        return any(follows(after.t[i], after.seq[i], ms) for i in places)

    def until(subject: Subject, now: int) -> int:
        if plain and not value(subject, now):
            return min(events.coming(subject, now), starts.coming(subject, now))
        return min(events.until(subject, now), starts.until(subject, now))

    # Nothing has followed yet what came last of all.
    stirs = frozenset((events.number,)) if plain else streams
    return Part(value, until, stirs, rises=stirs, least=dict.fromkeys(streams, 1))


def _not_followed(
    events: Events, starts: Events, ms: int, streams: frozenset[int], length: int | None
) -> Part:
    """Whether after any start the time was over without one of ``events``.

    ``length`` is the window's that starts are in, where it ends now.
    """
    plain = events.plain and starts.plain

    def over(stream: Stream, places: Any, now: int) -> int:
        """How many of some starts, in order, are so long ago that their time is over."""
        found: int = bisect_right(places, now - ms, key=stream.t.__getitem__)
        return found

    def value(subject: Subject, now: int) -> bool:
        after, places = starts.at(subject, now)
        old = places[: over(after, places, now)]
        if not old:
            return False
        follows = _following_of(events, subject, now)
        return any(not follows(after.t[i], after.seq[i], ms) for i in old)

    def until(subject: Subject, now: int) -> int:
        first = min(events.until(subject, now), starts.until(subject, now))
        after, places = starts.at(subject, now)
        follows = _following_of(events, subject, now)
        for index in places[over(after, places, now) :]:
            t: int = after.t[index]
            if not follows(t, after.seq[index], ms):
                return min(first, t + ms)
        return first

    least = {starts.number: 1}
    if events.number == starts.number:
        return Part(value, until, streams, least=least)
    rises, falls = frozenset((starts.number,)), frozenset((events.number,))
    if not plain:
        return Part(value, until, streams, None, rises, falls, least)

    def moved(subject: Subject, now: int, number: int, new: int, due: int) -> bool:
        if number != starts.number:
            after = subject.streams.get(starts.number, NONE).t
            begun = bisect_right(after, now - ms)
            # Does the first of those that came follow a start whose time is over?
            return begun > 0 and after[begun - 1] >= subject.streams[number].t[-new] - ms
        soonest = subject.streams[number].t[-new] + ms
        return soonest <= now or soonest < due

    if length is None:
        return Part(value, until, streams, moved, rises, falls, least)

    def look(subject: Subject, now: int) -> tuple[bool, int]:
        stream = subject.streams.get(starts.number)
        if stream is None or not stream.t:
            return False, NEVER
        others = subject.streams.get(events.number, NONE)
        t, seq, of_others = stream.t, stream.seq, others.t
        if t[-1] > now or (of_others and of_others[-1] > now):
            return value(subject, now), until(subject, now)
        last = of_others[-1] if of_others else -NEVER
        follows = _following_of(events, subject, now) if last >= t[0] else None
        end, over, begin = NEVER, now - ms, now - length
        for place in range(len(t) - 1, -1, -1):
            at = t[place]
            if at <= begin:
                break
            if follows is not None and last >= at and follows(at, seq[place], ms):
                continue
            if at <= over:  # the last of those that were not followed
                return True, min(at + length, NEVER)
            end = at + ms
        return False, end

    return Part(value, end_in(look), streams, moved, rises, falls, least, look)


def _following_of(events: Events, subject: Subject, now: int) -> Callable[[int, int, int], bool]:
    """Whether one of ``events`` follows a time and position within some ms."""
    stream, positions = events.at(subject, now)
    if not positions:
        return lambda t, seq, ms: False
    times, seqs = stream.t, stream.seq
    if type(positions) is not range:
        times, seqs = [times[i] for i in positions], [seqs[i] for i in positions]
    end = len(positions)

    def follows(t: int, seq: int, ms: int) -> bool:
        # The first that comes later is the soonest; its position decides within a ms.
        place = bisect_right(times, t, 0, end)
        same = bisect_left(times, t, 0, place)
        place = bisect_right(seqs, seq, same, place)
        return place < end and times[place] - t <= ms

    return follows


def sequence(compiler: Compiler, node: Sequence) -> Part:
    steps = [(events_in(compiler, step.event, node.window), step.within) for step in node.steps]

    def value(subject: Subject, now: int) -> bool:
        """After each step the latest chain is enough without limits; with one all are kept."""
        ends: list[tuple[int, int]] | None = None
        for events, within in steps:
            stream, positions = events.at(subject, now)
            here = [(stream.t[i], stream.seq[i]) for i in positions]
            if ends is not None:
                here = _following(here, ends, within)
            if not here:
                return False
            ends = here
        return True

    plain = all(events.plain for events, _ in steps)

    def both(subject: Subject, now: int) -> tuple[bool, int]:
        found = value(subject, now)
        if plain and not found:  # events that go complete nothing
            return False, min([events.coming(subject, now) for events, _ in steps])
        return found, min([events.until(subject, now) for events, _ in steps])

    look: Look = both
    least = dict.fromkeys((events.number for events, _ in steps), 1)
    if not plain:
        every = frozenset(least)
        return Part(value, end_in(look), every, rises=every, least=least, look=look)
    # What comes last of all can only be the last step, after what was there before.
    (before, _), (last, within) = steps[-2], steps[-1]

    def moved(subject: Subject, now: int, number: int, new: int, due: int) -> bool:
        earlier = subject.streams.get(before.number)
        if earlier is None:
            return False
        if within is None or before.number == number:
            return True
        times = earlier.t
        for t in subject.streams[number].t[-new:]:
            place = bisect_right(times, t)
            # The latest of those before is the nearest to all that came.
            if place and t - times[place - 1] <= within:
                return True
        return False

    length = length_of(node.window)
    if len(steps) == 2 and length is not None:
        look = _pair(before.number, last.number, within, length, look)
    stirs = frozenset((last.number,))
    return Part(value, end_in(look), stirs, moved, rises=stirs, least=least, look=look)


def _pair(first: int, second: int, within: int | None, length: int, general: Look) -> Look:
    """Value and end of a sequence of two steps: the latest second that has a first is enough."""

    def look(subject: Subject, now: int) -> tuple[bool, int]:
        one, other = subject.streams.get(first), subject.streams.get(second)
        if one is None or other is None or not one.t or not other.t:
            return False, NEVER
        before, after, begin = one.t, other.t, now - length
        if before[-1] > now or after[-1] > now:
            return general(subject, now)
        for place in range(len(after) - 1, -1, -1):
            t = after[place]
            nearest = bisect_right(before, t) - 1
            while nearest >= 0 and before[nearest] == t and one.seq[nearest] >= other.seq[place]:
                nearest -= 1
            if nearest < 0 or before[nearest] <= begin:
                break  # those before it have none, either
            since = before[nearest]
            if within is None or t - since <= within:
                return True, min(since + length, NEVER)
        return False, NEVER

    return look


def _following(
    here: list[tuple[int, int]], ends: list[tuple[int, int]], within: int | None
) -> list[tuple[int, int]]:
    """Those of ``here`` that come after one of ``ends`` in time; both are in order.

    The nearest end before it is the one that a limit is kept by, if by any.
    """
    found = []
    place = 0
    for item in here:
        while place < len(ends) and ends[place] < item:
            place += 1
        if place and (within is None or item[0] - ends[place - 1][0] <= within):
            found.append(item)
    return found
