"""A new condition is asked of everyone, in pieces beside what is live.

Its row waits until all is kept that it reads (`cdp.store.kept`); from then on it is
evaluated live, and each piece decides of some profiles that nobody has touched since.
At the end it takes the place of the row before it, in one transaction.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection

from cdp.audiences import AUDIENCE
from cdp.events import decode_json
from cdp.pipeline.audiences.definitions import Plan
from cdp.pipeline.audiences.judge import Cause, Judge
from cdp.pipeline.audiences.people import People
from cdp.store import audiences, connections, kept, meta, timers, trait_values
from cdp.store.audiences import COMPUTING, GONE, LIVE, WAITING, AudienceRow

#: Profiles, and positions of the history, in one piece.
PEOPLE, POSITIONS = 2_000, 10_000
_COMPUTED = Cause("definition", None, False)


class Worked(NamedTuple):
    """What a step did; ``people`` stand elsewhere now than is remembered."""

    more: bool
    people: tuple[int, ...] = ()


def step(tx: Connection, plan: Plan, clock: int, now: int) -> Worked:
    """Do the next piece of what is being computed, if there is any."""
    if any(not item.complete for item in plan.kept):
        left = kept.backfill_step(tx, POSITIONS, decode_json)
        if not left:
            meta.bump(tx)
        return Worked(True)
    if trait_values.backfill_step(tx, POSITIONS):
        return Worked(True)
    waiting = [row for row in plan.rows if row.state == WAITING and plan.ready(row)]
    if waiting:
        last = audiences.last_profile(tx)
        for row in waiting:
            audiences.change(tx, row.id, state=COMPUTING, reached=0, until=last)
        meta.bump(tx)
        return Worked(True)
    # How far they are is not the plan's to know: it stays the same from piece to piece.
    computing = audiences.rows(tx, COMPUTING)
    if computing:
        return _piece(tx, plan, computing, clock, now)
    gone = audiences.uncleared(tx)
    if gone is not None:
        if not audiences.clear_some(tx, gone, PEOPLE):
            audiences.change(tx, gone, reached=-1)
        return Worked(True)
    return Worked(False)


def _piece(
    tx: Connection, plan: Plan, computing: list[AudienceRow], clock: int, now: int
) -> Worked:
    """Those that are equally far go on together: people are read once for all of them."""
    least = min(row.reached for row in computing)
    mine = [row for row in computing if row.reached == least]
    collection = mine[0].collection
    mine = [row for row in mine if row.collection == collection]
    until = max(row.until for row in mine)
    others = [row.reached for row in computing if row.reached > least]
    high = min([until, *others])
    ids = audiences.profiles_between(tx, collection, least, high, PEOPLE)
    if ids:
        book = plan.book
        places = [item.place for item in book.items if item.id in {row.id for row in mine}]
        people, judge = People(book, plan.kept), Judge(book, clock)
        events = book.events_of(places)
        found = people.load(tx, dict.fromkeys(ids, events), remember=False)
        for profile, known in found.items():
            judge.look_at(profile, known, dict.fromkeys(places, _COMPUTED))
        judge.write(tx)
    reached = ids[-1] if len(ids) == PEOPLE else high
    changed = False
    for row in mine:
        audiences.change(tx, row.id, reached=reached)
        if reached >= row.until:
            _switch(tx, plan, row, now)
            changed = True
    if changed:
        meta.bump(tx)
    return Worked(True, tuple(ids))


def _switch(tx: Connection, plan: Plan, row: AudienceRow, now: int) -> None:
    """Let a computed row take the place of the one before it."""
    old = audiences.live_row(tx, row.kind, row.key)
    if row.kind == AUDIENCE:
        audiences.replace(tx, old.id if old is not None else None, row.id, now)
        if row.key in plan.book.of_audience:
            timers.recheck_changed(tx, row.id, now)
    elif row.key in plan.told:
        connections.replace_values(tx, old.id if old is not None else None, row.id, now)
    size = audiences.count_members(tx, row.id)
    audiences.change(tx, row.id, state=LIVE, live_at=now, size=size)
    if old is not None:
        audiences.change(tx, old.id, state=GONE, ended_at=now)
