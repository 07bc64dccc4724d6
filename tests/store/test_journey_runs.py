"""Runs in the store, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, insert

from cdp.journeys.run import Run
from cdp.store import Store
from cdp.store.journeys import runs as journey_runs
from cdp.store.journeys.runs import Placed
from cdp.store.migrate import migrate
from cdp.store.tables import journeys


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "postgres":
        from cdp.config import Settings
        from tests.postgres import new_database

        made = Store.open(Settings(database_url=new_database()))
    else:
        made = Store.at(tmp_path / "cdp.db")
        migrate(made)
    yield made
    made.close()


#: Journey, version, whether it goes on, whether it is looked at.
RUNS = [
    (1, 1, True, False), (1, 1, False, False), (1, 2, False, False), (1, 3, False, True),
    (1, 5, True, True), (1, 5, True, True), (2, 1, False, False), (3, 4, False, True),
]  # fmt: skip


def test_the_versions_in_use_are_found_without_looking_at_each_run(store: Store) -> None:
    row = {"state": "live", "version": 1, "launched_at": 1, "changed_at": 1, "author": "ada"}
    placed = [
        Placed(
            Run(n, "", version, "", 1, "wait" if on else None, 1, "active" if on else "ended"),
            journey, n, 0, alert,
        )
        for n, (journey, version, on, alert) in enumerate(RUNS, 1)
    ]  # fmt: skip
    asked: list[tuple[str, Any]] = []
    with store.write() as tx:
        assert journey_runs.versions_in_use(tx) == set()
        assert not journey_runs.any_alert(tx)
        tx.execute(insert(journeys), [{**row, "id": n, "key": f"j{n}"} for n in (1, 2, 3, 4)])
        journey_runs.put(tx, placed, {item.run.id for item in placed})
        listening = (tx, "before_cursor_execute", lambda *args: asked.append((args[2], args[3])))
        event.listen(*listening)
        found = journey_runs.versions_in_use(tx)
        assert found == {(1, 1), (1, 3), (1, 5), (3, 4)}
        assert journey_runs.any_alert(tx)
        assert {one.run.id for one in journey_runs.alerted(tx, [4, 5, 6, 7], {})} == {4, 5, 6}
        event.remove(*listening)
        if store.dialect == "sqlite":
            plans = [
                step.detail
                for sql, args in asked
                for step in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", args)
            ]
            over = [one for one in plans if "journey_runs" in one]
            # Whether there is any may take the first that an index has.
            looked = {one for one in over if not one.startswith("SEARCH")}
            assert looked <= {"SCAN journey_runs USING INDEX journey_runs_alert"}, plans
