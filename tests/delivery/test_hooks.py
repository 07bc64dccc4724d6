"""Plugins that follow events and profiles."""

from typing import Any

from cdp.delivery.hooks import HookRunner
from cdp.store.defined import defining
from cdp.store.destinations import hooks as delivery_hooks
from cdp.store.tables import plugin_errors, profile_changes, transitions
from tests.delivery.world import World


class Following:
    """A plugin's hook that fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.batches: list[list[Any]] = []

    def __call__(self, **given: list[Any]) -> None:
        [items] = given.values()
        self.batches.append(items)
        if self.failures:
            self.failures -= 1
            raise RuntimeError("not today")


def test_a_plugin_gets_what_is_stored_from_now_on(world: World) -> None:
    world.track("before")
    plugin = Following()
    runner = HookRunner(world.store, "p", "on_events", plugin, "test", world.clock)
    world.track("a", "b")
    world.track("old", timestamp="2020-01-01T00:00:00Z")
    while runner.step() == 0.0:
        pass
    assert [event.id for batch in plugin.batches for event in batch] == ["a", "b"]


def test_one_that_raises_is_recorded_and_given_the_same_again(world: World) -> None:
    plugin = Following(failures=2)
    runner = HookRunner(world.store, "p", "on_events", plugin, "test", world.clock)
    world.track("a")
    for _ in range(8):
        runner.step()
        world.now += 60
    assert [[event.id for event in batch] for batch in plugin.batches] == [["a"]] * 3
    [row] = world.rows(plugin_errors)
    assert (row.plugin, row.hook, row.n) == ("p", "on_events", 2)
    assert world.stream("hook:p:on_events").state == "running"


class Asking:
    """Stands for plugins of which one follows profiles."""

    wanted = False

    def enrich(self, _: Any) -> dict[int, Any]:
        return {}

    def tells_changes(self) -> bool:
        return True


def test_who_enters_and_leaves_an_audience_is_told_by_message_and_by_time(world: World) -> None:
    world.pipeline._enricher = Asking()
    with world.store.write() as tx:
        body = {"who": 'count("E" within 1d) = 1'}
        defining.put(tx, 1, ("audience", "fresh"), body, "test")
    while world.pipeline.compute():
        pass
    plugin = Following()
    runner = HookRunner(world.store, "p", "on_profile_changes", plugin, "test", world.clock)

    def moves() -> list[tuple[str, str, dict[str, Any]]]:
        while runner.step() == 0.0:
            pass
        told = [(c.kind, c.profile[:4], c.detail) for batch in plugin.batches for c in batch]
        return [item for item in told if item[0].startswith("audience_")]

    world.track("a")
    entered = ("audience_entered", "use_", {"audience": "fresh"})
    assert moves() == [entered]
    world.now += 86_401
    world.pipeline.drain()
    while world.pipeline.fire():
        pass
    assert moves() == [entered, ("audience_exited", "use_", {"audience": "fresh"})]


def test_changes_of_profiles_are_told_where_a_plugin_asks(world: World) -> None:
    world.pipeline._enricher = Asking()
    plugin = Following()
    runner = HookRunner(world.store, "p", "on_profile_changes", plugin, "test", world.clock)
    world.track("a", userId="u", anonymousId="a")
    world.track("b", type="identify", userId="v", traits={"plan": "pro"})
    world.track("c", userId="w")
    world.track("d", userId=None, anonymousId="z")
    world.track("e", userId="w", anonymousId="z")
    while runner.step() == 0.0:
        pass
    told = [(c.kind, c.profile[:4], c.detail) for batch in plugin.batches for c in batch]
    kinds = [kind for kind, _, _ in told]
    assert kinds.count("created") >= 3 and "merged" in kinds
    assert ("updated", "use_", {"traits": ["plan"]}) in told


def test_transitions_of_journeys_are_a_stream_like_the_others(world: World) -> None:
    world.track("a", userId="u")
    plugin = Following(failures=1)

    def tell(*steps: str) -> None:
        rows = [(1, "welcome", "run-1", step, "entered", '{"n":1}') for step in steps]
        with world.store.write() as tx:
            delivery_hooks.add_transitions(tx, rows, 5)

    tell("before")
    runner = HookRunner(world.store, "p", "on_transitions", plugin, "test", world.clock)
    tell("wait", "mail")
    for _ in range(4):
        runner.step()
        world.now += 60
    assert [[t.step for t in batch] for batch in plugin.batches] == [["wait", "mail"]] * 2
    first = plugin.batches[1][0]
    assert (first.journey, first.run, first.kind, first.detail) == (
        "welcome", "run-1", "entered", {"n": 1},
    )  # fmt: skip
    assert first.person.startswith("use_") and (first.at, first.seq) == (5, 2)
    tell("end")
    runner.step()
    assert [t.step for t in plugin.batches[-1]] == ["end"]
    assert [row.hook for row in world.rows(plugin_errors)] == ["on_transitions"]


def test_what_all_followers_know_is_dropped_and_what_is_very_old(world: World) -> None:
    world.track("a", userId="u")
    rows = [(1, "j", "r", str(n), "entered", "{}") for n in range(6)]
    fast = HookRunner(world.store, "f", "on_transitions", Following(), "test", world.clock)
    slow = HookRunner(world.store, "s", "on_transitions", Following(9), "test", world.clock)
    with world.store.write() as tx:
        delivery_hooks.add_transitions(tx, rows[:3], 10)
        delivery_hooks.add_transitions(tx, rows[3:], 20)
        delivery_hooks.trim_followed(tx, 0)
    fast.step()
    slow.step()
    with world.store.write() as tx:
        delivery_hooks.trim_followed(tx, 0)
    assert len(world.rows(transitions)) == 6
    with world.store.write() as tx:
        delivery_hooks.trim_followed(tx, 15)
    assert [row.step for row in world.rows(transitions)] == ["3", "4", "5"]
    slow._function = Following()
    world.now += 60
    while slow.step() == 0.0:
        pass
    with world.store.write() as tx:
        delivery_hooks.trim_followed(tx, 0)
    assert world.rows(transitions) == [] and world.rows(profile_changes) == []
