"""Journeys, their runs and orders as the API and commands show them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from cdp.definitions import title_of
from cdp.definitions.difference import difference
from cdp.delivery.journeys.there import KIND, NoSuchJourney
from cdp.events import format_time
from cdp.identity import public_id
from cdp.journeys.rollout import read_rollout
from cdp.store import definitions
from cdp.store.definitions import Version
from cdp.store.journeys import launched as journeys
from cdp.store.journeys import runs as journey_runs
from cdp.store.journeys import sums as journey_sums
from cdp.store.journeys.decisions import Decision
from cdp.store.journeys.launched import JourneyRow, Order
from cdp.store.journeys.requests import Request
from cdp.store.journeys.runs import Placed
from cdp.store.journeys.story import Move
from cdp.store.profiles.exports import anchors

DRAFT = "draft"


class Figures(NamedTuple):
    """How many are in a journey now, how many of them stand still, how many ever came in."""

    inside: int = 0
    held: int = 0
    entered: int = 0


def listed(tx: Connection) -> list[dict[str, Any]]:
    """Every journey, those that were removed while people are inside too, by key."""
    rows = {row.key: row for row in journeys.all_rows(tx)}
    found = {item.key: item for item in definitions.all_current(tx, KIND)}
    inside, ever = journey_sums.inside(tx), journey_sums.overall(tx)
    figures = {
        row.key: Figures(*inside.get(row.id, (0, 0)), ever.get(row.id, {}).get("entered", 0))
        for row in rows.values()
    }
    return [
        _one(key, found.get(key), rows.get(key), figures.get(key, Figures()))
        for key in sorted({*rows, *found})
    ]


def shown(tx: Connection, key: str) -> dict[str, Any]:
    """One journey; `NoSuchJourney`."""
    row, found = journeys.row(tx, key), definitions.current(tx, KIND, key)
    if row is None and found is None:
        raise NoSuchJourney(key)
    figures, stages = Figures(), []
    if row is not None:
        stages = stages_of(tx, row)
        at = journey_runs.standings(tx, row.id)
        came = sum(one.n for one in journey_sums.sums(tx, row.id) if one.what == "entered")
        figures = Figures(sum(one.n for one in at), sum(one.held for one in at), came)
    return {**_one(key, found, row, figures), "stages": stages}


def _one(
    key: str, found: Version | None, row: JourneyRow | None, figures: Figures
) -> dict[str, Any]:
    """A journey of its definition (None: removed) and of what was launched (None: nothing)."""
    body = (found.body if found is not None else None) or {}
    return {
        "key": key,
        "name": title_of(key, body),
        "state": row.state if row is not None else DRAFT,
        "version": found.version if found is not None else None,
        "launched_version": row.version if row is not None else None,
        "launched_at": format_time(row.launched_at) if row is not None else None,
        "changed_at": format_time(found.at) if found is not None else None,
        "author": found.author if found is not None else None,
        "archived": bool(body.get("archived")),
        "rollout": _rollout(body, row),
        "winners": row.winners if row is not None else {},
        **figures._asdict(),
        "error": row.error if row is not None else None,
        "reason": row.reason if row is not None else None,
        "closed": row.closed if row is not None else {},
    }


def _rollout(body: Mapping[str, Any], row: JourneyRow | None) -> float:
    if row is not None and row.rollout is not None:
        return row.rollout
    stages = read_rollout(body.get("rollout", 100.0))
    return stages[min(row.stage if row is not None else 0, len(stages) - 1)].share * 100


def share_of(tx: Connection, row: JourneyRow) -> float:
    """The share of people who may enter now, in per cent."""
    return _rollout(_launched(tx, row), row)


def stages_of(tx: Connection, row: JourneyRow) -> list[dict[str, Any]]:
    """The stages of a rollout, the one at which it is marked; none, if it has no stages."""
    stages = read_rollout(_launched(tx, row).get("rollout", 100.0))
    if len(stages) < 2:
        return []
    found = []
    for at, one in enumerate(stages):
        here = at == min(row.stage, len(stages) - 1) and row.rollout is None
        moving = here and one.ms is not None and not row.stage_held
        found.append(
            {
                "share": one.share * 100,
                "here": here,
                "since": format_time(row.stage_at) if here else None,
                "until": format_time(row.stage_at + (one.ms or 0)) if moving else None,
                "held": here and row.stage_held,
            }
        )
    return found


def _launched(tx: Connection, row: JourneyRow) -> Mapping[str, Any]:
    return definitions.body_of(tx, KIND, row.key, row.version) or {}


def standings(tx: Connection, row: JourneyRow) -> list[dict[str, Any]]:
    """How many people stand at each step now."""
    found = journey_runs.standings(tx, row.id)
    return [
        {"version": at.version, "step": at.step, "people": at.n, "held": at.held}
        for at in sorted(found)
    ]


def runs(tx: Connection, items: Sequence[Placed]) -> list[dict[str, Any]]:
    """Runs with whose they are."""
    named = anchors(tx, [item.profile for item in items])
    people = {id_: public_id(*anchor) for id_, anchor in named.items()}
    return [run(item, people.get(item.profile)) for item in items]


def run(item: Placed, person: str | None) -> dict[str, Any]:
    """A run."""
    one = item.run
    return {
        "id": one.id,
        "person": person,
        "version": one.version,
        "key": one.key or None,
        "status": one.status,
        "step": one.step,
        "since": format_time(one.since),
        "started": format_time(one.started),
        "due": _time(one.due),
        "held": one.held,
        "error": one.error,
        "reason": one.reason,
        "goal_at": _time(one.goal_at),
    }


def move(item: Move) -> dict[str, Any]:
    """Something that became of a run."""
    return {**item._asdict(), "at": format_time(item.at)}


def order(item: Order) -> dict[str, Any]:
    """What somebody wanted done with runs, and how far it is."""
    shown = {**item._asdict(), "at": format_time(item.at), "ended_at": _time(item.ended_at)}
    return {name: value for name, value in shown.items() if name not in ("journey", "reached")}


def decision(item: Decision) -> dict[str, Any]:
    """Something that a journey decided by itself, or somebody for it."""
    return {**item._asdict(), "at": format_time(item.at)}


def request(item: Request) -> dict[str, Any]:
    """A launch that somebody asked for."""
    return {**item._asdict(), "at": format_time(item.at), "decided_at": _time(item.decided_at)}


def versions(tx: Connection, key: str) -> list[dict[str, Any]]:
    """All versions with what each changed, the newest first; `NoSuchJourney`."""
    every = definitions.versions(tx, KIND, key)
    if not every:
        raise NoSuchJourney(key)
    row = journeys.row(tx, key)
    inside = Counter[int]()
    for at in journey_runs.standings(tx, row.id) if row is not None else ():
        inside[at.version] += at.n
    found = []
    for item, before in zip(every, [*every[1:], None], strict=True):
        changed = difference(before.body if before else None, item.body)
        found.append(
            {
                "version": item.version,
                "author": item.author,
                "at": format_time(item.at),
                "launched": row is not None and row.version == item.version,
                "inside": inside[item.version],
                "removed": item.body is None,
                "changed": [change.field for change in changed],
            }
        )
    return found


def _time(ms: int | None) -> str | None:
    return format_time(ms) if ms is not None else None
