"""A new condition is asked of everyone, in pieces beside what is live.

Its row waits until all is kept that it reads (`cdp.store.events.kept`); from then on it is
evaluated live. It is found out of whom it has to be asked at all (`choosing`), and each
piece decides of some of them. At the end it takes the place of the row before it, in one
transaction.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from cdp.audiences import AUDIENCE
from cdp.conditions.live import Subject
from cdp.events import decode_json
from cdp.pipeline.audiences.definitions import Plan
from cdp.pipeline.audiences.judge import Cause, Judge, text_of
from cdp.pipeline.audiences.people import People
from cdp.pipeline.audiences.stage import Stage
from cdp.store import meta
from cdp.store.audiences import choosing, members, timers
from cdp.store.audiences import evaluated as audiences
from cdp.store.audiences.evaluated import COMPUTING, GONE, LIVE, WAITING, AudienceRow
from cdp.store.destinations import connections
from cdp.store.events import kept
from cdp.store.profiles import trait_values

#: Profiles that are looked at, those that need not be, and positions of the history, in
#: one piece.
PEOPLE, SETTLED, POSITIONS = 2_000, 20_000, 10_000
_COMPUTED = Cause("definition", None, False)


class Worked(NamedTuple):
    """What a step did; ``people`` stand elsewhere now than is remembered.

    ``choose``: of these it must be found out first of whom they have to be asked.
    """

    more: bool
    people: Sequence[int] = ()
    choose: Sequence[AudienceRow] = ()


def step(tx: Connection, stage: Stage, clock: int, now: int) -> Worked:
    """Do the next piece of what is being computed, if there is any."""
    plan = stage.plan
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
    chosen = [row for row in computing if row.id in stage.choices]
    if chosen:
        return _piece(tx, stage, chosen, clock, now)
    if computing:
        return Worked(True, choose=computing)
    gone = audiences.uncleared(tx)
    if gone is not None:
        if not audiences.clear_some(tx, gone, PEOPLE):
            audiences.change(tx, gone, reached=-1)
        return Worked(True)
    return Worked(False)


def _piece(
    tx: Connection, stage: Stage, computing: list[AudienceRow], clock: int, now: int
) -> Worked:
    """Those that are equally far go on together: people are read once for all of them."""
    least = min(row.reached for row in computing)
    mine = [row for row in computing if row.reached == least]
    collection = mine[0].collection
    mine = [row for row in mine if row.collection == collection]
    others = [row.reached for row in computing if row.reached > least]
    high = min([max(row.until for row in mine), *others])
    piece = _next(tx, stage, mine, least, high)
    _ask(tx, stage, piece.asked, clock)
    _settle(tx, stage, piece.settled, clock)
    changed = False
    for row in mine:
        audiences.change(tx, row.id, reached=piece.reached)
        if piece.reached >= row.until:
            _switch(tx, stage.plan, row, now)
            changed = True
    if changed:
        meta.bump(tx)
    return Worked(True, [*piece.asked, *(id_ for some in piece.settled.values() for id_ in some)])


class Piece(NamedTuple):
    """Whom to look at by which items (by place), who is settled by row, up to which profile."""

    asked: dict[int, list[int]]
    settled: dict[int, list[int]]
    reached: int


def _next(tx: Connection, stage: Stage, rows: list[AudienceRow], low: int, high: int) -> Piece:
    """The next profiles above ``low`` up to ``high``, as many as a piece has."""
    places = {item.id: item.place for item in stage.plan.book.items}
    choices = {row.id: stage.choices[row.id] for row in rows}
    collection = rows[0].collection
    of_all = [places[id_] for id_, choice in choices.items() if choice.asked is None]
    asked = {
        id_: _between(choice.asked, low, high, PEOPLE)
        for id_, choice in choices.items()
        if choice.asked is not None
    }
    settled = {id_: _between(c.settled, low, high, SETTLED) for id_, c in choices.items()}
    ends = [high, *(some[-1] for some in settled.values() if len(some) == SETTLED)]
    if of_all:
        ids = audiences.profiles_between(tx, collection, low, high, PEOPLE)
    else:
        ids = sorted({id_ for some in asked.values() for id_ in some})
    if len(ids) >= PEOPLE:
        ends.append(ids[PEOPLE - 1])
    reached = min(ends)
    found: dict[int, list[int]] = {}
    if of_all:
        found = {id_: [*of_all] for id_ in ids if id_ <= reached}
    for row, some in asked.items():
        for id_ in some:
            if id_ <= reached:
                found.setdefault(id_, []).append(places[row])
    touched = stage.touched or set()
    sure: dict[int, list[int]] = {}
    for row, answers in settled.items():
        mine = [id_ for id_ in answers if id_ <= reached]
        sure[row] = [id_ for id_ in mine if id_ not in touched]
        # Something has been said of these since: the answer may be old, or right still.
        for id_ in mine:
            if id_ in touched and places[row] not in (asked_by := found.setdefault(id_, [])):
                asked_by.append(places[row])
    all_ids = sorted({*found, *(id_ for some in sure.values() for id_ in some)})
    there = choosing.existing(tx, all_ids, collection)  # others have become part of somebody
    return Piece(
        {id_: places for id_, places in found.items() if id_ in there},
        {row: [id_ for id_ in some if id_ in there] for row, some in sure.items()},
        reached,
    )


def _between(ids: array[int], low: int, high: int, most: int) -> Sequence[int]:
    start = bisect_right(ids, low)
    return ids[start : min(start + most, bisect_right(ids, high))]


def _ask(tx: Connection, stage: Stage, asked: dict[int, list[int]], clock: int) -> None:
    """Look at people."""
    if not asked:
        return
    book = stage.plan.book
    people, judge = People(book, stage.plan.kept), Judge(book, clock)
    events: dict[tuple[int, ...], set[str]] = {}
    wanted: dict[int, set[str]] = {}
    for profile, places in asked.items():
        key = tuple(places)
        if key not in events:
            events[key] = book.events_of(places)
        wanted[profile] = events[key]
    found = people.load(tx, wanted, remember=False)
    for profile, known in found.items():
        judge.look_at(profile, known, dict.fromkeys(asked[profile], _COMPUTED))
    judge.write(tx)


def _settle(tx: Connection, stage: Stage, settled: dict[int, list[int]], clock: int) -> None:
    """Write what is sure without a look."""
    for item in stage.plan.book.items:
        ids: Iterable[int] = settled.get(item.id, ())
        if item.is_audience:
            members.add_members(tx, [(item.id, id_, clock) for id_ in ids])
        else:
            text = text_of(item.live.value(Subject(), clock))
            members.put_values(tx, [(item.id, id_, text, clock) for id_ in ids])


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
