"""One event after another: those of everybody who could have them are put in order in memory."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence as Items
from functools import partial
from typing import Any

from sqlalchemy import select

from cdp.conditions.ast import Followed, Sequence
from cdp.conditions.sql.events import Rows
from cdp.conditions.sql.gather import SEQ_BITS, Gather, Test
from cdp.conditions.sql.known import Known
from cdp.conditions.sql.people import People
from cdp.conditions.sql.sides import Found, Side, exactly
from cdp.conditions.sql.state import SOME


class Chained(People):
    """`People` with a `Gather`, for what follows what."""

    def __init__(self, known: Known, now: int, gather: Gather) -> None:
        # Shared in any case: to find it out again takes longer than to list it.
        super().__init__(known, now, shared=True)
        self._gather = gather

    def _listed(self, ids: Any, weight: int) -> Side:
        return Side(False, select(ids.cte().c.profile), weight=weight)

    def _followed(self, item: Followed) -> Found:
        steps = self._events.in_turn(item)
        if item.negated:
            found = self._tested(steps, 1, partial(_some_was_not, item.ms))
        else:
            found = self._tested(steps, 2, partial(_some_was, item.ms))
        return found or super()._followed(item)

    def _sequence(self, item: Sequence) -> Found:
        steps = self._events.in_turn(item)
        waits = [step.within for step in item.steps[1:]]
        return self._tested(steps, len(steps), partial(_in_turn, waits)) or super()._sequence(item)

    def _tested(self, steps: list[Rows], needed: int, test: Test) -> Found | None:
        if any(rows.sure is not None for rows in steps):
            return None
        ids = self._gather.chained([rows.pieces for rows in steps], needed, test)
        return None if ids is None else exactly(self._listed(ids, SOME))


def _some_was(ms: int, steps: Items[list[int]]) -> bool:
    """Whether some of the first events was followed by one of the second within ``ms``."""
    first, then = steps
    return any(_follows(event, then, ms) for event in first)


def _some_was_not(ms: int, steps: Items[list[int]]) -> bool:
    """Whether one was not; the time is over for all of them."""
    first, then = steps
    return not all(_follows(event, then, ms) for event in first)


def _follows(event: int, then: list[int], ms: int) -> bool:
    place = bisect_right(then, event)
    return place < len(then) and (then[place] >> SEQ_BITS) - (event >> SEQ_BITS) <= ms


def _in_turn(waits: Items[int | None], steps: Items[list[int]]) -> bool:
    """Whether events of all steps come one after another, none later than its step waits."""
    ends = steps[0]
    for events, ms in zip(steps[1:], waits, strict=True):
        ends = [event for event in events if _comes_in_time(event, ends, ms)]
    return bool(ends)


def _comes_in_time(event: int, ends: list[int], ms: int | None) -> bool:
    place = bisect_left(ends, event)
    if not place:
        return False
    return ms is None or (event >> SEQ_BITS) - (ends[place - 1] >> SEQ_BITS) <= ms
