"""Runs follow the person whose event began them, when people are joined or parted.

A run goes with its node: after an un-merge it is with the side that began it (nothing
un-sends). Of two people who become one, in each journey the older run goes on.
"""

from __future__ import annotations

from sqlalchemy import Connection

from cdp.pipeline.audiences.stage import gone_of, touched_of
from cdp.pipeline.placing import Outcome
from cdp.store.audiences import timers
from cdp.store.audiences.timers import JOURNEY, Timer
from cdp.store.journeys import launched as journeys
from cdp.store.journeys import runs as journey_runs
from cdp.store.profiles import graph


class Follow:
    """Lets runs follow; remembers that there are any."""

    def __init__(self) -> None:
        self._any = False

    def outcome(self, tx: Connection, outcome: Outcome) -> set[int]:
        """Give runs to whom they belong now; the profiles that came to more runs by it."""
        if not (outcome.merged or outcome.split or outcome.gone or outcome.refolded):
            return set()
        self._any = self._any or journey_runs.any_run(tx)
        return follow(tx, outcome) if self._any else set()


def follow(tx: Connection, outcome: Outcome) -> set[int]:
    """Give runs to whom their nodes belong now; the profiles that came to more by it."""
    affected = sorted(gone_of(outcome) | touched_of(outcome))
    placed = journey_runs.of_people(tx, affected, {})
    if not placed:
        return set()
    rows = graph.nodes_by_id(tx, sorted({item.node for item in placed}))
    homes = {row.id: row.profile for row in rows}
    given, due, spent = [], [], []
    for item in placed:
        home = homes.get(item.node) or 0
        if not home or home == item.profile:
            continue
        given.append((item.run.id, home))
        spent.append(Timer(JOURNEY, item.run.id, item.profile, 0))
        if item.run.due is not None:
            due.append(Timer(JOURNEY, item.run.id, home, item.run.due))
    journey_runs.give(tx, given)
    timers.drop_timers(tx, spent)
    timers.put_timers(tx, due)
    return {home for _, home in given}


def after_fold(tx: Connection, outcome: Outcome, now: int) -> None:
    """Let runs follow a fold outside of a micro-batch; who came to more is seen to later."""
    if not journey_runs.any_run(tx):
        return
    joined = follow(tx, outcome)
    if joined:
        journeys.order(tx, 0, "merged", {"profiles": sorted(joined)}, "", now)
