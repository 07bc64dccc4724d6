"""How fast people's stored past is played through a journey: reading it included."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from cdp.journeys import Read
from cdp.pipeline.journeys.backtest import backtest
from cdp.store.audiences.lists import ListsAt
from tests.bench.figures import Figure
from tests.bench.journeys import DAY_MS, Bench

WELCOME: dict[str, Any] = {
    "trigger": {"event": "Signed Up", "where": 'properties.plan != "internal"'},
    "goal": {"event": "Order Completed", "within": "14d"},
    "steps": [
        {"send": "welcome_1"},
        {"wait": "2d"},
        {"branch": [{"when": 'count("Order Completed" within 2d) > 0', "then": []},
                    {"else": [{"send": "nudge"}]}]},
        {"wait_until": {"event": "Order Completed", "timeout": "3d"}},
        {"send": "discount"},
    ],
}  # fmt: skip


def measure(folder: Path, quick: bool) -> list[Figure]:
    """Person-runs a second of CPU time on one core."""
    people = 4_000 if quick else 40_000
    bench = Bench(folder / "past")
    start = bench.now
    bench.say(people, "Signed Up")
    for days in (1, 2):
        bench.now += days * DAY_MS
        bench.say(people // (days + 1), "Order Completed")
    read = Read("welcome", WELCOME, 1, lambda root: root)
    assert read.program is not None
    with bench.store.read() as tx:
        began = time.process_time()
        found = backtest(
            tx, [("1", read.program)], start - DAY_MS, bench.now + 30 * DAY_MS, ListsAt(tx)
        )
        seconds = time.process_time() - began
    bench.close()
    tally = found.tallies[0][1]
    assert tally.entered == people, tally.told()
    rate = people / seconds
    return [Figure("backtest", "person-runs/s", rate, None, ">= 10000", rate >= 10_000)]
