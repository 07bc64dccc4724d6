"""What people do to journeys and to those inside: launch, pause, move, stop, new versions."""

from __future__ import annotations

from cdp.store.journeys import standstill
from tests.pipeline.journeys.town import DAY, Town

TWO = """
trigger: { event: Signed Up }
entry: every_time
while_in: start
steps:
  - send: hello
  - wait: 2d
  - send: bye
"""


def test_a_paused_journey_keeps_all_where_they_are(town: Town) -> None:
    town.journey("two", TWO, "hello bye")
    town.track("u1", "Signed Up")
    town.state("two", "paused")
    town.track("u2", "Signed Up")
    town.wait(days=3)
    assert town.steps("two") == ["send-bye"] and town.runs("two")[0].run.held
    assert town.sent() == ["hello"]
    town.state("two", "live")
    town.settle()
    assert town.sent() == ["hello", "bye"]
    assert town.steps("two") == ["finished"]


def test_nobody_enters_what_is_draining_and_those_inside_go_on(town: Town) -> None:
    town.journey("two", TWO, "hello bye")
    town.track("u1", "Signed Up")
    town.state("two", "draining")
    town.track("u2", "Signed Up")
    town.wait(days=2)
    assert town.steps("two") == ["finished"]


def test_stop_ends_all(town: Town) -> None:
    town.journey("two", TWO, "hello bye")
    for number in range(3):
        town.track(f"u{number}", "Signed Up")
    town.state("two", "stopped")
    town.settle()
    assert town.steps("two") == ["stopped"] * 3
    town.wait(days=3)
    assert town.sent() == ["hello"] * 3


def test_people_are_moved_skipped_and_ended_by_hand(town: Town) -> None:
    town.journey("two", TWO, "hello bye")
    for number in range(3):
        town.track(f"u{number}", "Signed Up")
    first, second, third = (item.run.id for item in town.runs("two"))
    town.order("two", "move", run=first, to="send-hello", reason="once more")
    town.order("two", "skip", run=second, reason="in a hurry")
    town.order("two", "end", run=third, reason="asked for it")
    assert town.steps("two") == ["wait-2d", "finished", "by_hand"]
    assert town.sent() == ["hello", "hello", "hello", "hello", "bye"]
    assert town.way("two")[3] == ("wait-2d", "moved", "send-hello")


def test_a_new_version_takes_along_whom_it_is_told_to(town: Town) -> None:
    old = town.journey("two", TWO, "hello bye")
    town.track("u1", "Signed Up")
    town.wait(days=1)
    longer = TWO.replace("- wait: 2d", "- wait: 5d\n    id: wait-2d")
    new = town.journey("two", longer)
    town.order("two", "migrate", **{"from": old, "steps": {"wait-2d": {"to": "wait-2d"}}})
    run = town.runs("two")[0].run
    assert (run.version, run.step) == (new, "wait-2d")
    assert run.due == run.since + 5 * DAY
    assert ("wait-2d", "migrated", str(old)) in town.way("two")
    town.wait(days=1)
    assert town.sent() == ["hello"]
    town.wait(days=3)
    assert town.sent() == ["hello", "bye"]


def test_who_is_not_taken_along_stays_on_the_old_version(town: Town) -> None:
    old = town.journey("two", TWO, "hello bye")
    town.track("u1", "Signed Up")
    town.journey("two", TWO.replace("wait: 2d", "wait: 9d"))
    town.order("two", "migrate", **{"from": old, "steps": {"wait-2d": "stay"}})
    town.wait(days=2)
    assert town.steps("two") == ["finished"]


def test_somebody_approves(town: Town) -> None:
    text = """
    trigger: { event: Refund Asked }
    steps:
      - approval: { question: Pay it back?, on_reject: [ { emit: Refund Refused } ], timeout: 2d }
      - emit: Refund Paid
    """
    town.journey("refund", text)
    town.track("u1", "Refund Asked")
    town.track("u2", "Refund Asked")
    town.track("u3", "Refund Asked")
    first, second, _ = (item.run.id for item in town.runs("refund"))
    town.order("refund", "answer", run=first, exit="approved")
    town.order("refund", "answer", run=second, exit="rejected")
    town.wait(days=2)
    assert town.steps("refund") == ["finished", "finished", "not approved in time"]
    assert [item["event"] for item in town.said()] == [
        "Refund Paid",
        "Refund Refused",
        "Refund Paid",
    ]


def test_all_who_qualify_enter_at_the_launch(town: Town) -> None:
    town.identify("u1", plan="pro")
    town.identify("u2", plan="free")
    text = """
    trigger: { event: Upgraded }
    if: traits.plan = "pro"
    enter: all
    steps: [ { emit: Thanked } ]
    """
    town.journey("thanks", text)
    assert town.steps("thanks") == ["finished"]
    town.track("u1", "Upgraded")
    town.track("u2", "Upgraded")
    assert len(town.runs("thanks")) == 1


def test_only_those_who_have_the_value_enter_at_the_launch(town: Town) -> None:
    town.identify("u1", plan="pro")
    town.identify("u2", plan="free")
    town.identify("u3", name="Al")
    text = "trigger: { trait: plan%s }\nenter: all\nsteps: [ { emit: Thanked } ]\n"
    town.journey("pros", text % ", to: pro")
    town.journey("any", text % "")
    assert (len(town.runs("pros")), len(town.runs("any"))) == (1, 2)


def test_what_is_gone_stops_the_run_until_it_is_mended(town: Town) -> None:
    town.journey("two", TWO, "hello bye")
    town.track("u1", "Signed Up")
    with town.store.write() as tx:
        from cdp.store import definitions, meta

        definitions.put(tx, town.now, "template", "bye", None, "test")
        meta.bump(tx)
    town.wait(days=2)
    run = town.runs("two")[0].run
    assert run.held and run.error == "there is no template bye"
    with town.store.read() as tx:
        (still,) = standstill.all_standing(tx)
    assert (still.what, still.people, still.reason) == ("people", 1, run.error)
    with town.store.write() as tx:
        body = {"channel": "email", "subject": "bye", "body": "Bye"}
        definitions.put(tx, town.now, "template", "bye", body, "test")
        meta.bump(tx)
    town.order("two", "resume")
    assert town.sent() == ["hello", "bye"]
