"""The delivery process: it follows the settings, keeps its claims, and lets nothing pile up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from cdp.delivery.engine import Delivery
from cdp.jobs.queue import waiting
from cdp.plugin import Batch, DestinationContext, hookimpl
from cdp.plugin.manager import Failure, Plugins
from cdp.store import config_rows
from cdp.store.defined import defining
from cdp.store.destinations import hooks as delivery_hooks
from cdp.store.destinations.plugin_errors import record_failures
from cdp.store.tables import calls, plugin_errors
from tests.delivery.world import Recorder, World

TAKEN: list[tuple[str, str]] = []


class Noting(Recorder):
    """Notes under its ``tag``; breaks when it is made with none."""

    key = "recorder"

    def __init__(self, settings: dict[str, Any], context: DestinationContext) -> None:
        if settings.get("tag") == "broken":
            raise SystemExit("no tag, no service")
        super().__init__()
        self.tag = settings.get("tag", "")

    def send(self, batch: Batch) -> None:
        TAKEN.extend((self.tag, event.id) for event in batch.events)


class Plugin:
    """Brings `Noting` and a hook that hangs."""

    def __init__(self) -> None:
        self.go = threading.Event()

    @hookimpl
    def register_destinations(self) -> list[type]:
        return [Noting]

    @hookimpl
    def on_events(self, events: list[Any]) -> None:
        self.go.wait(60)


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, TAKEN
        time.sleep(0.02)


@pytest.fixture
def engine(world: World) -> Iterator[Delivery]:
    TAKEN.clear()
    plugin, plugins, stop = Plugin(), Plugins(), threading.Event()
    plugins.register(plugin, "p")
    made = Delivery(world.store, replace(world.settings, calls_kept=5), plugins, me="one")
    thread = threading.Thread(target=made.run, args=[stop])
    thread.start()
    yield made
    plugin.go.set()
    stop.set()
    thread.join(60)
    assert not thread.is_alive()


def change(world: World, **what: Any) -> None:
    with world.store.write() as tx:
        [found] = config_rows.all_destinations(tx)
        config_rows.change_destination(tx, int(time.time() * 1000), found, "test", **what)


def test_it_follows_the_settings_while_a_plugin_hangs(world: World, engine: Delivery) -> None:
    world.add()
    world.track("a")
    until(lambda: TAKEN == [("", "a")])
    change(world, settings={"tag": "new"})
    until(lambda: engine.senders.destinations[1].settings == {"tag": "new"})
    world.track("b")
    until(lambda: TAKEN[1:] == [("new", "b")])
    change(world, enabled=False)
    until(lambda: "destination:1" not in engine._jobs)
    world.track("while off")
    change(world, enabled=True)
    world.track("c")
    until(lambda: TAKEN[2:] == [("new", "c")])
    change(world, settings={"tag": "broken"})
    until(lambda: world.stream().state == "stopped")
    assert world.stream().error == "no tag, no service"
    world.track("d")
    change(world, settings={"tag": "mended"})
    until(lambda: TAKEN[3:] == [("mended", "d")])


def test_a_claim_is_renewed_while_the_process_lives(world: World, engine: Delivery) -> None:
    world.add()
    world.track("a")
    until(lambda: TAKEN)
    until(lambda: world.stream().claimed_by == "one")
    before = world.stream().claimed_until
    engine._renewed = float("-inf")
    until(lambda: world.stream().claimed_until > before)


def test_old_calls_and_plugin_errors_are_dropped(world: World, engine: Delivery) -> None:
    world.add()
    world.track(*[f"m{n}" for n in range(12)])
    until(lambda: len(TAKEN) == 12)
    until(lambda: world.stream().seq == 13)
    engine._tidied = float("-inf")
    until(lambda: len(world.rows(calls)) == 5)
    with world.store.write() as tx:
        for number in range(delivery_hooks.MOST_ERRORS + 20):
            record_failures(tx, [Failure("p", "send", f"error {number}", "")], number)
        delivery_hooks.trim_errors(tx)
    kept = world.rows(plugin_errors)
    assert len(kept) == delivery_hooks.MOST_ERRORS
    assert min(row.last_at for row in kept) == 20


def test_audiences_are_told_by_one_thread_a_destination(world: World, engine: Delivery) -> None:
    world.add()

    def define(key: str, **body: Any) -> None:
        with world.store.write() as tx:
            defining.put(tx, 1, ("audience", key), body, "test")
        while world.pipeline.compute():
            pass

    to = [{"destination": "rec", "as": ["identify"]}]
    for number in range(5):
        define(f"a{number}", who=f"traits.n = {number}", send_to=to)
    until(lambda: "connections:1" in engine._jobs)
    world.track("m", type="identify", traits={"n": 3})
    until(lambda: any(id_.startswith("personas_") for _, id_ in TAKEN))
    assert [name for name in engine._jobs if "a3" in name] == []
    for number in range(5):
        define(f"a{number}", who=f"traits.n = {number}")
    until(lambda: "connections:1" not in engine._jobs)
    assert len([id_ for _, id_ in TAKEN if id_.startswith("personas_")]) == 1


def test_a_job_tells_of_an_audience_and_ends(world: World) -> None:
    TAKEN.clear()
    plugins = Plugins()
    plugins.register(Plugin(), "p")
    world.add()
    with world.store.write() as tx:
        body = {"who": "traits.n = 3", "send_to": [{"destination": "rec"}]}
        defining.put(tx, 1, ("audience", "three"), body, "test")
    while world.pipeline.compute():
        pass
    world.track("m", type="identify", traits={"n": 3})
    job, now = Delivery(world.store, world.settings, plugins), int(time.time() * 1000)
    assert "audience:1:three" in waiting(world.store, now)
    job.work("audience:1:three", 5.0)
    job.senders.close()
    assert len(TAKEN) == 2
    assert "audience:1:three" not in waiting(world.store, now)
