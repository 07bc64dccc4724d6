"""Timers that are due: what time alone changes, in the order in which it does."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from sqlalchemy import Connection

from cdp.pipeline.batch import tell_moves
from cdp.pipeline.journeys import clockwork, judge
from cdp.pipeline.journeys.counting import Counts
from cdp.pipeline.memory import Memory
from cdp.store.audiences.timers import AUDIENCE, DECISIONS, JOURNEY, RECHECK, Timer, drop_timers


def fire(tx: Connection, memory: Memory, due: Sequence[Timer], clock: int, counts: Counts) -> None:
    """Handle timers, the earliest first; some of one instant may be left for the next time.

    Audiences and journeys have their turns as their timers come: whoever leaves an audience
    before a wait is over has left it when the journey asks.
    """
    for kind, some in groupby(due, lambda timer: RECHECK if timer.kind == AUDIENCE else timer.kind):
        group = list(some)
        if kind == RECHECK:
            moved = memory.stage.timers(tx, group, clock)
            again = {timer.profile for timer in group if timer.kind == RECHECK}
            memory.travels.moved(tx, moved, clock, again)
            if memory.tell_changes:
                tell_moves(tx, moved, memory.stage.plan, clock)
        elif kind == JOURNEY:
            memory.travels.timers(tx, group, clock)
        elif kind in DECISIONS:
            drop_timers(tx, group)
            if judge.fire(tx, memory.travels, group, clock, counts):
                return  # what was decided holds for what is due later
        else:
            drop_timers(tx, group)
            clockwork.fire(tx, memory.travels, group, clock)
