"""Whom journeys have to do with: by what people did, and by which audiences they moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from cdp.events import Message
from cdp.journeys import Program
from cdp.pipeline.audiences.stage import Said
from cdp.pipeline.journeys.plan import JourneyPlan
from cdp.store.audiences.members import Change
from cdp.store.events import kept
from cdp.store.journeys import runs as journey_runs
from cdp.store.journeys.runs import Placed


def event_of(message: Message) -> str | None:
    """What conditions call a message, if it is an event."""
    return kept.event_of(message.type, message.name)


def entries_of(
    plan: JourneyPlan, found: Sequence[Change], live: Mapping[int, Any] | None
) -> dict[int, list[tuple[Change, str]]]:
    """The moves that may begin runs, by person; ``live`` has those of whom there is news."""
    journeys = plan.journeys
    if not (journeys.entered or journeys.left) or not found:
        return {}
    keys = {item.id: item.key for item in plan.book.items if item.is_audience}
    keys |= plan.book.frozen
    entries: dict[int, list[tuple[Change, str]]] = {}
    for change in found:
        key = keys.get(change.audience, "")
        index = journeys.entered if change.entered else journeys.left
        if change.live and key in index and (live is None or change.profile in live):
            entries.setdefault(change.profile, []).append((change, key))
    return entries


def concerned(tx: Connection, plan: JourneyPlan, mine: Mapping[int, list[Said]]) -> list[Placed]:
    """The runs that somebody's messages concern."""
    journeys = plan.journeys
    found = journey_runs.alerted(tx, sorted(mine), plan.keys)
    concerned = set()
    for item in found:
        if journeys.watches(item.run):
            concerned.add(item.profile)
            continue
        listens = journeys.listens(item.run)
        if any(event_of(said.message) in listens for said in mine[item.profile]):
            concerned.add(item.profile)
    return [item for item in found if item.profile in concerned]


def wanted_of(
    plan: JourneyPlan,
    mine: Mapping[int, list[Said]],
    runs: Sequence[Placed],
    entries: Mapping[int, list[tuple[Change, str]]],
) -> dict[int, list[Program]]:
    """Whom journeys have to do with now, each with the programs that they may enter."""
    journeys = plan.journeys
    wanted: dict[int, list[Program]] = {item.profile: [] for item in runs}
    for profile, items in mine.items():
        for item in items:
            message = item.message
            open_ = list(journeys.by_event.get(event_of(message) or "", ()))
            if message.type == "group":
                open_ += journeys.by_group
            if message.type == "identify" and journeys.by_trait:
                for name in message.body.get("traits") or ():
                    open_ += journeys.by_trait.get(name, ())
            for program in open_:
                where = program.trigger.where
                if where is None or where(message.body):
                    wanted.setdefault(profile, []).append(program)
    for profile, found in entries.items():
        for change, key in found:
            index = journeys.entered if change.entered else journeys.left
            wanted.setdefault(profile, []).extend(index.get(key, ()))
    return wanted
