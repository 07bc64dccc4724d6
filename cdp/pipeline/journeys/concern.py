"""Whom journeys have to do with: by what people did, and by which audiences they moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
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
        if any(
            event is not None and journeys.hears(item.run, event)
            for said in mine[item.profile]
            for event in (event_of(said.message),)
        ):
            concerned.add(item.profile)
    return [item for item in found if item.profile in concerned]


def begun_of(plan: JourneyPlan, mine: Mapping[int, list[Said]]) -> dict[int, list[Program]]:
    """The journeys that messages may begin, by the messages' positions; asked once of each."""
    journeys = plan.journeys
    return {
        item.seq: begun
        for items in mine.values()
        for item in items
        if (event := event_of(item.message)) is not None
        and (begun := journeys.begun_by(event, item.message.body))
    }


def stirred(
    tx: Connection, plan: JourneyPlan, found: Sequence[Change], again: Set[int]
) -> list[Placed]:
    """The runs that moves concern; of those who are looked at ``again``, those that watch."""
    came = {change.profile for change in found}
    return [
        item
        for item in journey_runs.alerted(tx, sorted(came | again), plan.keys)
        if item.profile in came or plan.journeys.watches(item.run)
    ]


def wanted_of(
    plan: JourneyPlan,
    mine: Mapping[int, list[Said]],
    begun: Mapping[int, list[Program]],
    runs: Sequence[Placed],
    entries: Mapping[int, list[tuple[Change, str]]],
) -> dict[int, list[Program]]:
    """Whom journeys have to do with now, each with the programs that they may enter."""
    journeys = plan.journeys
    wanted: dict[int, list[Program]] = {item.profile: [] for item in runs}
    for profile, items in mine.items():
        for item in items:
            message, open_ = item.message, begun.get(item.seq, ())
            if message.type == "group":
                open_ = journeys.by_group.begun_by(message.body)
            elif message.type == "identify" and journeys.by_trait:
                open_ = [
                    program
                    for name in message.body.get("traits") or ()
                    for program in journeys.by_trait.get(name, ())
                ]
            if open_:
                wanted.setdefault(profile, []).extend(open_)
    for profile, found in entries.items():
        for change, key in found:
            index = journeys.entered if change.entered else journeys.left
            wanted.setdefault(profile, []).extend(index.get(key, ()))
    return wanted
