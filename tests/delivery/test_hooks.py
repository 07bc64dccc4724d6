"""Plugins that follow events and profiles."""

from typing import Any

from cdp.delivery.hooks import HookRunner
from cdp.store.tables import plugin_errors
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


def test_changes_of_profiles_are_told_where_a_plugin_asks(world: World) -> None:
    class Asking:
        wanted = False

        def enrich(self, _: Any) -> dict[int, Any]:
            return {}

        def tells_changes(self) -> bool:
            return True

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
