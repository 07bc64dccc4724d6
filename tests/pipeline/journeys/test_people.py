"""Runs when people are joined, parted and deleted; late timers; gates; restarts."""

from __future__ import annotations

from cdp.delivery.journeys import holding
from cdp.pipeline import unmerge
from cdp.pipeline.journeys import explain
from cdp.store import meta
from cdp.store.defined import defining
from cdp.store.journeys import launched as journeys
from cdp.store.journeys import runs as journey_runs
from cdp.store.journeys import story as journey_story
from cdp.store.journeys import sums as journey_sums
from cdp.store.messages import deliveries
from cdp.store.profiles import people
from cdp.store.tables import USERS, timers
from tests.pipeline.journeys.town import BEGIN, DAY, HOUR, Town

WAITS = """
trigger: { event: Seen }
entry: once
steps: [ { wait: 2d }, { emit: Done } ]
"""


def test_of_two_who_become_one_the_older_run_goes_on(town: Town) -> None:
    town.journey("j", WAITS)
    town.send(town.message(type="track", anonymousId="a1", event="Seen"))
    town.wait(hours=1)
    town.track("u1", "Seen")
    assert town.steps("j") == ["wait-2d", "wait-2d"]
    town.send(town.message(type="identify", anonymousId="a1", userId="u1"))
    assert town.steps("j") == ["wait-2d", "merged"]
    town.track("u1", "Seen")
    assert len(town.runs("j")) == 2
    town.wait(days=2)
    assert town.steps("j") == ["finished", "merged"]
    [said] = town.said()
    assert said["userId"] == "u1"


def test_runs_that_came_later_count_as_once_for_both(town: Town) -> None:
    town.journey("j", "trigger: { event: Seen }\nsteps: [ { emit: Done } ]")
    town.send(town.message(type="track", anonymousId="a1", event="Seen"))
    town.send(town.message(type="identify", anonymousId="a1", userId="u1"))
    town.track("u1", "Seen")
    assert len(town.runs("j")) == 1


def test_after_an_unmerge_a_run_is_with_whose_event_began_it(town: Town) -> None:
    town.journey("j", WAITS)
    town.send(town.message(type="track", anonymousId="a1", event="Seen"))
    town.send(town.message(type="identify", anonymousId="a1", userId="u1"))
    with town.store.read() as tx:
        before = people.resolve(tx, USERS, "user_id", "u1")
    assert before is not None and town.runs("j")[0].profile == before.id
    unmerge.unmerge(town.store, before, [("anonymous_id", "a1")], "test", town.now)
    with town.store.read() as tx:
        alone = people.resolve(tx, USERS, "anonymous_id", "a1")
        other = people.resolve(tx, USERS, "user_id", "u1")
    assert alone is not None and other is not None and alone.id != other.id
    assert town.runs("j")[0].profile == alone.id
    town.wait(days=2)
    assert town.steps("j") == ["finished"]
    [said] = town.said()
    assert said["anonymousId"] == "a1" and "userId" not in said


def test_a_branch_asks_of_the_side_that_the_run_is_with(town: Town) -> None:
    with town.store.write() as tx:
        defining.put(tx, 1, ("audience", "buyers"), {"who": 'performed("Bought")'}, "test")
    town.journey("j", """
    trigger: { event: Seen }
    steps:
      - wait: 2d
      - branch:
          - when: traits.plan = "pro" and audience("buyers")
            then: [ { emit: Both } ]
          - else: [ { emit: Other } ]
    """)  # fmt: skip
    for number in (1, 2):
        user, guest = f"u{number}", f"a{number}"
        town.send(town.message(type="track", anonymousId=guest, event="Seen"))
        town.track(user, "Bought")
        town.send(town.message(type="identify", userId=user, traits={"plan": "pro"}))
        town.send(town.message(type="identify", anonymousId=guest, userId=user))
    with town.store.read() as tx:
        one = people.resolve(tx, USERS, "user_id", "u1")
    assert one is not None
    unmerge.unmerge(town.store, one, [("anonymous_id", "a1")], "test", town.now)
    town.wait(days=2)
    said = {(item["anonymousId"], item["event"]) for item in town.said() if "anonymousId" in item}
    assert ("a1", "Other") in said
    assert [item["userId"] for item in town.said() if item["event"] == "Both"] == ["u2"]


def test_who_is_deleted_leaves_no_run_behind(town: Town) -> None:
    from cdp.store.privacy import forgotten
    from cdp.store.profiles import graph

    town.journey("j", WAITS)
    town.track("u1", "Seen")
    profile = town.runs("j")[0].profile
    with town.store.write() as tx:
        nodes = [row.id for row in graph.nodes_of_profiles(tx, [profile])]
        forgotten.forget_messages(tx, nodes, [])
        assert journey_runs.of_people(tx, [profile], {}) == []
    town.wait(days=3)
    assert town.said() == []


def test_after_a_day_of_downtime_waits_go_on_from_when_it_is_noticed(town: Town) -> None:
    text = """
    trigger: { event: Seen }
    steps: [ { wait: 1h }, { emit: One }, { wait: 1h }, { emit: Two } ]
    """
    town.journey("j", text)
    town.track("u1", "Seen")
    town.sleep(days=1)
    assert [item["event"] for item in town.said()] == ["One"]
    run = town.runs("j")[0].run
    assert run.due == BEGIN + DAY + HOUR
    town.wait(hours=1)
    assert [item["event"] for item in town.said()] == ["One", "Two"]


def test_what_is_late_is_skipped_waited_for_again_or_ended(town: Town) -> None:
    for name, then in (("skip", "skip"), ("again", "again"), ("exit", "exit")):
        text = f"""
        trigger: {{ event: Seen }}
        steps:
          - wait: {{ until: "13:00", zone: UTC, late: {{ after: 2h, then: {then} }} }}
          - emit: {name}
        """
        town.journey(name, text)
    town.track("u1", "Seen")
    town.sleep(days=0.5)
    assert town.steps("skip") == ["finished"] and town.steps("exit") == ["late"]
    assert town.runs("again")[0].run.due == BEGIN + DAY + HOUR
    assert town.said() == []
    town.wait(days=1)
    assert [item["event"] for item in town.said()] == ["again"]


def test_a_gate_lets_so_many_through(town: Town) -> None:
    text = """
    trigger: { event: Seen }
    steps: [ { rate: { count: 2, per: 1h } }, { emit: Passed } ]
    """
    town.journey("j", text)
    for number in range(4):
        town.track(f"u{number}", "Seen")
        town.define("topic", f"t{number}", "{ name: Another }")  # somebody changes something else
        with town.store.write() as tx:
            meta.bump(tx)
    assert len(town.said()) == 1
    town.restart()
    town.wait(minutes=30)
    assert len(town.said()) == 2
    town.wait(hours=1)
    assert len(town.said()) == 4


def test_a_goal_counts_after_the_end_as_long_as_it_may(town: Town) -> None:
    text = """
    trigger: { event: Seen }
    entry: every_time
    goal: { event: Bought, within: 3d, value: properties.total }
    steps: [ { emit: Hi } ]
    """
    town.journey("j", text)
    town.track("u1", "Seen")
    town.track("u2", "Seen")
    town.wait(days=2)
    town.track("u1", "Bought", total=12.5)
    town.wait(days=2)
    town.track("u2", "Bought", total=1)
    reached = [item.run.goal_at is not None for item in town.runs("j")]
    assert reached == [True, False]
    with town.store.read() as tx:
        row = journeys.row(tx, "j")
        assert row is not None
        found = {(c.what, c.exit): c.n for c in journey_story.counts(tx, row.id)}
    assert found["entered", ""] == 2 and found["converted", ""] == 1


def test_the_answer_to_a_call_can_be_used(town: Town) -> None:
    text = """
    trigger: { event: Seen }
    steps:
      - webhook: { url: "https://example.org/{{ event.id }}", body: { n: 1 }, save_as: quote }
      - branch:
          - when: journey.quote.body.price > 10
            then:
              - emit: { event: Dear, properties: { price: "{{ journey.quote.body.price }}" } }
          - else: [ { emit: Cheap } ]
    """
    town.journey("j", text)
    town.track("u1", "Seen", id="x7")
    run = town.runs("j")[0].run
    assert run.step == "webhook"
    answer = {"call": run.reason_key, "ok": True, "status": 200, "body": {"price": 12}}
    town.send(
        town.message(type="track", userId="u1", event="Journey Call Answered", properties=answer)
    )
    assert [item["event"] for item in town.said()] == ["Dear"]
    assert town.said()[0]["properties"] == {"price": "12"}


GROUP = "{ journeys: [winback, tips] }"
STAYS = "steps: [ { wait: 5d }, { emit: Done } ]"


def kept_out(town: Town, key: str) -> dict[str, int]:
    with town.store.read() as tx:
        row = journeys.row(tx, key)
        assert row is not None
        sums = journey_sums.sums(tx, row.id)
    return {one.exit: one.n for one in sums if one.what == "kept_out"}


def test_of_a_group_of_journeys_a_person_is_in_one(town: Town) -> None:
    # The one that goes first is launched last.
    town.journey("tips", "trigger: { event: Seen }\nentry: every_time\n" + STAYS)
    town.journey("winback", "trigger: { event: Gone }\nentry: every_time\n" + STAYS)
    town.define("journey_group", "life", GROUP)
    town.settle()
    town.track("u1", "Gone")
    town.restart()
    town.track("u1", "Seen")
    assert town.runs("tips") == [] and kept_out(town, "tips") == {"life": 1}
    town.track("u2", "Seen")
    town.restart()
    town.track("u2", "Gone")
    assert town.steps("tips") == ["outranked"] and len(town.runs("winback")) == 2
    town.wait(days=6)
    town.track("u1", "Seen")
    assert town.steps("tips") == ["outranked", "wait-5d"]
    with town.store.read() as tx:
        u2 = people.resolve(tx, USERS, "user_id", "u2")
        assert u2 is not None
        checks = explain.explained(tx, "tips", u2, town.now).checks
    assert [check.ok for check in checks if check.name == "group"] == [True]


def test_what_a_left_journey_had_asked_for_is_withheld(town: Town) -> None:
    hook = "{ id: hook, webhook: { url: https://x.example } }"
    steps = f"steps: [ {{ send: tip }}, {hook}, {{ wait: 5d }} ]"
    town.journey("tips", f"trigger: {{ event: Seen }}\nentry: every_time\n{steps}", "tip")
    town.journey("winback", f"trigger: {{ event: Gone }}\n{steps}", "back")
    town.define("journey_group", "life", GROUP)
    town.settle()
    town.track("u1", "Seen")
    town.track("u2", "Seen")
    town.track("u1", "Gone")
    with town.store.read() as tx:
        asked = list(deliveries.by_ids(tx, list(range(1, 9))).values())
        found = holding.withheld(tx, asked, town.now)
    sends = [row for row in asked if row.template]
    assert [row.origin_key for row in sends] == ["tips", "tips", "winback"] and len(asked) == 6
    assert found == {sends[0].id: ("outranked: life (winback)", 0)}


def test_of_journeys_that_one_event_begins_the_first_of_the_group_begins(town: Town) -> None:
    town.journey("tips", "trigger: { event: Seen }\n" + STAYS)
    town.journey("winback", "trigger: { event: Seen }\n" + STAYS)
    town.define("journey_group", "life", GROUP)
    town.settle()
    town.track("u1", "Seen")
    assert town.runs("tips") == [] and town.steps("winback") == ["wait-5d"]
    with town.store.read() as tx:
        u1 = people.resolve(tx, USERS, "user_id", "u1")
        assert u1 is not None
        checks = explain.explained(tx, "tips", u1, town.now).checks
    [group] = [check for check in checks if check.name == "group"]
    assert not group.ok and "in winback, and the group life" in group.text


def test_however_late_we_are_time_has_changed_only_what_came_before_a_wait_was_over(
    town: Town,
) -> None:
    for key, hours in (("short", 10), ("long", 30)):
        town.define("audience", key, f"""who: 'performed("Ordered" within {hours}h)'""")
    text = """
    trigger: { event: Seen }
    steps:
      - wait: 20h
      - branch:
          - { when: audience("short"), then: [ { emit: Short } ] }
          - { when: audience("long"), then: [ { emit: Long } ] }
          - { else: [ { emit: Neither } ] }
    """
    town.journey("j", text)
    town.track("u1", "Ordered")
    town.track("u1", "Seen")
    town.sleep(days=2)
    assert [item["event"] for item in town.said()] == ["Long"]
    assert timers_left(town) == 0


def timers_left(town: Town) -> int:
    with town.store.read() as tx:
        return len(tx.execute(timers.select()).all())
