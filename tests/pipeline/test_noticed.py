"""What is defined at any instant holds for what comes after it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from cdp.store import definitions, meta
from cdp.store.journeys import launched as journeys
from cdp.store.tables import journey_runs
from tests.delivery.world import World
from tests.postgres import new_database

WAY = {"trigger": {"event": "E"}, "steps": [{"emit": "Over"}]}


class Between:
    """Launches a journey from elsewhere, right before a given one of the pipeline's questions."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._questions: int | None = None
        self.launched: list[str] = []
        event.listen(world.store.engine, "before_cursor_execute", self._statement)

    def message(self, id_: str, questions: int) -> None:
        """A message; the pipeline reads all anew and is let be for so many questions."""
        with self._world.store.write() as tx:
            meta.bump(tx)
        self._questions = questions
        self._world.track(id_, userId=id_)
        self._questions = None

    def _statement(self, connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if self._questions is None or "numbers" in statement:
            return
        if not statement.startswith("SELECT"):
            self._questions = None  # all has been read, and is now worked with
        elif self._questions > 0:
            self._questions -= 1
        else:
            self._questions = None
            self._launch(f"way{len(self.launched)}")

    def _launch(self, key: str) -> None:
        now = int(self._world.now * 1000)
        with self._world.store.write() as tx:
            made = definitions.put(tx, now, "journey", key, WAY, "test")
            journeys.launch(tx, key, made.version, "test", now)
            meta.bump(tx)
        self.launched.append(key)


@pytest.mark.postgres
def test_a_journey_launched_while_the_pipeline_reads_is_noticed(tmp_path: Path) -> None:
    world = World(tmp_path, new_database())
    try:
        between, place, missed = Between(world), 0, []
        while len(between.launched) == place:
            between.message(f"while-{place}", place)
            world.track(f"after-{place}", userId=f"after-{place}")
            with world.store.read() as tx:
                begun = [journeys.row(tx, key) for key in between.launched[place:]]
            runs = {row.journey for row in world.rows(journey_runs)}
            missed += [row for row in begun if row is None or row.id not in runs]
            place += 1
        assert place > 10
        assert missed == []
    finally:
        world.close()
