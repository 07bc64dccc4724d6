"""The live faces of and, or and not.

Joining: what is false needs only its false parts to change, and the other way round.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cdp.conditions.live.part import NONE, NOTHING, Moved, Part, end_in, look_of, stirred
from cdp.conditions.live.subject import Subject
from cdp.conditions.live.windows import NEVER


def negated(part: Part) -> Part:
    """Whether a part isn't true."""
    get, inner = part.value, look_of(part)

    def look(subject: Subject, now: int) -> tuple[bool, int]:
        value, end = inner(subject, now)
        return value is not True, end

    return Part(
        lambda subject, now: get(subject, now) is not True,
        part.until, part.stirs, part.moved, part.falls, part.rises, NOTHING, look,
    )  # fmt: skip


def joined(parts: Sequence[Part], every: bool) -> Part:
    """Whether ``every`` part is true, or one of them."""
    gets = [part.value for part in parts]

    def both(subject: Subject, now: int) -> bool:
        for get in gets:  # noqa: SIM110 - half the time of all()
            if get(subject, now) is not True:
                return False
        return True

    def either(subject: Subject, now: int) -> bool:
        for get in gets:  # noqa: SIM110 - half the time of any()
            if get(subject, now) is True:
                return True
        return False

    stirs = stirred(parts)
    made = Part(
        both if every else either,
        None,
        stirs,
        unsettled(parts, any_moved(parts), every),
        stirs - NONE.union(*(part.stirs - part.rises for part in parts)),
        stirs - NONE.union(*(part.stirs - part.falls for part in parts)),
        _least(parts, every),
    )
    return made if all(part.until is None for part in parts) else _with_end(made, parts, every)


def _with_end(made: Part, parts: Sequence[Part], every: bool) -> Part:
    fixed = [part.value for part in parts if part.until is None]
    looks = [look_of(part) for part in parts if part.until is not None]
    settled = (not every, NEVER)

    def look(subject: Subject, now: int) -> tuple[bool, int]:
        for get in fixed:
            if (get(subject, now) is True) is not every:
                return settled  # this one alone settles the whole
        soonest, latest = NEVER, 0
        for part in looks:
            value, end = part(subject, now)
            if (value is True) is not every:
                if end == NEVER:
                    return settled
                if end > latest:
                    latest = end
            elif end < soonest:
                soonest = end
        return (not every, latest) if latest else (every, soonest)

    return made._replace(until=end_in(look), look=look)


def _least(parts: Sequence[Part], every: bool) -> Mapping[int, int]:
    """How many events of each stream all parts together, or the easiest of them, need."""
    if every:
        found: dict[int, int] = {}
        for part in parts:
            for number, least in part.least.items():
                found[number] = max(least, found.get(number, 0))
        return found
    common = set(parts[0].least).intersection(*(part.least for part in parts)) if parts else ()
    return {number: min(part.least[number] for part in parts) for number in common}


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
