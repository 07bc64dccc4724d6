"""The live faces of the forms: aggregates and changed; `thresholds`, `chains` have others."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cdp.conditions.ast import (
    Aggregate,
    Changed,
    Followed,
    Performed,
    Sequence,
    Since,
    StartOf,
)
from cdp.conditions.forms.aggregates import reduce
from cdp.conditions.live.chains import followed, sequence
from cdp.conditions.live.events import NONE, events_in
from cdp.conditions.live.part import Part
from cdp.conditions.live.subject import (
    TRAITS,
    UNSAID,
    Subject,
)
from cdp.conditions.live.thresholds import at_least
from cdp.conditions.live.windows import span_of, until_of
from cdp.conditions.values import Time, same
from cdp.events import at_path

if TYPE_CHECKING:
    from cdp.conditions.live.compile import Compiler


def compile_form(compiler: Compiler, node: Any) -> Part:
    """A form as a value."""
    made: Part = _FORMS[type(node)](compiler, node)
    return made


def _aggregate(compiler: Compiler, node: Aggregate) -> Part:
    events = events_in(compiler, node.event, node.window)
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
    return at_least(compiler, node.event, node.window, 1)


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
        stream = subject.streams.get(number, NONE)
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
        stream = subject.streams.get(number, NONE)
        return ends(stream, subject, now, *span(stream, subject, now))

    return Part(value, until, frozenset((number,)))


_FORMS: dict[type, Callable[..., Any]] = {
    Aggregate: _aggregate,
    Performed: _performed,
    Followed: followed,
    Sequence: sequence,
    Changed: _changed,
}
