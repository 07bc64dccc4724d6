"""Events that a destination chokes on do not hold up the others for ever."""

from itertools import repeat
from typing import Any

import pytest

from cdp.plugin import Batch, Outcome, Retry
from cdp.store.destinations import health as delivery_health
from cdp.store.tables import plugin_errors
from tests.delivery.world import Recorder, World


class Choking(Recorder):
    """Fails on any batch with an event of ``bad``; on everything while ``down``."""

    def __init__(self, bad: set[str], **attributes: Any) -> None:
        super().__init__(**attributes)
        self.bad, self.down = bad, False

    def send(self, batch: Batch) -> list[Outcome] | None:
        if self.down or self.bad & {event.id for event in batch.events}:
            self.batches.append(batch)
            raise Retry("the answer was 500")
        return super().send(batch)


def turns(world: World, runner: Any, times: int = 10) -> None:
    for _ in range(times):
        world.run(runner)
        world.now += 400


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("concurrency", [1, 4])
def test_an_event_that_always_fails_is_passed_by(world: World, size: int, concurrency: int) -> None:
    recorder = Choking({"m4"}, batch_size=size, concurrency=concurrency)
    runner = world.runner(world.add(), recorder)
    world.track(*[f"m{n}" for n in range(12)])
    turns(world, runner)
    with_it = {"m3", "m4", "m5"} if size == 3 else {"m4"}
    assert set(recorder.taken) == {f"m{n}" for n in range(12)} - with_it
    assert len(recorder.taken) == len(set(recorder.taken))
    assert [state for state, _, _ in world.items()] == ["waiting"] * len(with_it)
    assert (world.stream().state, world.stream().seq) == ("running", 13)


def test_the_next_event_may_come_later(world: World) -> None:
    destination = world.add()
    recorder = Choking({"bad"})
    runner = world.runner(destination, recorder)
    world.track("bad")
    turns(world, runner)
    assert world.stream().state == "stalled" and world.items() == []
    world.track("good")
    turns(world, runner, 2)
    assert recorder.taken == ["good"]
    assert [row[2] for row in world.items()] == ["the answer was 500"]
    for _ in range(60):
        world.outbox_run(destination, recorder)
        world.now += 300
    assert [row[0] for row in world.items()] == ["dead"]
    with world.store.read() as tx:
        health = delivery_health.destination_health(tx, destination.id)
    assert (health.delivered, health.dead, health.state) == (1, 1, "running")


def test_a_provider_that_is_down_gets_one_probe_and_no_rows(world: World) -> None:
    recorder = Choking(set(), concurrency=1)
    recorder.down = True
    runner = world.runner(world.add(), recorder)
    world.track("a", "b", "c")
    turns(world, runner)
    assert world.items() == [] and world.stream().attempts == 10
    assert {batch.events[0].id for batch in recorder.batches} == {"a", "b"}
    recorder.down = False
    turns(world, runner, 1)
    assert recorder.taken == ["a", "b", "c"]


def test_one_that_says_when_to_come_back_is_left_alone_until_then(world: World) -> None:
    recorder = Recorder(repeat(Retry("slow down", after=1.0)), concurrency=1)
    runner = world.runner(world.add(), recorder)
    world.track("a", "b")
    turns(world, runner)
    assert {batch.events[0].id for batch in recorder.batches} == {"a"}


def test_what_is_left_of_a_batch_outlives_the_process(world: World) -> None:
    destination = world.add()
    first = Recorder(iter([None, [Outcome.reject("bad")], Retry("down")]), concurrency=1)
    world.track("a", "b", "c", "d")
    world.run(world.runner(destination, first))
    assert first.taken == ["a"]
    assert [row[0] for row in world.items()] == ["dead"]  # told at once, not when all is done
    world.now += 400
    second = Recorder()
    world.run(world.runner(destination, second))
    assert second.taken == ["c", "d"]
    assert second.batches[0].events[0].key == first.batches[2].events[0].key
    assert world.stream().seq == 5
    with world.store.read() as tx:
        health = delivery_health.destination_health(tx, destination.id)
    assert (health.delivered, health.failed) == (3, 1)


def test_a_filter_that_breaks_keeps_its_events_as_dead_letters(world: World) -> None:
    class Broken(Recorder):
        def wants(self, event: Any) -> bool:
            if event.id == "b":
                raise SystemExit("out of here")
            return True

    recorder = Broken()
    runner = world.runner(world.add(), recorder)
    world.track("a", "b", "c")
    world.run(runner)
    assert sorted(recorder.taken) == ["a", "c"]
    assert world.items()[0][0::2] == ("dead", "SystemExit: out of here")
    assert [row.hook for row in world.rows(plugin_errors)] == ["wants"]


def test_a_destination_that_cannot_be_opened_stalls_and_says_why(world: World) -> None:
    class Closed(Recorder):
        tries = 0

        def open(self) -> None:
            self.tries += 1
            if self.tries < 3:
                raise OSError("no such socket")

    recorder = Closed()
    runner = world.runner(world.add(), recorder)
    world.track("a")
    world.run(runner)
    assert world.stream().error == "OSError: no such socket"
    turns(world, runner, 3)
    assert recorder.taken == ["a"] and recorder.tries == 3
    assert [(row.hook, row.n) for row in world.rows(plugin_errors)] == [("open", 2)]


def test_a_batch_holds_no_more_bytes_than_a_few_megabytes(world: World) -> None:
    recorder = Recorder(batch_size=1000)
    runner = world.runner(world.add(), recorder)
    for start in range(0, 400, 20):
        ids = [f"m{n}" for n in range(start, start + 20)]
        world.track(*ids, properties={"pad": "x" * 24_000})
    world.run(runner)
    assert [len(batch.events) for batch in recorder.batches] == [250, 150]
    assert recorder.taken == [f"m{n}" for n in range(400)]
