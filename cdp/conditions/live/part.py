"""What a node compiles to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from cdp.conditions.live.subject import Subject
from cdp.conditions.live.windows import NEVER

Get = Callable[[Subject, int], Any]
Until = Callable[[Subject, int], int]
Look = Callable[[Subject, int], tuple[Any, int]]


#: Whether an event that came last of all may have changed a value, or made it change sooner
#: than it is looked at anyway: (subject, now, stream, how many came, due).
Moved = Callable[[Subject, int, int, int, int], bool]
NONE: frozenset[int] = frozenset()
NOTHING: Mapping[int, int] = MappingProxyType({})


class Part(NamedTuple):
    """A compiled node; ``until`` is None where time alone never changes it.

    ``stirs`` are the streams of which an event that comes last of all can matter; where
    ``moved`` is None it always does. ``rises`` are those of them whose events can only make
    it true, or true for longer; ``falls`` those whose events can only make it false.
    ``least`` says how many events of some streams there must be before it can be true.
    ``look`` gives the value and the end of it at once, if that is less work.
    """

    value: Get
    until: Until | None = None
    stirs: frozenset[int] = NONE
    moved: Moved | None = None
    rises: frozenset[int] = NONE
    falls: frozenset[int] = NONE
    least: Mapping[int, int] = NOTHING
    look: Look | None = None


def look_of(part: Part) -> Look:
    """Value and end at once, of any part."""
    if part.look is not None:
        return part.look
    value, until = part.value, part.until
    if until is None:
        return lambda subject, now: (value(subject, now), NEVER)
    ends = until
    return lambda subject, now: (value(subject, now), ends(subject, now))


def end_in(look: Look) -> Until:
    """The end alone of a look."""
    return lambda subject, now: look(subject, now)[1]


def stirred(parts: Iterable[Part]) -> frozenset[int]:
    """The streams that stir any of some parts."""
    return NONE.union(*(part.stirs for part in parts))


def sooner(one: Until | None, other: Until | None) -> Until | None:
    """The sooner of two instants."""
    if one is None or other is None:
        return other if one is None else one
    first, second = one, other
    return lambda subject, now: min(first(subject, now), second(subject, now))
