"""Journeys that begin by the clock: on a date of the person's, or by a schedule."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from cdp.journeys.program import Program
from cdp.journeys.schedule import next_date, next_time
from cdp.pipeline.audiences.stage import gone_of, touched_of
from cdp.pipeline.drafts import Draft
from cdp.pipeline.journeys.stage import Travels, at_of
from cdp.pipeline.placing import Outcome
from cdp.profiles.traits import TraitMap
from cdp.store.audiences.timers import DATE, SCHEDULE, Timer, drop_timers, put_timers
from cdp.store.journeys import launched as journeys
from cdp.store.profiles import graph
from cdp.store.tables import USERS


def by_date(travels: Travels) -> list[Program]:
    """The journeys that begin by a date."""
    return [p for p in travels.plan.journeys.open.values() if p.trigger.kind == "date"]


def note_dates(
    tx: Connection, travels: Travels, drafts: Iterable[Draft], outcome: Outcome, now: int
) -> None:
    """Set dates anew of those who said something of them, or of where they live.

    And of those who became one with somebody, or were parted: their traits are others now.
    """
    programs = by_date(travels)
    if not programs:
        return
    names = {"timezone", *(program.trigger.name for program in programs)}
    said = {
        draft.profile
        for draft in drafts
        if draft.profile and any(not names.isdisjoint(values) for values, _ in draft.traits)
    }
    said |= touched_of(outcome) - gone_of(outcome)
    if said:
        set_dates(tx, travels, said, now)


def set_dates(tx: Connection, travels: Travels, people: Iterable[int], now: int) -> None:
    """Set the timers of some people's dates anew."""
    programs = by_date(travels)
    if not programs:
        return
    ids = sorted(people)
    due: list[Timer] = []
    spent: list[Timer] = []
    traits = graph.profile_traits(tx, ids)
    for row in graph.profiles_by_id(tx, ids):
        if row.collection != USERS:
            continue
        values = TraitMap.decode(traits.get(row.id)).values()
        for program in programs:
            number = travels.plan.rows[program.key].id
            at = next_date(program, values, now)
            if at is None:
                spent.append(Timer(DATE, number, row.id, 0))
            else:
                due.append(Timer(DATE, number, row.id, at))
    drop_timers(tx, spent)
    put_timers(tx, due)


def set_schedules(tx: Connection, travels: Travels, now: int) -> None:
    """Set the timers of all schedules, for their next times."""
    for program in travels.plan.journeys.open.values():
        if program.trigger.kind == "every":
            number = travels.plan.rows[program.key].id
            put_timers(
                tx, [Timer(SCHEDULE, number, 0, next_time(program.trigger, program.zone, now))]
            )


def fire(tx: Connection, travels: Travels, due: Sequence[Timer], clock: int) -> None:
    """Handle dates and schedules that have come."""
    keys, open_ = travels.plan.keys, travels.plan.journeys.open
    by_program: dict[tuple[str, int], list[int]] = {}
    for timer in due:
        program = open_.get(keys.get(timer.subject, ""))
        if program is None:
            continue
        if timer.kind == SCHEDULE and program.trigger.kind == "every":
            args = {"audience": program.trigger.spec["audience"], "cause": f"schedule:{timer.due}"}
            journeys.order(tx, timer.subject, "enter", args, "", clock)
            at = next_time(program.trigger, program.zone, max(clock, timer.due))
            put_timers(tx, [Timer(SCHEDULE, timer.subject, 0, at)])
        elif timer.kind == DATE and program.trigger.kind == "date":
            by_program.setdefault((program.key, timer.due), []).append(timer.profile)
    for (key, at), people in by_program.items():
        travels.enter(tx, open_[key], people, at_of(at, clock), f"date:{at}")
        set_dates(tx, travels, people, at + 1)
