"""People on their way, through the real log and the real pipeline."""

from __future__ import annotations

from cdp.store.profiles import people
from cdp.store.tables import USERS
from tests.pipeline.journeys.town import Town

WELCOME = """
trigger: { event: Signed Up, where: properties.plan != "internal" }
entry: once
goal: { event: Order Completed, within: 14d }
exit_when: traits.unsubscribed = true
steps:
  - send: welcome_1
  - wait: 2d
  - branch:
      - when: count("Order Completed" within 2d) > 0
        then: [ { exit: bought } ]
      - else: [ { send: nudge } ]
  - wait_until: { event: Order Completed, timeout: 3d, on_timeout: [ { send: discount } ] }
  - update: { traits: { onboarded: true } }
  - emit: { event: Onboarding Finished, properties: { days: 5 } }
"""
TEMPLATES = "welcome_1 nudge discount"


def test_who_does_nothing_gets_all_of_it(town: Town) -> None:
    town.journey("welcome", WELCOME, TEMPLATES)
    town.track("u1", "Signed Up", plan="pro")
    town.track("u2", "Signed Up", plan="internal")
    assert town.steps("welcome") == ["wait-2d"]
    assert town.sent() == ["welcome_1"]
    town.wait(days=1.9)
    assert town.steps("welcome") == ["wait-2d"]
    town.wait(days=0.1)
    assert town.sent() == ["welcome_1", "nudge"]
    town.wait(days=3)
    assert town.sent() == ["welcome_1", "nudge", "discount"]
    assert town.steps("welcome") == ["finished"]
    said = town.said()
    assert [item["type"] for item in said] == ["identify", "track"]
    assert said[0]["traits"] == {"onboarded": True} and said[0]["userId"] == "u1"
    assert said[1]["event"] == "Onboarding Finished" and said[1]["properties"] == {"days": 5}
    assert [what for _, what, _ in town.way("welcome")][:3] == ["entered", "left", "waits"]


def test_who_buys_goes_another_way(town: Town) -> None:
    town.journey("welcome", WELCOME, TEMPLATES)
    town.track("u1", "Signed Up")
    town.wait(days=1)
    town.track("u1", "Order Completed", total=5)
    town.wait(days=1)
    assert town.steps("welcome") == ["exit:bought"]
    assert town.sent() == ["welcome_1"]
    assert ("wait-2d", "converted", None) in town.way("welcome")


def test_what_is_waited_for_comes(town: Town) -> None:
    town.journey("welcome", WELCOME, TEMPLATES)
    town.track("u1", "Signed Up")
    town.wait(days=3)
    town.track("u1", "Order Completed", total=5)
    assert town.steps("welcome") == ["finished"]
    assert town.sent() == ["welcome_1", "nudge"]
    town.wait(days=30)
    town.track("u1", "Signed Up")
    assert len(town.runs("welcome")) == 1


def test_who_unsubscribes_leaves_wherever_they_are(town: Town) -> None:
    town.journey("welcome", WELCOME, TEMPLATES)
    town.track("u1", "Signed Up")
    town.identify("u1", unsubscribed=True)
    assert town.steps("welcome") == ["exit_when"]
    town.wait(days=10)
    assert town.sent() == ["welcome_1"]


def test_liquid_knows_who_the_person_is(town: Town) -> None:
    text = """
    trigger: { event: Seen }
    steps:
      - wait: 1h
      - emit: { event: Told, properties: { who: "{{ customer.id }} {{ customer.email }} {{ customer.plan }}" } }
    """  # noqa: E501
    town.journey("j", text)
    town.identify("u1", email="Ana@example.com", plan="pro")
    town.track("u1", "Seen")
    town.send(town.message(type="track", anonymousId="a1", event="Seen"))
    town.restart()
    town.wait(hours=1)
    assert [item["properties"]["who"] for item in town.said()] == ["u1 Ana@example.com pro"]
    first, second = (item.run for item in town.runs("j"))
    assert first.reason == "finished"
    assert second.held and "customer.email" in (second.error or "")


def test_of_several_updates_the_last_holds(town: Town) -> None:
    steps = "".join(f"  - update: {{ traits: {{ tier: {n} }} }}\n" for n in range(12))
    town.journey("j", "trigger: { event: Seen }\nsteps:\n" + steps)
    town.track("u1", "Seen")
    town.now += 1000
    town.send(*town.said()[::-1])
    with town.store.read() as tx:
        profile = people.resolve(tx, USERS, "user_id", "u1")
    assert profile is not None and profile.traits.values() == {"tier": 11}
