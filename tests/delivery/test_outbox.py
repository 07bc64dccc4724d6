"""The outbox: items of each destination on their own, claims, pauses."""

import threading
import time
from itertools import repeat
from typing import Any

import pytest

from cdp.delivery.engine import Delivery
from cdp.delivery.outbox import CLAIM_MS, OutboxRunner
from cdp.delivery.sending import Sender
from cdp.plugin import Batch, DestinationContext, Outcome, Retry, Stop, hookimpl
from cdp.plugin.manager import Plugins
from cdp.store import config_rows
from cdp.store.destinations import health as delivery_health
from cdp.store.destinations import outbox as delivery_outbox
from tests.delivery.world import Recorder, World


def dead_letters(world: World, *ids: str, **more: Any) -> config_rows.Destination:
    """A destination that refused these events, which are to be tried again."""
    destination = world.add()
    refuse = Recorder(iter([[Outcome.reject("no")] * len(ids)]), batch_size=len(ids))
    world.track(*ids, **more)
    world.run(world.runner(destination, refuse))
    replay(world, destination)
    return destination


def replay(world: World, destination: config_rows.Destination, **what: Any) -> int:
    with world.store.write() as tx:
        return delivery_health.replay_dead(tx, int(world.now * 1000), destination, "t", **what)


def runner(world: World, recorder: Recorder) -> OutboxRunner:
    return OutboxRunner(world.store, 1, Sender(1, recorder), 4.0, world.clock)


def test_dead_letters_are_tried_again_one_those_of_an_error_or_all(world: World) -> None:
    destination = world.add()
    fates = [Outcome.reject("x"), Outcome.reject("y"), Outcome.reject("y"), Outcome.reject("z")]
    world.track("a", "b", "c", "d")
    world.run(world.runner(destination, Recorder(iter([fates]), batch_size=4)))
    with world.store.read() as tx:
        groups = delivery_health.error_groups(tx, 1)
        [last, *_] = delivery_health.outbox_items(tx, 1, ("dead",), 10)
    assert (groups[0].error, groups[0].n) == ("y", 2)
    assert replay(world, destination, error="y") == 2
    assert replay(world, destination, item=last.id) == 1
    assert replay(world, destination) == 1
    recorder = Recorder()
    assert runner(world, recorder).step() == 4
    assert sorted(recorder.taken) == ["a", "b", "c", "d"]


def test_items_go_side_by_side_but_each_in_its_own_call(world: World) -> None:
    class Slow(Recorder):
        most = now = 0

        def send(self, batch: Batch) -> None:
            assert len(batch.events) == 1 and batch.key == batch.events[0].key
            with lock:
                self.now += 1
                self.most = max(self.most, self.now)
            time.sleep(0.02)
            with lock:
                self.now -= 1
                self.taken.append(batch.events[0].id)

    lock = threading.Lock()
    destination = world.add()
    for n in range(24):
        world.track(f"m{n}", userId=f"u{n}")
    refuse = Recorder(iter([[Outcome.reject("no")] * 24]), batch_size=24)
    world.run(world.runner(destination, refuse))
    replay(world, destination)
    slow = Slow(batch_size=10, concurrency=4)
    assert runner(world, slow).step() == 24
    assert len(slow.taken) == 24 and 1 < slow.most <= 4
    assert world.items() == []


def test_a_slow_destination_holds_up_no_other(world: World) -> None:
    go, taken = threading.Event(), []

    class Shared(Recorder):
        key = "recorder"

        def __init__(self, settings: object, context: DestinationContext) -> None:
            super().__init__()
            self.context = context

        def send(self, batch: Batch) -> None:
            if self.context.name == "Recorder":
                go.wait(60)
            taken.append((self.context.name, batch.events[0].id))

    class Plugin:
        @hookimpl
        def register_destinations(self) -> list[type]:
            return [Shared]

    dead_letters(world, "a", "b")
    with world.store.write() as tx:
        other = config_rows.add_destination(tx, 1, "o", "Other", "recorder", None, {}, "t")
        row = {
            "destination_id": other.id, "key": "k", "seq": None, "state": "waiting",
            "attempts": 1, "next_at": 0, "error": "",
            "payload": b'["z","track","E",{},"k","default",1,1,true,1]',
        }  # fmt: skip
        delivery_outbox.add_items(tx, [row], 1)
    plugins = Plugins()
    plugins.register(Plugin(), "p")
    stop = threading.Event()
    thread = threading.Thread(
        target=Delivery(world.store, world.settings, plugins).run, args=[stop]
    )
    thread.start()
    try:
        deadline = time.monotonic() + 60
        while not taken and time.monotonic() < deadline:
            time.sleep(0.02)
        assert taken == [("Other", "z")]
    finally:
        go.set()
        stop.set()
        thread.join(60)
    assert not thread.is_alive()


def test_a_claim_whose_worker_died_is_due_again_when_it_ran_out(world: World) -> None:
    dead_letters(world, "a")
    now = int(world.now * 1000)
    with world.store.write() as tx:
        [first] = delivery_outbox.claim_items(tx, 1, now, now + CLAIM_MS, 10)
    recorder = Recorder()
    assert runner(world, recorder).step() == 0
    world.now += CLAIM_MS / 1000 + 1
    assert runner(world, recorder).step() == 1
    assert recorder.batches[0].key == first.key
    # What the first one says afterwards counts no more.
    with world.store.write() as tx:
        delivery_outbox.item_failed(tx, first, "dead", "late", now, now)
    assert world.items() == []


def test_the_one_process_of_a_folder_goes_on_with_its_own_claims_at_once(world: World) -> None:
    dead_letters(world, "a")
    now = int(world.now * 1000)
    with world.store.write() as tx:
        delivery_outbox.claim_items(tx, 1, now, now + CLAIM_MS, 10)
        delivery_outbox.unclaim_all(tx, now)
    assert runner(world, Recorder()).step() == 1


def test_when_nothing_is_taken_the_rest_waits_without_being_counted(world: World) -> None:
    dead_letters(world, *[f"m{n}" for n in range(40)])
    recorder = Recorder(repeat(Retry("busy", after=30.0)), concurrency=1)
    mine = runner(world, recorder)
    assert mine.step() == 1
    assert mine.step() == 0  # until then nothing is called
    world.now += 31
    recorder.script = None
    while mine.step():
        world.now += 31
    assert sorted(recorder.taken) == sorted(f"m{n}" for n in range(40))


@pytest.mark.parametrize("act", [Stop("revoked"), SystemExit(1), "garbage"], ids=str)
def test_whatever_a_destination_does_the_items_stay(world: World, act: object) -> None:
    dead_letters(world, "a", "b")
    mine = runner(world, Recorder(repeat(act)))
    assert mine.step() >= 1
    assert {state for state, _, _ in world.items()} == {"waiting"}
    world.now += 3600
    recorder = Recorder()
    assert runner(world, recorder).step() == 2


def test_a_destination_that_is_off_is_not_due(world: World) -> None:
    destination = dead_letters(world, "a")
    now = int(world.now * 1000)
    with world.store.write() as tx:
        assert delivery_outbox.due_destinations(tx, now) == [1]
        config_rows.change_destination(tx, 2, destination, "t", enabled=False)
        assert delivery_outbox.due_destinations(tx, now) == []
