"""One message to an audience: everybody of it, once, when their turn comes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cdp.delivery.broadcasts import report
from cdp.plugin import Receipt
from cdp.store.messages import broadcast_figures, deliveries, preferences
from tests.delivery.broadcasts.campaign import Campaign


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Campaign]:
    made = Campaign(tmp_path, templates=("t", "a", "b"))
    yield made
    made.close()


def states(world: Campaign, id_: int) -> dict[str, int]:
    with world.store.read() as tx:
        return broadcast_figures.states(tx, id_)


def test_everybody_gets_it_once_and_it_is_done(world: Campaign) -> None:
    for n in range(5):
        world.identify(f"u{n}")
    id_ = world.begin()
    world.run()
    row = world.row(id_)
    assert sorted(world.got()) == [f"u{n}@example.org" for n in range(5)]
    assert (row.state, row.people, row.queued) == ("done", 5, 5)
    world.run(60)
    assert len(world.got()) == 5


def test_a_condition_chooses(world: Campaign) -> None:
    world.identify("u1", plan="pro")
    world.identify("u2", plan="free")
    world.begin(who={"condition": 'traits.plan = "pro"'})
    world.run()
    assert world.got() == ["u1@example.org"]


def test_who_comes_after_the_start_gets_nothing(world: Campaign) -> None:
    world.identify("u1")
    id_ = world.begin(per_minute=60)
    world.move()
    world.identify("u2")
    world.run(5)
    world.run(5)
    assert world.got() == ["u1@example.org"]
    assert world.row(id_).state == "done"


def test_it_waits_for_its_time(world: Campaign) -> None:
    world.identify("u1")
    id_ = world.begin(at=world.now + 100)
    world.run(99)
    assert world.row(id_).state == "scheduled"
    world.run(2)
    assert world.got() == ["u1@example.org"]


def test_an_audience_that_is_gone_fails_it_with_a_reason(world: Campaign) -> None:
    id_ = world.begin(who={"audience": "vip"})
    world.run()
    assert world.row(id_).state == "failed"
    assert world.row(id_).error == "there is no audience vip"


def test_a_template_that_is_gone_pauses_it_with_a_reason(world: Campaign) -> None:
    world.identify("u1")
    id_ = world.begin(template="other")
    world.run()
    assert world.row(id_).state == "paused"
    assert world.row(id_).error == "there is no template other"


def test_a_throttle_spreads_it(world: Campaign) -> None:
    for n in range(30):
        world.identify(f"u{n}")
    world.begin(per_minute=60)
    world.run()
    assert len(world.got()) <= 2
    for _ in range(10):
        world.run(1)
    assert 9 <= len(world.got()) <= 12
    for _ in range(25):
        world.run(1)
    assert len(world.got()) == 30


def test_a_ramp_lets_more_go_each_day(world: Campaign) -> None:
    for n in range(8):
        world.identify(f"u{n}")
    world.begin(ramp={"first_day": 2, "factor": 2})
    world.run()
    assert len(world.got()) == 2
    world.run(86_400)
    assert len(world.got()) == 6
    world.run(86_400)
    assert len(world.got()) == 8


def test_local_times_come_one_zone_after_the_other(world: Campaign) -> None:
    world.identify("tokyo", timezone="Asia/Tokyo")
    world.identify("berlin", timezone="Europe/Berlin")
    world.identify("nowhere", timezone="Mars/Base")
    world.now = datetime(2026, 11, 30, 12, tzinfo=UTC).timestamp()
    world.begin(when={"local": "2026-12-01T09:00", "zone": "America/New_York"})
    world.run()
    assert world.got() == []
    world.run(12 * 3600 + 60)  # 00:01 UTC: it is past nine in Tokyo
    assert world.got() == ["tokyo@example.org"]
    world.run(8 * 3600)
    assert world.got()[1:] == ["berlin@example.org"]
    world.run(6 * 3600)
    assert world.got()[2:] == ["nowhere@example.org"]


@pytest.mark.parametrize(("late", "hours"), [("now", 0), ("next_day", 22)])
def test_for_whom_it_has_passed(world: Campaign, late: str, hours: int) -> None:
    world.identify("berlin", timezone="Europe/Berlin")
    world.now = datetime(2026, 12, 1, 10, tzinfo=UTC).timestamp()  # eleven in Berlin
    world.begin(when={"local": "2026-12-01T09:00", "late": late})
    world.run()
    if hours:
        assert world.got() == []
        world.run(hours * 3600 - 60)
        assert world.got() == []
        world.run(120)
    assert world.got() == ["berlin@example.org"]


def test_some_are_held_out(world: Campaign) -> None:
    for n in range(40):
        world.identify(f"u{n}")
    id_ = world.begin(holdout=50)
    world.run()
    row = world.row(id_)
    assert 8 <= row.held_out <= 32
    assert len(world.got()) == 40 - row.held_out
    assert row.state == "done"


def test_variants_share_the_people(world: Campaign) -> None:
    for n in range(60):
        world.identify(f"u{n}")
    variants = [{"name": "a", "template": "a", "share": 3}, {"name": "b", "template": "b"}]
    id_ = world.begin(template=None, variants=variants)
    world.run()
    with world.store.read() as tx:
        figures = broadcast_figures.by_variant(tx, id_)
    assert figures["a"]["sent"] + figures["b"]["sent"] == 60
    assert figures["a"]["sent"] > figures["b"]["sent"] > 0


def test_the_rest_gets_the_winner(world: Campaign) -> None:
    for n in range(60):
        world.identify(f"u{n}")
    variants = [{"name": "a", "template": "a"}, {"name": "b", "template": "b"}]
    test = {"share": 50, "winner": "opened", "after": "1h"}
    id_ = world.begin(template=None, variants=variants, test=test)
    world.run()
    first = len(world.got())
    assert 15 < first < 45
    assert world.row(id_).state == "testing"
    with world.store.write() as tx:
        for number in range(1, 200):
            row = deliveries.get(tx, number)
            if row is not None and row.variant == "b":
                deliveries.first_time(tx, "opened_at", [row.id], int(world.now * 1000))
    world.run(3500)
    assert len(world.got()) == first
    world.run(200)
    row = world.row(id_)
    assert (row.winner, row.state, len(world.got())) == ("b", "done", 60)
    assert "b: 100.0% opened, a: 0.0%" in (row.winner_why or "")
    with world.store.read() as tx:
        figures = broadcast_figures.by_variant(tx, id_)
        said = report.report(tx, row, int(world.now * 1000)).words["opened"]
    assert figures["b"]["sent"] > figures["a"]["sent"]
    # What the rest got, and has not opened yet, is no part of the comparison.
    assert said.startswith("In the test: b: 100.0% opened, a: 0.0%")


def test_a_pause_holds_back_what_waits(world: Campaign) -> None:
    for n in range(10):
        world.identify(f"u{n}")
    id_ = world.begin()
    world.move(steps=2)
    world.pause(id_)
    world.run()
    assert world.got() == []
    assert states(world, id_) == {"paused": 10}
    world.resume(id_)
    world.run()
    assert len(world.got()) == 10
    assert world.row(id_).state == "done"


def test_nothing_is_claimed_after_a_pause_has_committed(world: Campaign) -> None:
    world.identify("u1")
    id_ = world.begin()
    world.move(steps=2)
    world.pause(id_)
    world.settle()  # before the mover has held anything back
    assert world.got() == []
    world.resume(id_)
    world.run(60)
    assert world.got() == ["u1@example.org"]


def test_a_cancel_takes_back_what_waits(world: Campaign) -> None:
    for n in range(10):
        world.identify(f"u{n}")
    id_ = world.begin(per_minute=120)
    world.run()
    before = len(world.got())
    assert 0 < before < 10
    world.move(1)
    world.cancel(id_)
    world.run(600)
    assert len(world.got()) == before
    assert set(states(world, id_)) <= {"sent", "cancelled", "undeliverable"}


def test_two_who_became_one_get_one_message(world: Campaign) -> None:
    world.identify("u1")
    world.put("identify", {"anonymousId": "a1", "traits": {"email": "a@example.org"}})
    id_ = world.begin(per_minute=1)
    world.run()
    assert len(world.got()) == 1
    world.put("identify", {"userId": "u1", "anonymousId": "a1"})
    world.run(120)
    world.run(120)
    row = world.row(id_)
    assert len(world.got()) == 1
    assert (row.state, row.queued, row.reasons) == ("done", 1, {"merged": 1})


def test_two_who_became_one_while_both_waited_get_one_message(world: Campaign) -> None:
    world.identify("u1")
    world.put("identify", {"anonymousId": "a1", "traits": {"email": "a@example.org"}})
    id_ = world.begin()
    world.move()
    assert states(world, id_) == {"waiting": 2}
    world.put("identify", {"userId": "u1", "anonymousId": "a1"})
    world.run()
    assert len(world.got()) == 1
    assert states(world, id_) == {"sent": 1, "undeliverable": 1}


def test_who_wants_none_is_withheld_with_a_reason(world: Campaign) -> None:
    node = world.identify("u1")
    world.identify("u2")
    with world.store.write() as tx:
        preferences.put(tx, node, {"*": False}, 1, "test")
    id_ = world.begin()
    world.run()
    assert world.got() == ["u2@example.org"]
    with world.store.read() as tx:
        assert broadcast_figures.reasons(tx, id_, "undeliverable") == {"unsubscribed": 1}


def test_what_has_an_unknown_end_holds_up_nothing(world: Campaign) -> None:
    world.identify("u1")
    world.box.script = iter([Receipt.unknown("no answer")])
    id_ = world.begin()
    world.run()
    assert states(world, id_) == {"held": 1}
    assert world.row(id_).state == "done"


def test_whoever_dies_while_choosing_leaves_nothing_that_counts(world: Campaign) -> None:
    for n in range(5):
        world.identify(f"u{n}")
    id_ = world.begin()
    with world.store.write() as tx:
        from cdp.store.messages import broadcast_people, broadcasts

        broadcasts.change(tx, id_, state="gathering", owner="dead", until=2**60)
        broadcast_people.add(tx, id_, [broadcast_people.Chosen(0, 1, 1, 1, "")])
    world.run()
    assert world.got() == []
    world.broadcaster.begin()
    world.run()
    assert len(world.got()) == 5


def test_conversions_are_credited_to_the_last_message(world: Campaign) -> None:
    world.identify("u1")
    world.identify("u2")
    node = world.identify("u3")
    id_ = world.begin(goal={"event": "Order Completed", "within": "1d"})
    world.run()
    stamp = datetime.fromtimestamp(world.now + 60, UTC).isoformat()
    world.now += 30
    world.ask(node)
    world.settle()
    world.now += 60
    for user in ("u1", "u3"):
        body = {"userId": user, "event": "Order Completed", "properties": {}, "timestamp": stamp}
        world.put("track", body)
    since = world.row(id_).as_of or 0
    with world.store.read() as tx:
        found = broadcast_figures.conversions(tx, [id_], "Order Completed", 86_400_000, since)
        later = broadcast_figures.conversions(tx, [id_], "Order Completed", 1_000, since)
    assert (found.all, later.all) == (1, 0)
