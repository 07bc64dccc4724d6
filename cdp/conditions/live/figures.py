"""Largest, smallest, sum, first and last against a number or a time: value and end at once.

What they are by themselves is in `forms`. Where something is not as usual here, such as an
event that is ahead of now or a value that is no number, the general way is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from math import fsum
from operator import ge, gt, le, lt
from typing import TYPE_CHECKING, Any

from cdp.conditions.ast import Aggregate, Compare, Relative, Value
from cdp.conditions.live.events import Events, events_in
from cdp.conditions.live.part import Part, end_in, look_of
from cdp.conditions.live.subject import Stream, Subject
from cdp.conditions.live.thresholds import length_of
from cdp.conditions.live.windows import NEVER

if TYPE_CHECKING:
    from cdp.conditions.live.compile import Compiler

_OPS: dict[str, Callable[[Any, Any], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}
#: Up to here a number is the same exactly, as a double and as it was written.
_USUAL = 2.0**53


def sharpened(compiler: Compiler, node: Compare, part: Part) -> Part:
    """``part``, which is what ``node`` compiles to, with a faster way where there is one."""
    left, right = node.left, node.right
    if type(left) is not Aggregate or node.op not in _OPS or part.until is None:
        return part
    events = events_in(compiler, left.event, left.window)
    length = length_of(left.window)
    if not events.plain or length is None:
        return part
    op = _OPS[node.op]
    if left.of is None:
        if left.fn in ("first", "last") and left.window is None and type(right) is Relative:
            return _time(events, left.fn == "last", op, right.offset, part)
        return part
    if type(right) is not Value or not _usual(right.value):
        return part
    column = compiler.streams.specs[events.number].column(left.of.parts)
    outermost = ("max",) if op in (gt, ge) else ("min",)
    if left.fn in outermost:
        return _outermost(events.number, column, op, right.value, length, part)
    if left.fn == "sum" and op in (gt, ge):
        return _sum(events.number, column, op, right.value, length, part)
    return part


def _usual(value: Any) -> bool:
    kind = type(value)
    return (kind is float or kind is int) and -_USUAL < value < _USUAL


def _end_of(stream: Stream, place: int, length: int) -> int:
    return min(stream.t[place] + length, NEVER)


def _outermost(
    number: int, column: int, op: Callable[[Any, Any], bool], limit: Any, length: int, part: Part
) -> Part:
    """Whether the largest is above a number, or the smallest below: as one of all is."""
    general = look_of(part)

    def look(subject: Subject, now: int) -> tuple[bool, int]:
        stream = subject.streams.get(number)
        if stream is None or not stream.t:
            return False, NEVER
        t = stream.t
        if t[-1] > now:
            return general(subject, now)
        values, begin, latest = stream.columns[column], now - length, -1
        for place in range(len(t) - 1, -1, -1):
            if t[place] <= begin:
                break
            one = values[place]
            if one is None:
                continue
            if not _usual(one):
                return general(subject, now)
            if latest < 0 and op(one, limit):
                latest = place
        return (False, NEVER) if latest < 0 else (True, _end_of(stream, latest, length))

    def moved(subject: Subject, now: int, number_: int, new: int, due: int) -> bool:
        stream = subject.streams[number]
        t, values, begin = stream.t, stream.columns[column], now - length
        came = len(t) - new
        if t[-1] > now:
            return True
        above = False
        for place in range(len(t) - 1, -1, -1):
            if t[place] <= begin:
                break
            one = values[place]
            if one is None:
                continue
            if not _usual(one):
                return True
            if op(one, limit):
                if place < came:
                    return False  # one was there before
                above = True
        return above

    return part._replace(look=look, until=end_in(look), moved=moved, least={number: 1})


def _sum(
    number: int, column: int, op: Callable[[Any, Any], bool], limit: Any, length: int, part: Part
) -> Part:
    """Whether a sum is above a number: figures are added up exactly only where that matters."""
    general, value = look_of(part), part.value

    def look(subject: Subject, now: int) -> tuple[bool, int]:
        stream = subject.streams.get(number)
        if stream is None or not stream.t or stream.t[-1] > now:
            return general(subject, now)
        t, values, begin, numbers = stream.t, stream.columns[column], now - length, []
        place = len(t)
        while place and t[place - 1] > begin:
            place -= 1
            one = values[place]
            if one is None:
                continue
            if not _usual(one) or one < 0:
                return general(subject, now)
            numbers.append(one)
        total = fsum(numbers)
        if abs(total - limit) > 1e-9 * (total + 1):  # far more than the decimals can differ
            above = bool(op(total, limit))
        else:
            above = value(subject, now)
        if not above:
            return False, NEVER  # what leaves makes it less
        return True, _end_of(stream, place, length) if place < len(t) else NEVER

    needed = part.least if op(0, limit) else {number: 1}
    return part._replace(look=look, until=end_in(look), least=needed)


def _time(
    events: Events, last: bool, op: Callable[[Any, Any], bool], offset: int, part: Part
) -> Part:
    """Whether the first or last of all was before or after a time that goes with the clock."""
    general, number, which = look_of(part), events.number, -1 if last else 0

    def look(subject: Subject, now: int) -> tuple[bool, int]:
        stream = subject.streams.get(number)
        if stream is None or not stream.t:
            return False, NEVER
        t = stream.t
        if t[-1] > now:
            return general(subject, now)
        at = t[which] - offset
        if at < now:
            return bool(op(at, now)), NEVER
        return bool(op(at, now)), at if at > now else at + 1

    rises = part.stirs if (op in (gt, ge)) is last else part.rises
    return part._replace(look=look, until=end_in(look), rises=rises, least={number: 1})
