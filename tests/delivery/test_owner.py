"""Of several processes one moves a stream; who lost it changes nothing."""

import threading
from pathlib import Path

import pytest

from cdp.delivery.sending import Sender
from cdp.delivery.stream import CLAIM_MS, StreamRunner
from cdp.plugin import Batch
from cdp.store.destinations import streams as delivery
from tests.delivery.world import Recorder, World
from tests.postgres import new_database


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def any_world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    made = World(tmp_path, new_database() if request.param == "postgres" else None)
    request.addfinalizer(made.close)
    return made


def runner(world: World, recorder: Recorder, me: str) -> StreamRunner:
    with world.store.read() as tx:
        from cdp.store import config_rows

        [destination] = config_rows.all_destinations(tx)
    sender = Sender(destination.id, recorder)
    return StreamRunner(world.store, "destination:1", destination, sender, me, world.clock)


def test_a_second_process_waits_until_the_claim_ran_out(any_world: World) -> None:
    world = any_world
    world.add()
    one, two = Recorder(), Recorder()
    first, second = runner(world, one, "one"), runner(world, two, "two")
    world.track("a")
    world.run(first)
    world.track("b")
    world.run(second)
    assert (one.taken, two.taken) == (["a"], [])
    with world.store.write() as tx:
        now = int(world.now * 1000)
        delivery.renew_claims(tx, "one", now, now + 2 * CLAIM_MS)
    world.now += CLAIM_MS / 1000 + 1
    world.run(second)
    assert two.taken == []
    world.now += CLAIM_MS / 1000
    world.run(second)
    assert two.taken == ["b"]


def test_one_that_let_go_is_followed_at_once(any_world: World) -> None:
    world = any_world
    world.add()
    one, two = Recorder(), Recorder()
    first, second = runner(world, one, "one"), runner(world, two, "two")
    world.track("a")
    world.run(first)
    first.release()
    world.track("b")
    world.run(second)
    assert two.taken == ["b"]


def test_a_deposed_owner_moves_nothing(any_world: World) -> None:
    world = any_world
    world.add()
    sending, go = threading.Event(), threading.Event()

    class Hanging(Recorder):
        def send(self, batch: Batch) -> None:
            sending.set()
            go.wait(60)
            super().send(batch)

    one, two = Hanging(), Recorder()
    world.track("a")
    first, second = runner(world, one, "one"), runner(world, two, "two")
    thread = threading.Thread(target=first.step)
    thread.start()
    assert sending.wait(60)
    world.now += CLAIM_MS / 1000 + 1
    world.track("b")
    world.run(second)
    after = world.stream()
    go.set()
    thread.join(60)
    # It did deliver, with the same key; but the checkpoint is the second one's.
    assert (one.taken, two.taken) == (["a"], ["a", "b"])
    assert one.batches[0].key == two.batches[0].key
    assert world.stream() == after
