"""A destination's stream: once, in order, nothing lost whatever fails."""

from itertools import repeat

import pytest

from cdp.delivery import replay
from cdp.delivery.senders import Senders
from cdp.plugin import Outcome, Reject, Retry, Stop, hookimpl
from cdp.plugin.manager import Plugins
from cdp.store import config_rows
from cdp.store.destinations import health as delivery_health
from cdp.store.destinations import streams as delivery
from cdp.store.tables import plugin_errors
from tests.delivery.world import Recorder, World


class Brings:
    """A plugin with the destination."""

    @hookimpl
    def register_destinations(self) -> list[type[Recorder]]:
        return [Recorder]


def test_each_event_is_delivered_once_with_a_key_of_its_own(world: World) -> None:
    destination, recorder = world.add(), Recorder()
    world.track("a", "b")
    runner = world.runner(destination, recorder)
    world.run(runner)
    world.track("b", "c")
    world.run(runner)
    assert recorder.taken == ["a", "b", "c"]
    assert len({batch.events[0].key for batch in recorder.batches}) == 3
    with world.store.read() as tx:
        health = delivery_health.destination_health(tx, destination.id)
    assert (health.delivered, health.behind, health.state) == (3, 0, "running")
    assert world.call_outcomes() == ["delivered"] * 3


def test_only_what_came_after_it_was_added_is_for_it(world: World) -> None:
    world.track("before")
    recorder = Recorder()
    runner = world.runner(world.add(), recorder)
    world.run(runner)
    world.track("after")
    world.run(runner)
    assert recorder.taken == ["after"]


def test_a_destination_of_one_source_gets_nothing_else(world: World) -> None:
    recorder = Recorder()
    runner = world.runner(world.add(source_id=2), recorder)
    world.track("mine", source=2)
    world.track("theirs", source=1)
    world.run(runner)
    assert recorder.taken == ["mine"]


@pytest.mark.parametrize(
    ("wishes", "goes"),
    [
        ({}, True),
        ({"All": False}, False),
        ({"All": False, "Recorder": True}, True),
        ({"All": False, "Recorder": {"x": 1}}, True),
        ({"Recorder": False}, False),
        ({"All": True, "Recorder": False}, False),
        ({"recorder": False}, True),  # names are case-sensitive
        ({"Other": False}, True),
    ],
)
def test_the_integrations_object_decides(
    world: World, wishes: dict[str, object], goes: bool
) -> None:
    recorder = Recorder()
    runner = world.runner(world.add(), recorder)
    world.track("x", integrations=wishes)
    world.run(runner)
    assert recorder.taken == (["x"] if goes else [])


def test_history_reaches_a_destination_only_by_a_replay_that_names_it(world: World) -> None:
    destination, recorder = world.add(), Recorder()
    runner = world.runner(destination, recorder)
    world.track("old", timestamp="2026-01-01T00:00:00Z")
    world.track("imported", live=False)
    world.track("new")
    world.run(runner)
    assert recorder.taken == ["new"]
    with world.store.write() as tx:
        end = int(world.now * 1000)
        name = replay.start(tx, end, 0, end + 10_000, destination, "test")
    again = Recorder()
    world.run(world.runner(destination, again, name))
    assert sorted(again.taken) == ["imported", "new", "old"]
    assert again.batches[0].events[0].body["integrations"] == {"All": False, "Recorder": True}
    assert world.stream(name).state == "done"
    first = {batch.events[0].id: batch.events[0].key for batch in recorder.batches}
    assert {b.events[0].id: b.events[0].key for b in again.batches}["new"] == first["new"]


def test_a_replay_takes_only_the_time_it_was_given(world: World) -> None:
    destination = world.add()
    world.track("early", timestamp="2026-01-01T00:00:00Z")
    world.track("late", timestamp="2026-02-01T00:00:00Z")
    with world.store.write() as tx:
        name = replay.start(tx, 1, 1_767_200_000_000, 1_767_300_000_000, destination, "test")
    recorder = Recorder()
    world.run(world.runner(destination, recorder, name))
    assert recorder.taken == ["early"]


def test_a_provider_that_fails_stalls_the_stream_and_the_rest_goes_later(world: World) -> None:
    destination = world.add()
    recorder = Recorder(iter([None, Retry("busy", after=30.0), *repeat(None, 9)]), concurrency=1)
    runner = world.runner(destination, recorder)
    world.track("a", "b", "c")
    world.run(runner)
    stream = world.stream()
    assert (stream.state, stream.error, stream.attempts) == ("stalled", "busy", 1)
    assert stream.next_at >= int((world.now + 30) * 1000)
    assert stream.to_seq is not None  # where the batch ends is known
    world.run(runner)
    assert recorder.taken == ["a"]
    world.now += 60
    world.run(runner)
    assert recorder.taken == ["a", "b", "c"]
    assert world.stream().state == "running"
    assert recorder.batches[1].events[0].key == recorder.batches[2].events[0].key
    assert (recorder.batches[1].attempt, recorder.batches[2].attempt) == (1, 2)


def test_a_stalled_stream_makes_no_rows_of_its_backlog(world: World) -> None:
    recorder = Recorder(repeat(Retry("down")))
    runner = world.runner(world.add(), recorder)
    world.track(*[f"m{n}" for n in range(40)])
    for _ in range(5):
        world.run(runner)
        world.now += 400
    assert world.items() == []
    assert world.stream().attempts == 5


def test_what_is_refused_is_a_dead_letter_that_can_be_tried_again(world: World) -> None:
    destination = world.add()
    recorder = Recorder(iter([None, Reject("no such user"), None]), concurrency=1)
    runner = world.runner(destination, recorder)
    world.track("a", "b", "c")
    world.run(runner)
    assert recorder.taken == ["a", "c"]
    [(state, key, error)] = world.items()
    assert (state, error) == ("dead", "no such user")
    with world.store.write() as tx:
        assert delivery_health.replay_dead(tx, int(world.now * 1000), destination, "t") == 1
    second = Recorder()
    assert world.outbox_run(destination, second) == 1
    assert second.taken == ["b"] and second.batches[0].events[0].key == key
    assert world.items() == []


def test_single_items_of_a_batch_have_a_fate_of_their_own(world: World) -> None:
    destination = world.add()
    fates = [Outcome.delivered(), Outcome.retry("slow down", 5.0), Outcome.reject("bad")]
    recorder = Recorder(iter([fates]), batch_size=10)
    runner = world.runner(destination, recorder)
    world.track("a", "b", "c")
    world.run(runner)
    assert sorted((state, error) for state, _, error in world.items()) == [
        ("dead", "bad"),
        ("waiting", "slow down"),
    ]
    assert world.outbox_run(destination, Recorder()) == 0
    world.now += 10
    later = Recorder()
    assert world.outbox_run(destination, later) == 1
    assert later.taken == ["b"]


def test_an_item_that_is_never_taken_dies_after_its_hours(world: World) -> None:
    destination = world.add()
    runner = world.runner(destination, Recorder(iter([[Outcome.retry("later")]]), batch_size=10))
    world.track("a")
    world.run(runner)
    for _ in range(200):
        world.outbox_run(destination, Recorder(repeat(Retry("still down"))))
        world.now += 600
        if world.items()[0][0] == "dead":
            break
    assert world.items()[0][2] == "still down"


def test_after_a_crash_the_same_events_go_out_with_the_same_keys(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    destination, recorder = world.add(), Recorder(batch_size=10)
    world.track("a", "b")

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(delivery, "finish_batch", crash)
    with pytest.raises(KeyboardInterrupt):
        world.run(world.runner(destination, recorder))
    monkeypatch.undo()
    world.track("c")
    world.run(world.runner(destination, recorder))
    assert [[e.id for e in b.events] for b in recorder.batches] == [["a", "b"], ["a", "b"], ["c"]]
    assert recorder.batches[0].key == recorder.batches[1].key


def test_only_events_that_meet_its_filter_go_there(world: World) -> None:
    destination = world.add()
    with world.store.write() as tx:
        text = "properties.total > 50 and !match(event, 'Test*')"
        config_rows.change_destination(tx, 2, destination, "test", filter=text)
        filtered = config_rows.all_destinations(tx)[0]
    recorder = Recorder()
    runner = world.runner(filtered, recorder)
    world.track("a", properties={"total": 60})
    world.track("b", properties={"total": "60"})
    world.track("c", event="Test Event", properties={"total": 70})
    world.track("d")
    world.run(runner)
    assert recorder.taken == ["a"]
    with world.store.read() as tx:
        health = delivery_health.destination_health(tx, destination.id)
    assert (health.delivered, health.filtered) == (1, 3)


def test_a_filter_that_can_not_be_read_stops_the_destination_and_loses_nothing(
    world: World,
) -> None:
    destination = world.add()
    plugins = Plugins()
    plugins.register(Brings(), "p")
    with world.store.write() as tx:
        config_rows.change_destination(tx, 2, destination, "test", filter="event = ")
        broken = config_rows.all_destinations(tx)[0]
    assert Senders(world.store, world.settings, plugins).get(broken) is None
    error = "its filter can't be read: line 1, column 8: the condition ends here"
    assert world.stream().state == "stopped" and error in (world.stream().error or "")
    world.track("a")
    with world.store.write() as tx:
        config_rows.change_destination(tx, 3, broken, "test", filter="")
    recorder = Recorder()
    world.run(world.runner(destination, recorder))
    assert recorder.taken == ["a"]


def test_wrong_credentials_stop_it_until_somebody_changes_the_settings(world: World) -> None:
    destination = world.add()
    runner = world.runner(destination, Recorder(iter([Stop("key revoked")])))
    world.track("a")
    world.run(runner)
    assert (world.stream().state, world.stream().error) == ("stopped", "key revoked")
    world.now += 10_000
    world.run(runner)
    assert world.stream().state == "stopped"
    with world.store.write() as tx:
        config_rows.change_destination(tx, 2, destination, "test", settings={})
    fixed = Recorder()
    world.run(world.runner(destination, fixed))
    assert fixed.taken == ["a"]


@pytest.mark.parametrize(
    "misdeed",
    [[Outcome.delivered()] * 7, "done", ValueError("boom"), SystemExit(3), [None, None], {}],
    ids=str,
)
def test_a_hostile_plugin_is_recorded_and_nothing_is_lost(world: World, misdeed: object) -> None:
    destination = world.add()
    recorder = Recorder(iter([misdeed]), batch_size=10)
    runner = world.runner(destination, recorder)
    world.track("a", "b")
    world.run(runner)
    assert world.stream().state == "stalled"
    assert [row.hook for row in world.rows(plugin_errors)] == ["send"]
    world.now += 60
    world.run(runner)
    assert recorder.taken == ["a", "b"]


def test_events_of_a_person_stay_in_order_across_lanes(world: World) -> None:
    destination, recorder = world.add(), Recorder(concurrency=8)
    ids = []
    for number in range(60):
        id_ = f"{number % 6}-{number:03d}"
        ids.append(id_)
        world.track(id_, userId=f"u{number % 6}")
    world.run(world.runner(destination, recorder))
    assert sorted(recorder.taken) == sorted(ids)
    for person in range(6):
        mine = [id_ for id_ in recorder.taken if id_.startswith(f"{person}-")]
        assert mine == sorted(mine)


def test_what_came_while_it_was_off_is_not_for_it(world: World) -> None:
    destination = world.add()
    with world.store.write() as tx:
        config_rows.change_destination(tx, 2, destination, "test", enabled=False)
    world.track("while off")
    with world.store.write() as tx:
        off = destination._replace(enabled=False)
        config_rows.change_destination(tx, 3, off, "test", enabled=True)
    recorder = Recorder()
    runner = world.runner(destination, recorder)
    world.track("after")
    world.run(runner)
    assert recorder.taken == ["after"]
