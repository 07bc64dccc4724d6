"""What begins runs: events, audiences, traits, dates, schedules, groups, other journeys."""

from __future__ import annotations

from cdp.store import meta
from cdp.store.defined import by_hand
from tests.pipeline.journeys.town import BEGIN, DAY, HOUR, Town

ONE = "steps: [ { emit: Begun } ]"


def test_audiences_that_people_enter_and_leave(town: Town) -> None:
    town.define("audience", "big", "{ who: traits.total > 100 }")
    town.settle()
    town.journey("in", "trigger: { enters: big }\nentry: every_time\n" + ONE)
    town.journey("out", "trigger: { leaves: big }\nentry: every_time\n" + ONE)
    town.identify("u1", total=50)
    assert (town.runs("in"), town.runs("out")) == ([], [])
    town.identify("u1", total=500)
    assert (len(town.runs("in")), len(town.runs("out"))) == (1, 0)
    town.identify("u1", total=5)
    assert (len(town.runs("in")), len(town.runs("out"))) == (1, 1)


def test_an_audience_that_time_alone_changes(town: Town) -> None:
    town.define("audience", "active", '{ who: count("Seen" within 7d) > 0 }')
    town.settle()
    town.journey("back", "trigger: { leaves: active }\n" + ONE)
    town.track("u1", "Seen")
    town.wait(days=6)
    assert town.runs("back") == []
    town.wait(days=2)
    assert town.steps("back") == ["finished"]
    assert town.runs("back")[0].run.started == BEGIN + 7 * DAY


def test_a_list_that_is_kept_by_hand(town: Town) -> None:
    town.define("audience", "vips", "{ static: true }")
    town.identify("u1", name="Ana")
    town.settle()
    town.journey("hello", "trigger: { enters: vips }\n" + ONE)
    with town.store.write() as tx:
        by_hand.change(tx, "vips", ["user_id:u1"], [], town.now)
        meta.bump(tx)
    town.settle()
    assert town.steps("hello") == ["finished"]


def test_a_trait_that_changes(town: Town) -> None:
    town.journey("up", "trigger: { trait: plan, from: free, to: pro }\nentry: every_time\n" + ONE)
    town.identify("u1", plan="pro")
    assert town.runs("up") == []
    town.identify("u1", plan="free")
    town.identify("u1", plan="free")
    town.identify("u1", plan="pro")
    assert len(town.runs("up")) == 1
    town.restart()
    town.identify("u1", plan="free")
    town.restart()
    town.identify("u1", plan="pro")
    assert len(town.runs("up")) == 2


def test_a_date_of_the_person_in_their_zone(town: Town) -> None:
    town.identify("u1", birthday="1990-10-02", timezone="America/New_York")
    town.identify("u2", birthday="not a date")
    text = 'trigger: { date: birthday, before: 1d, at: "09:00", yearly: true }\nentry: every_time\n'
    town.journey("cake", text + ONE)
    town.identify("u3", birthday="2001-10-02")
    town.wait(days=4)
    # BEGIN is Monday 2026-09-28 12:00 UTC.
    starts = sorted(item.run.started for item in town.runs("cake"))
    assert starts == [BEGIN + 3 * DAY - 3 * HOUR, BEGIN + 3 * DAY + HOUR]
    town.wait(days=365)
    assert len(town.runs("cake")) == 4


def test_a_schedule_of_an_audience(town: Town) -> None:
    town.define("audience", "pro", '{ who: traits.plan = "pro" }')
    town.identify("u1", plan="pro")
    town.identify("u2", plan="free")
    town.settle()
    text = 'trigger: { every: week, on: [wed], at: "08:00", audience: pro }\nentry: every_time\n'
    town.journey("news", text + ONE)
    town.wait(days=1)
    assert town.runs("news") == []
    town.wait(days=1)
    assert [item.run.started for item in town.runs("news")] == [BEGIN + 44 * HOUR]
    town.wait(days=7)
    assert len(town.runs("news")) == 2


def test_a_group_call(town: Town) -> None:
    town.journey("team", "trigger: { group: true, where: traits.seats > 5 }\n" + ONE)
    town.send(town.message(type="group", userId="u1", groupId="g1", traits={"seats": 3}))
    assert town.runs("team") == []
    town.send(town.message(type="group", userId="u1", groupId="g1", traits={"seats": 9}))
    assert town.steps("team") == ["finished"]


def test_a_journey_that_another_starts(town: Town) -> None:
    town.journey("inner", "trigger: { called: true }\nsteps: [ { emit: { event: Inner, properties: "
                 '{ why: "{{ event.why }}" } } } ]')  # fmt: skip
    town.journey("outer", "trigger: { event: Go }\nsteps: [ { call: { journey: inner, data: "
                 "{ why: because } } } ]")  # fmt: skip
    town.track("u1", "Go")
    assert town.steps("outer") == ["finished"] and town.steps("inner") == ["finished"]
    assert town.said()[0]["properties"] == {"why": "because"}


def test_once_per_order(town: Town) -> None:
    text = "trigger: { event: Ordered }\nentry: { once_per: properties.order_id }\n" + ONE
    town.journey("thanks", text)
    for order in ("a", "b", "a"):
        town.track("u1", "Ordered", order_id=order)
    town.track("u1", "Ordered")
    assert [item.run.key for item in town.runs("thanks")] == ["a", "b"]


def test_again_after_some_time(town: Town) -> None:
    town.journey("tip", "trigger: { event: Seen }\nentry: { again_after: 30d }\n" + ONE)
    town.track("u1", "Seen")
    town.wait(days=29)
    town.track("u1", "Seen")
    assert len(town.runs("tip")) == 1
    town.wait(days=1)
    town.track("u1", "Seen")
    assert len(town.runs("tip")) == 2


def test_history_begins_nothing(town: Town) -> None:
    town.journey("welcome", "trigger: { event: Signed Up }\n" + ONE)
    old = {**town.message(type="track", userId="u1", event="Signed Up")}
    old["timestamp"] = "2026-01-01T00:00:00.000Z"
    town.send(old)
    assert town.runs("welcome") == []


def test_a_schedule_goes_on_after_a_pause(town: Town) -> None:
    town.define("audience", "pro", '{ who: traits.plan = "pro" }')
    town.identify("u1", plan="pro")
    town.settle()
    text = 'trigger: { every: day, at: "08:00", audience: pro }\nentry: every_time\n'
    town.journey("news", text + ONE)
    town.state("news", "paused")
    town.wait(days=2)
    assert town.runs("news") == []
    town.state("news", "live")
    town.settle()
    assert town.runs("news") == []
    town.wait(days=1)
    assert len(town.runs("news")) == 1


def test_a_date_of_two_who_become_one(town: Town) -> None:
    town.journey("cake", "trigger: { date: birthday, yearly: true }\n" + ONE)
    town.identify("u1", name="Ana")
    town.now += 1000
    said = {"type": "identify", "anonymousId": "a1", "traits": {"birthday": "1990-10-02"}}
    town.send(town.message(**said))
    town.send(town.message(type="track", anonymousId="a1", userId="u1", event="Seen"))
    town.wait(days=5)
    assert town.steps("cake") == ["finished"]
