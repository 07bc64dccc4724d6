"""The live faces of the forms: aggregates, performed, followed, sequences, changed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from math import ceil, floor
from typing import TYPE_CHECKING, Any, NamedTuple

from cdp.conditions.ast import (
    Aggregate,
    Between,
    Changed,
    Compare,
    EventRef,
    Followed,
    Performed,
    Sequence,
    Since,
    StartOf,
    Value,
    Window,
)
from cdp.conditions.forms.aggregates import reduce
from cdp.conditions.live.part import Part, Until
from cdp.conditions.live.subject import (
    TRAITS,
    UNSAID,
    Stream,
    Subject,
    body_of,
    paths_of,
    split_where,
)
from cdp.conditions.live.windows import NEVER, begin_in, leaving, span_of, until_of
from cdp.conditions.values import Time, same
from cdp.events import at_path

if TYPE_CHECKING:
    from cdp.conditions.live.compile import Compiler

_NONE = Stream(0)


class Events(NamedTuple):
    """The events of a reference inside of a window.

    ``at(subject, now)`` gives the stream and the positions that count, in order;
    ``coming`` when the next event comes that is ahead of now. ``plain``: all events of the
    stream count that lie in the window, and come into it at once.
    """

    number: int
    at: Callable[[Subject, int], tuple[Stream, Any]]
    until: Until
    coming: Until
    plain: bool


def _events(compiler: Compiler, ref: EventRef, window: Window | None) -> Events:
    fixed, rest = split_where(ref)
    number = compiler.streams.number(ref.name, fixed)
    compiler.used.add(number)
    if isinstance(window, Since) and isinstance(window.start, StartOf):
        compiler.part(window.start)  # it may read the person's time zone
    span, ends = span_of(window), until_of(window)

    def until(subject: Subject, now: int) -> int:
        stream = subject.streams.get(number, _NONE)
        return ends(stream, subject, now, *span(stream, subject, now))

    def whole(subject: Subject, now: int) -> tuple[Stream, range]:
        stream = subject.streams.get(number, _NONE)
        return stream, range(*span(stream, subject, now))

    def coming(subject: Subject, now: int) -> int:
        t = subject.streams.get(number, _NONE).t
        return t[bisect_right(t, now)] if t and t[-1] > now else NEVER

    at_once = not isinstance(window, Between)
    if rest is None:
        return Events(number, whole, until, coming, at_once)

    spec = compiler.streams.specs[number]
    paths = sorted(paths_of(rest), key=len)
    columns = [spec.column(path) for path in paths]
    outer, compiler.in_where = compiler.in_where, True
    where = compiler.part(rest)
    compiler.in_where = outer
    holds, where_until = where.value, where.until

    def looked_at(stream: Stream, index: int, subject: Subject) -> None:
        values = (stream.columns[column][index] for column in columns)
        subject.message = body_of(zip(paths, values, strict=True))

    def some(subject: Subject, now: int) -> tuple[Stream, list[int]]:
        stream, positions = whole(subject, now)
        before = subject.message
        found = []
        for index in positions:
            looked_at(stream, index, subject)
            if holds(subject, now) is True:
                found.append(index)
        subject.message = before
        return stream, found

    def until_some(subject: Subject, now: int) -> int:
        first = until(subject, now)
        if where_until is None:
            return first
        stream, positions = whole(subject, now)
        before = subject.message
        for index in positions:
            looked_at(stream, index, subject)
            first = min(first, where_until(subject, now))
        subject.message = before
        return first

    return Events(number, some, until_some, coming, False)


def compile_form(compiler: Compiler, node: Any) -> Part:
    """A form as a value."""
    made: Part = _FORMS[type(node)](compiler, node)
    return made


def _aggregate(compiler: Compiler, node: Aggregate) -> Part:
    events = _events(compiler, node.event, node.window)
    at, fn, stirs = events.at, node.fn, frozenset((events.number,))
    if fn == "count":
        return Part(lambda subject, now: len(at(subject, now)[1]), events.until, stirs)
    if node.of is None:
        last = fn == "last"

        def when(subject: Subject, now: int) -> Time | None:
            stream, positions = at(subject, now)
            return Time(stream.t[positions[-1 if last else 0]]) if positions else None

        return Part(when, events.until, stirs)
    column = compiler.streams.specs[events.number].column(node.of.parts)

    def figure(subject: Subject, now: int) -> Any:
        stream, positions = at(subject, now)
        if not stream.columns:
            return reduce(fn, [])
        values = stream.columns[column]
        if type(positions) is range:
            found: list[Any] = values[positions.start : positions.stop]
        else:
            found = [values[index] for index in positions]
        return reduce(fn, [value for value in found if value is not None])

    return Part(figure, events.until, stirs)


def _performed(compiler: Compiler, node: Performed) -> Part:
    return _at_least(compiler, node.event, node.window, 1)


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
    return _at_least(compiler, left.event, left.window, least, node.op in ("<", "<="))


def _at_least(
    compiler: Compiler, ref: EventRef, window: Window | None, least: int, negated: bool = False
) -> Part:
    """Whether there are ``least`` events or more; ``negated``: whether there aren't."""
    events = _events(compiler, ref, window)
    at, wanted, stirs = events.at, not negated, frozenset((events.number,))
    if not events.plain:
        return Part(
            lambda subject, now: (len(at(subject, now)[1]) >= least) is wanted, events.until, stirs
        )
    if least <= 0:
        return Part(lambda subject, now: wanted)
    number, begin, leaves, general = events.number, begin_in(window), leaving(window), events.until
    # The window ends now: whether there are enough is said by the last but ``least`` alone.

    def enough(subject: Subject, now: int) -> bool:
        t = subject.streams.get(number, _NONE).t
        at = _end(t, now) - least
        return (at >= 0 and t[at] >= begin(subject, now)) is wanted

    def until(subject: Subject, now: int) -> int:
        stream = subject.streams.get(number, _NONE)
        t = stream.t
        if t and t[-1] > now:  # some are still to come in
            return general(subject, now)
        at = len(t) - least
        if at < 0 or t[at] < begin(subject, now):
            return NEVER
        return leaves(stream, subject, now, at)

    def moved(subject: Subject, now: int, number_: int, new: int, due: int) -> bool:
        t = subject.streams.get(number, _NONE).t
        at = _end(t, now) - least
        if at < 0:
            return False
        first = begin(subject, now)
        return t[at] >= first and (at < new or t[at - new] < first)

    return Part(enough, until, stirs, moved)


def _end(t: list[int], now: int) -> int:
    """How many are not ahead of now."""
    return len(t) if not t or t[-1] <= now else bisect_right(t, now)


def _followed(compiler: Compiler, node: Followed) -> Part:
    events, starts = (
        _events(compiler, node.event, None),
        _events(compiler, node.after, node.window),
    )
    ms, negated = node.ms, node.negated

    def each(subject: Subject, now: int) -> list[tuple[int, bool]]:
        """Of each start its time, and whether it was followed."""
        after, places = starts.at(subject, now)
        stream, positions = events.at(subject, now)
        times = [(stream.t[i], stream.seq[i]) for i in positions]
        found = []
        for index in places:
            t = after.t[index]
            # The first that comes later is the soonest; its position decides within a ms.
            place = bisect_right(times, (t, after.seq[index]))
            found.append((t, place < len(times) and times[place][0] - t <= ms))
        return found

    def value(subject: Subject, now: int) -> bool:
        if negated:
            return any(not followed and now >= t + ms for t, followed in each(subject, now))
        return any(followed for _, followed in each(subject, now))

    plain = events.plain and starts.plain

    def until(subject: Subject, now: int) -> int:
        if plain and not negated and not value(subject, now):
            return min(events.coming(subject, now), starts.coming(subject, now))
        first = min(events.until(subject, now), starts.until(subject, now))
        if negated:
            for t, followed in each(subject, now):
                if not followed and now < t + ms < first:
                    first = t + ms
        return first

    if not negated:  # nothing has followed yet what came last of all
        first = () if plain else (starts.number,)
        return Part(value, until, frozenset((events.number, *first)))
    if not plain or events.number == starts.number:
        return Part(value, until, frozenset((events.number, starts.number)))

    def moved(subject: Subject, now: int, number: int, new: int, due: int) -> bool:
        if number != starts.number:
            return True
        over = subject.streams[number].t[-new] + ms
        return over <= now or over < due

    return Part(value, until, frozenset((events.number, starts.number)), moved)


def _sequence(compiler: Compiler, node: Sequence) -> Part:
    steps = [(_events(compiler, step.event, node.window), step.within) for step in node.steps]

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

    def until(subject: Subject, now: int) -> int:
        if plain and not value(subject, now):  # events that go complete nothing
            return min(events.coming(subject, now) for events, _ in steps)
        return min(events.until(subject, now) for events, _ in steps)

    if not plain:
        return Part(value, until, frozenset(events.number for events, _ in steps))
    # What comes last of all can only be the last step, after what was there before.
    (before, _), (last, within) = steps[-2], steps[-1]

    def moved(subject: Subject, now: int, number: int, new: int, due: int) -> bool:
        earlier = subject.streams.get(before.number)
        if earlier is None:
            return False
        if within is None or before.number == number:
            return True
        came = subject.streams[number].t
        # The latest of those before is the nearest to all that came.
        return any(
            place and t - earlier.t[place - 1] <= within
            for t in came[-new:]
            for place in (bisect_right(earlier.t, t),)
        )

    return Part(value, until, frozenset((last.number,)), moved)


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


def _changed(compiler: Compiler, node: Changed) -> Part:
    parts = node.path.parts[1:] if node.path.parts[0] == "person" else node.path.parts
    number = compiler.streams.number(TRAITS, None)
    compiler.used.add(number)
    spec = compiler.streams.specs[number]
    known = spec.column(parts[:2])
    path = parts[2:]
    if isinstance(node.window, Since) and isinstance(node.window.start, StartOf):
        compiler.part(node.window.start)
    span, ends = span_of(node.window), until_of(node.window)
    before, after = node.before, node.after

    def value(subject: Subject, now: int) -> bool:
        stream = subject.streams.get(number, _NONE)
        if not stream.columns:
            return False
        low, high = span(stream, subject, now)
        old: Any = None
        for index in range(high):
            said = stream.columns[known][index]
            if said is UNSAID:
                continue
            new = at_path(said, path)
            if (
                index >= low
                and not same(old, new)
                and (before is None or same(old, before.value))
                and (after is None or same(new, after.value))
            ):
                return True
            old = new
        return False

    def until(subject: Subject, now: int) -> int:
        stream = subject.streams.get(number, _NONE)
        return ends(stream, subject, now, *span(stream, subject, now))

    return Part(value, until, frozenset((number,)))


_FORMS: dict[type, Callable[..., Any]] = {
    Aggregate: _aggregate,
    Performed: _performed,
    Followed: _followed,
    Sequence: _sequence,
    Changed: _changed,
}
