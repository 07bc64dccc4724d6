"""Dropping what is older than the settings say, once a day, in pieces.

Raw events (track, page, screen) go; what they have done to people stays, and so do
the calls that made people what they are. Of runs of journeys that are over their figures
stay, and how they went goes. Anonymous people who have not been seen go as a whole. Where
nothing else is in them, partitions of the history and parts of the dedupe index go as a
whole as well.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from cdp.config import Settings
from cdp.pipeline import rebuild
from cdp.pipeline.journeys import past_runs
from cdp.store import Store, meta
from cdp.store.events import dedupe, progress
from cdp.store.privacy import retention
from cdp.store.profiles import graph

_KEY = "retention"
_DAY_MS = 86_400_000
#: Profiles that are looked at in one transaction.
PEOPLE = 200
#: Moves of journeys that are looked at in one transaction.
MOVES = 2000


class Rule(NamedTuple):
    """Events called ``name`` (all raw ones, if None) are kept for ``days``."""

    name: str | None
    days: int


def rules_of(settings: Settings) -> list[Rule]:
    """The rules that hold for events."""
    found = [Rule(name, days) for name, days in settings.event_days_by_name.items()]
    if settings.events_days:
        found.append(Rule(None, settings.events_days))
    return found


def step(store: Store, settings: Settings, now: int) -> bool:
    """Begin or go on with the work of today; False if there is none (more)."""
    rules, run_days = rules_of(settings), settings.journey_days or settings.events_days
    if not rules and not run_days and not settings.anonymous_days:
        return False
    today = now // _DAY_MS
    with store.read() as tx:
        state = json.loads(meta.get(tx, _KEY) or "{}")
    if state.get("day") == today and state.get("done"):
        return False
    with store.write() as tx:
        progress.take_turn(tx)
        state = json.loads(meta.get(tx, _KEY) or "{}")
        if state.get("day") != today:
            reached = state.get("reached", 0)
            state = {"day": today, "after": 0, "done": False, "runs": True, "reached": reached}
            for rule in rules:
                before = now - rule.days * _DAY_MS
                if names := retention.raw_names(tx, rule.name):
                    retention.raise_horizon(tx, before)
                    rebuild.remove_before(tx, before, now, names)
            if settings.events_days:
                dedupe.drop_past(tx, now - settings.events_days * _DAY_MS)
        if run_days and state.get("runs"):
            before = now - run_days * _DAY_MS
            reached, more = past_runs.drop(tx, state["reached"], before, MOVES)
            state = {**state, "reached": reached, "runs": more}
        else:
            state = _next_people(tx, settings, state, now)
        meta.put(tx, _KEY, json.dumps(state))
    return True


def _next_people(tx: Any, settings: Settings, state: dict[str, Any], now: int) -> dict[str, Any]:
    if not settings.anonymous_days:
        return {**state, "done": True}
    before = now - settings.anonymous_days * _DAY_MS
    idle, after = retention.idle_anonymous(tx, state["after"], before, PEOPLE)
    if idle:
        rebuild.remove_nodes(tx, [row.id for row in graph.nodes_of_profiles(tx, idle)], now)
    return {**state, "after": after, "done": after is None}
