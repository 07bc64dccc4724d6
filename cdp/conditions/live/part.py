"""What a node compiles to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from cdp.conditions.live.subject import Subject

Get = Callable[[Subject, int], Any]
Until = Callable[[Subject, int], int]


#: Whether an event that came last of all may have changed a value, or made it change sooner
#: than it is looked at anyway: (subject, now, stream, how many came, due).
Moved = Callable[[Subject, int, int, int, int], bool]
NONE: frozenset[int] = frozenset()


class Part(NamedTuple):
    """A compiled node; ``until`` is None where time alone never changes it.

    ``stirs`` are the streams of which an event that comes last of all can matter; where
    ``moved`` is None it always does.
    """

    value: Get
    until: Until | None = None
    stirs: frozenset[int] = NONE
    moved: Moved | None = None


def stirred(parts: Iterable[Part]) -> frozenset[int]:
    """The streams that stir any of some parts."""
    return NONE.union(*(part.stirs for part in parts))


def any_moved(parts: Iterable[Part]) -> Moved | None:
    """Whether any of some parts has moved; None where that is not worth asking."""
    stirring = [part for part in parts if part.stirs]
    if all(part.moved is None for part in stirring):
        return None
    always = NONE.union(*(part.stirs for part in stirring if part.moved is None))
    asked = [(part.stirs, part.moved) for part in stirring if part.moved is not None]
    if len(asked) == 1 and not always:
        return asked[0][1]

    def moved(subject: Subject, now: int, number: int, new: int, due: int) -> bool:
        if number in always:
            return True
        for stirs, has in asked:  # noqa: SIM110 - half the time of any()
            if number in stirs and has(subject, now, number, new, due):
                return True
        return False

    return moved


def unsettled(parts: Iterable[Part], moved: Moved | None, every: bool) -> Moved | None:
    """``moved`` of parts that are joined, by which nothing moves that one part alone settles.

    A part that neither events nor time can change settles all while it is false, where
    ``every`` one is needed, or while it is true, where one is enough.
    """
    fixed = [part.value for part in parts if part.until is None and not part.stirs]
    if moved is None or not fixed:
        return moved
    has_moved = moved

    def still_moved(subject: Subject, now: int, number: int, new: int, due: int) -> bool:
        for get in fixed:
            if (get(subject, now) is True) is not every:
                return False
        return has_moved(subject, now, number, new, due)

    return still_moved


def sooner(one: Until | None, other: Until | None) -> Until | None:
    """The sooner of two instants."""
    if one is None or other is None:
        return other if one is None else one
    first, second = one, other
    return lambda subject, now: min(first(subject, now), second(subject, now))
