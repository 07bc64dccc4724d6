"""What destinations are told of audiences and computed traits: all of it, once, in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cdp.delivery.connections import ConnectionRunner
from cdp.delivery.sending import Sender
from cdp.pipeline.forget import regulate
from cdp.plugin import Retry
from cdp.store import config_rows
from cdp.store.config_rows import Destination
from cdp.store.defined import defining
from cdp.store.destinations import connections
from cdp.store.tables import outbox, value_changes
from tests.delivery.world import Recorder, World
from tests.postgres import new_database

TO = [{"destination": "rec"}]


class Town:
    """A world with definitions that are sent to one destination."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.destination = world.add()

    def define(self, key: str, kind: str = "audience", **body: Any) -> None:
        with self.world.store.write() as tx:
            defining.put(tx, 1, (kind, key), body, "test")
        self.settle()

    def remove(self, key: str) -> None:
        with self.world.store.write() as tx:
            defining.remove(tx, 1, ("audience", key), "test")
        self.settle()

    def settle(self) -> None:
        self.world.pipeline.drain()
        for _ in range(1000):
            fired = self.world.pipeline.fire()
            if not self.world.pipeline.compute() and not fired:
                return
        raise AssertionError("it never ends")

    def buy(self, *who: str, total: float = 20, **more: Any) -> None:
        for one in who:
            self.n = getattr(self, "n", 0) + 1
            self.world.track(
                f"m{self.n}", event="Order Completed", userId=one,
                properties={"total": total}, **more,
            )  # fmt: skip
        self.settle()

    def runner(
        self, recorder: Recorder, key: str = "buyers", kind: str = "audience"
    ) -> ConnectionRunner:
        with self.world.store.read() as tx:
            destination = config_rows.all_destinations(tx)[0]
        name = connections.Channel(destination.id, kind, key).stream
        sender = Sender(destination.id, recorder)
        return ConnectionRunner(
            self.world.store, name, destination, sender, "test", self.world.clock
        )

    def tell(self, recorder: Recorder, key: str = "buyers", kind: str = "audience") -> None:
        self.world.run(self.runner(recorder, key, kind))

    def set(self, **changes: Any) -> Destination:
        with self.world.store.write() as tx:
            config_rows.change_destination(tx, 2, self.destination, "test", **changes)
            return config_rows.all_destinations(tx)[0]


def bodies(recorder: Recorder) -> list[dict[str, Any]]:
    return [event.body for batch in recorder.batches for event in batch.events]


def said(recorder: Recorder, key: str = "buyers") -> list[tuple[str, str, Any]]:
    """(who, call, value) of each message."""
    return [
        (
            body.get("userId") or body.get("anonymousId") or body.get("groupId"),
            body.get("event") or body["type"],
            (body.get("properties") or body.get("traits"))[key],
        )
        for body in bodies(recorder)
    ]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def town(request: Any, tmp_path: Path) -> Iterator[Town]:
    world = World(tmp_path, new_database() if request.param == "postgres" else None)
    yield Town(world)
    world.close()


def test_entries_and_exits_are_told_in_segments_shapes(town: Town) -> None:
    town.define("buyers", who='count("Order Completed") = 1', name="One-time buyers", send_to=TO)
    recorder = Recorder()
    town.buy("ada", context={"traits": {"email": "ada@example.com"}})
    town.buy("ada")
    town.tell(recorder)
    assert said(recorder) == [
        ("ada", "identify", True), ("ada", "Audience Entered", True),
        ("ada", "identify", False), ("ada", "Audience Exited", False),
    ]  # fmt: skip
    identify, track = bodies(recorder)[:2]
    assert identify["traits"] == {"buyers": True, "email": "ada@example.com"}
    assert track["properties"] == {
        "audience_key": "buyers", "audience_name": "One-time buyers", "buyers": True,
    }  # fmt: skip
    assert track["context"]["traits"] == {"email": "ada@example.com"}
    personas = track["context"]["personas"]
    assert personas["computation_class"] == "audience"
    assert personas["computation_key"] == "buyers"
    assert personas["computation_id"].startswith("aud_")
    assert personas["space_id"].startswith("spa_")
    assert personas["namespace"] == personas["space_id"]
    assert identify["integrations"] == {"All": False, "Recorder": True}
    assert len({body["messageId"] for body in bodies(recorder)}) == 4
    assert all(body["messageId"].startswith("personas_") for body in bodies(recorder))


def test_a_definition_says_by_which_calls(town: Town) -> None:
    ways = [{"destination": "rec", "as": ["identify"]}]
    town.define("buyers", who='count("Order Completed") = 1', send_to=ways)
    recorder = Recorder()
    town.buy("ada")
    town.tell(recorder)
    assert said(recorder) == [("ada", "identify", True)]


def test_who_has_no_user_id_is_told_by_their_anonymous_ids(town: Town) -> None:
    town.define("buyers", who='count("E") = 1', send_to=TO)
    recorder = Recorder()
    town.world.track("x", userId=None, anonymousId="a1")
    town.settle()
    town.tell(recorder)
    assert said(recorder) == [("a1", "identify", True), ("a1", "Audience Entered", True)]


def test_connecting_tells_of_all_who_are_in_and_of_nobody_else(town: Town) -> None:
    town.define("buyers", who='count("Order Completed") = 1')
    town.buy("ada", "bob", "cy")
    town.buy("bob")  # who came and left
    town.define("buyers", who='count("Order Completed") = 1', send_to=TO)
    recorder = Recorder()
    town.tell(recorder)
    assert [(who, value) for who, call, value in said(recorder) if call == "identify"] == [
        ("ada", True), ("cy", True),
    ]  # fmt: skip
    with town.world.store.read() as tx:
        (told,) = connections.progress(tx, "audience", "buyers")
    assert (told.destination, told.share, told.delivered, told.behind) == ("rec", 1.0, 4, False)


def test_changes_while_the_full_sync_goes_on_end_in_the_right_list(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cdp.delivery.connections.CHANGES", 2)
    town.define("buyers", who='count("Order Completed") = 1')
    people = [f"p{n}" for n in range(8)]
    town.buy(*people)
    town.define("buyers", who='count("Order Completed") = 1', send_to=TO)
    recorder = Recorder()
    runner = town.runner(recorder)
    assert runner.step() == 0.0
    with town.world.store.read() as tx:
        (told,) = connections.progress(tx, "audience", "buyers")
    assert 0 < told.share < 1
    town.buy("p0", "p7", "late")  # one who was told, one who wasn't, a new one
    town.world.run(runner)
    final = {who: value for who, call, value in said(recorder) if call == "identify"}
    assert final == {**dict.fromkeys(people[1:7], True), "p0": False, "p7": False, "late": True}


def test_an_edited_audience_tells_its_difference(town: Town) -> None:
    town.define("buyers", who='count("Order Completed") >= 1', send_to=TO)
    town.buy("ada", "bob")
    town.buy("bob")
    recorder = Recorder()
    town.tell(recorder)
    recorder.batches.clear()
    town.define("buyers", who='count("Order Completed") >= 2', send_to=TO)
    town.tell(recorder)
    assert said(recorder) == [("ada", "identify", False), ("ada", "Audience Exited", False)]


def test_after_a_crash_the_same_messages_go_out_with_the_same_keys(town: Town) -> None:
    town.define("buyers", who='count("Order Completed") = 1', send_to=TO)
    town.buy("ada", "bob")
    killed = Recorder(iter([None, None, KeyboardInterrupt()]), concurrency=1)
    runner = town.runner(killed)
    real = runner._sender.send

    def dies(*args: Any) -> Any:
        real(*args)
        raise MemoryError("killed after sending, before anything was noted")

    runner._sender.send = dies  # type: ignore[method-assign]
    with pytest.raises(MemoryError):
        runner.step()
    town.buy("cy")
    again = Recorder()
    town.tell(again)
    first = [event.key for batch in killed.batches for event in batch.events]
    then = [event.key for batch in again.batches for event in batch.events]
    assert len(first) >= 2
    assert set(first) <= set(then)
    assert len(set(then)) == len(then) == 6


def test_a_dead_provider_stalls_it_and_everything_comes_later_in_order(town: Town) -> None:
    town.define("buyers", who='count("Order Completed") = 1', send_to=TO)
    town.buy("ada")
    recorder = Recorder(iter([Retry("down"), Retry("down")]), concurrency=1)
    runner = town.runner(recorder)
    town.world.run(runner)
    assert town.world.stream(runner.name).state == "stalled"
    town.buy("ada", "bob")
    town.world.now += 60
    town.world.run(runner)
    town.world.now += 60
    town.world.run(runner)
    taken = {key for key in recorder.taken}
    told = [
        (b["userId"], b["traits"]["buyers"])
        for b in bodies(recorder)
        if b["type"] == "identify" and b["messageId"] in taken
    ]
    assert told[-3:] == [("ada", True), ("ada", False), ("bob", True)]
    assert len(recorder.taken) == 6
    assert town.world.rows(outbox) == []


@pytest.mark.parametrize("times", [1, 2])
def test_who_is_joined_with_a_member_is_told_as_they_stand(town: Town, times: int) -> None:
    town.define("buyers", who=f'count("Order Completed") = {times}', send_to=TO)
    recorder = Recorder()
    town.buy("ada")
    town.world.track("a", event="Order Completed", userId=None, anonymousId="phone")
    town.settle()
    town.tell(recorder)
    was = {who: value for who, call, value in said(recorder) if call == "identify"}
    assert was == ({"ada": True, "phone": True} if times == 1 else {})
    recorder.batches.clear()
    town.world.track("b", type="identify", userId="ada", anonymousId="phone")
    town.settle()
    town.tell(recorder)
    told = [(who, value) for who, call, value in said(recorder) if call == "identify"]
    assert told[-1] == ("ada", times == 2)
    town.define("buyers", who=f'count("Order Completed") = {times}')
    town.define("buyers", who=f'count("Order Completed") = {times}', send_to=TO)
    town.tell(anew := Recorder())
    inside = {who for who, call, _ in said(anew) if call == "identify"}
    assert inside == ({"ada"} if times == 2 else set())


def test_filters_and_consent_hold_as_for_all_events(town: Town) -> None:
    town.define("buyers", who='count("Order Completed") = 1', send_to=TO)
    town.set(filter='type = "identify"', consent_categories=["ads"])
    town.buy("ada", context={"consent": {"categoryPreferences": {"ads": True}}})
    town.buy("bob", context={"consent": {"categoryPreferences": {"ads": False}}})
    recorder = Recorder()
    town.tell(recorder)
    assert said(recorder) == [("ada", "identify", True)]


def test_deleted_and_suppressed_people_are_not_told_of(town: Town) -> None:
    town.define("buyers", who='count("Order Completed") = 1', send_to=TO)
    town.buy("ada", "bob", "cy")
    now = int(town.world.now * 1000)
    store = town.world.store
    regulate(store, "SUPPRESS_ONLY", [("user_id", "ada")], "test", now, 1)
    regulate(store, "DELETE_ONLY", [("user_id", "bob")], "test", now, 1)
    recorder = Recorder()
    town.tell(recorder)
    assert {who for who, _, _ in said(recorder)} == {"cy"}


def test_who_no_longer_is_connected_is_told_nothing_more(town: Town) -> None:
    town.define("buyers", who='count("Order Completed") = 1', send_to=TO)
    town.buy("ada")
    runner = town.runner(recorder := Recorder())
    town.define("buyers", who='count("Order Completed") = 1')
    town.buy("bob")
    runner.step()
    assert recorder.batches == []
    with town.world.store.read() as tx:
        assert connections.progress(tx, "audience", "buyers") == []
    town.define("buyers", who='count("Order Completed") = 1', send_to=TO)
    town.tell(again := Recorder())
    assert {who for who, _, _ in said(again)} == {"ada", "bob"}


def test_a_computed_trait_tells_its_values_and_then_the_newest_of_each_batch(town: Town) -> None:
    town.define("spent", "computed_trait", value='sum(properties.total of "Order Completed")')
    town.buy("ada", "bob")
    assert town.world.rows(value_changes) == []  # nobody is told: nothing is noted
    town.define(
        "spent", "computed_trait", value='sum(properties.total of "Order Completed")', send_to=TO
    )
    recorder = Recorder()
    town.tell(recorder, "spent", "computed_trait")
    assert said(recorder, "spent") == [
        ("ada", "identify", 20), ("ada", "Trait Computed", 20),
        ("bob", "identify", 20), ("bob", "Trait Computed", 20),
    ]  # fmt: skip
    assert bodies(recorder)[1]["properties"] == {
        "trait_key": "spent", "trait_name": "Spent", "spent": 20,
    }  # fmt: skip
    assert bodies(recorder)[0]["context"]["personas"]["computation_class"] == "trait"
    recorder.batches.clear()
    town.buy("ada", "ada", "ada")
    town.tell(recorder, "spent", "computed_trait")
    assert said(recorder, "spent") == [("ada", "identify", 80), ("ada", "Trait Computed", 80)]
    with town.world.store.write() as tx:
        connections.trim_values(tx)
    assert town.world.rows(value_changes) == []


def test_an_edited_trait_tells_what_is_another_and_what_is_gone(town: Town) -> None:
    def define(text: str) -> None:
        town.define("spent", "computed_trait", value=text, send_to=TO)

    define('sum(properties.total of "Order Completed")')
    town.buy("ada", total=5)
    town.buy("bob", total=50)
    recorder = Recorder()
    town.tell(recorder, "spent", "computed_trait")
    recorder.batches.clear()
    define('sum(properties.total of "Order Completed" where properties.total > 9)')
    town.tell(recorder, "spent", "computed_trait")
    (first, *_) = [item for item in said(recorder, "spent") if item[1] == "identify"]
    assert first[0] == "ada"
    assert first[2] in (0, None)


def test_an_account_is_told_of_as_a_group(town: Town) -> None:
    town.define("big", of="accounts", who="traits.employees > 10", send_to=TO)
    town.world.track("g", type="group", groupId="acme", traits={"employees": 20})
    town.settle()
    recorder = Recorder()
    town.tell(recorder, "big")
    (body,) = bodies(recorder)
    assert (body["type"], body["groupId"], body["traits"]) == ("group", "acme", {"big": True})


def test_a_destination_that_is_not_there_is_refused(town: Town) -> None:
    with pytest.raises(defining.DefinitionError, match="there is no destination reco"):
        town.define("buyers", who="true", send_to=[{"destination": "reco"}])
