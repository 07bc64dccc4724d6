"""The events of a reference inside of a window, as the forms look at them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from cdp.conditions.ast import Between, EventRef, Since, StartOf, Window
from cdp.conditions.live.part import Until
from cdp.conditions.live.subject import Stream, Subject, body_of, paths_of, split_where
from cdp.conditions.live.windows import NEVER, span_of, until_of

if TYPE_CHECKING:
    from cdp.conditions.live.compile import Compiler

#: The stream of somebody without such events.
NONE = Stream(0)


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


def events_in(compiler: Compiler, ref: EventRef, window: Window | None) -> Events:
    fixed, rest = split_where(ref)
    number = compiler.streams.number(ref.name, fixed)
    compiler.used.add(number)
    if isinstance(window, Since) and isinstance(window.start, StartOf):
        compiler.part(window.start)  # it may read the person's time zone
    span, ends = span_of(window), until_of(window)

    def until(subject: Subject, now: int) -> int:
        stream = subject.streams.get(number, NONE)
        return ends(stream, subject, now, *span(stream, subject, now))

    def whole(subject: Subject, now: int) -> tuple[Stream, range]:
        stream = subject.streams.get(number, NONE)
        return stream, range(*span(stream, subject, now))

    def coming(subject: Subject, now: int) -> int:
        t = subject.streams.get(number, NONE).t
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
