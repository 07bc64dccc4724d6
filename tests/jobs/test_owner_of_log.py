"""One owner of the log: who was deposed commits nothing, whoever comes next has it all."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdp.pipeline.run import Pipeline
from cdp.store.events import progress
from cdp.store.tables import streams
from tests.delivery.world import Recorder, World
from tests.postgres import new_database


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    made = World(tmp_path, new_database() if request.param == "postgres" else None)
    request.addfinalizer(made.close)
    return made


def test_a_deposed_owner_of_the_log_commits_nothing(world: World) -> None:
    destination, recorder = world.add(), Recorder()
    world.track("a")
    first = world.pipeline
    second = Pipeline(world.store, world, world.settings, clock=world.clock)
    assert second.step() is None  # takes over, and finds nothing to do
    world.pipeline = second
    world._log.append(world._log[0]._replace(body=world._log[0].body.replace(b'"a"', b'"b"')))
    with pytest.raises(progress.Deposed):
        first.step()
    with world.store.read() as tx:
        assert progress.total_counts(tx) == {"track": 1}
    assert second.drain() == 1
    with pytest.raises(progress.Deposed):
        first.step()
    world.run(world.runner(destination, recorder))
    assert recorder.taken == ["a", "b"]
    [row] = world.rows(streams)
    assert (row.seq, row.delivered) == (3, 2)
