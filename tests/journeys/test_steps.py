"""Steps that wait and decide: what they do when somebody comes, and what wakes them."""

from __future__ import annotations

from typing import Any

import pytest

from cdp.journeys.run import Emit, Moved
from cdp.testing.stage import CannotPlay, Journey
from tests.journeys.plays import begin, effects, stage


def test_send_carries_its_reason_and_data() -> None:
    made = stage("[{send: {template: hello, data: {n: {value: event.properties.n}}}}]")
    person = begin(made, n=3)
    [message] = made.sent
    assert (message.template, message.data, message.at) == ("hello", {"n": 3}, made.clock.now)
    assert person.done[0].effect.key == "journey:1:send-hello:1"  # type: ignore[union-attr]
    assert Journey(made).ended(person) == "finished"


def test_a_template_that_is_gone_holds_the_run_with_why() -> None:
    person = stage("[{send: gone}, {wait: 1d}]").person("u1")
    with pytest.raises(CannotPlay, match="stops at send-gone: there is no template gone"):
        person.track("Go")
    [run] = person.life.course.runs.values()
    assert (run.held, run.error, run.step) == (True, "there is no template gone", "send-gone")
    person.life.given(run.id, Moved("wait-1d", "ada", "it is not needed"))
    [run] = person.life.course.runs.values()
    assert (run.held, run.error, run.step) == (False, None, "wait-1d")


@pytest.mark.parametrize(
    ("spec", "start", "traits", "comes"),
    [
        ("2d", "2026-01-05T09:00:00Z", {}, "2026-01-07T09:00:00.000Z"),
        ("{for: 1d, until: '08:00'}", "2026-01-05T09:00:00Z", {}, "2026-01-07T08:00:00.000Z"),
        (
            "{until: '08:00'}", "2026-01-05T09:00:00Z", {"timezone": "America/New_York"},
            "2026-01-05T13:00:00.000Z",
        ),
        ("{until: '02:30', zone: Europe/Warsaw}", "2026-03-29T00:00:00Z", {},
         "2026-03-29T01:30:00.000Z"),
        ("{on: [sat]}", "2026-01-05T09:00:00Z", {}, "2026-01-10T00:00:00.000Z"),
        ("{hours: {start: '10:00', end: '11:00'}}", "2026-01-09T12:00:00Z", {},
         "2026-01-12T10:00:00.000Z"),
        ("{date: traits.renews, before: 2d, until: '07:00'}", "2026-01-05T09:00:00Z",
         {"renews": "2026-02-01"}, "2026-01-30T07:00:00.000Z"),
        ("{date: traits.renews, after: 90m}", "2026-01-05T09:00:00Z",
         {"renews": "2026-02-01T10:00:00Z"}, "2026-02-01T11:30:00.000Z"),
        ("{date: traits.born, yearly: true}", "2026-01-05T09:00:00Z", {"born": "2000-02-29"},
         "2026-02-28T00:00:00.000Z"),
        ("{date: traits.renews, until: '07:00', on: [mon]}", "2026-01-05T09:00:00Z",
         {"renews": "2026-02-01"}, "2026-02-02T07:00:00.000Z"),
        ("{date: traits.renews}", "2026-01-05T09:00:00Z", {"renews": "2025-02-01"}, None),
        ("{date: traits.renews}", "2026-01-05T09:00:00Z", {"renews": "soon"}, None),
        ("{date: traits.renews, after: 100d, hours: {start: '10:00', end: '11:00'}}",
         "2026-01-05T09:00:00Z", {"renews": "9999-12-01"}, None),
    ],
)  # fmt: skip
def test_wait(spec: str, start: str, traits: dict[str, Any], comes: str | None) -> None:
    made = stage(f"[{{wait: {spec}}}]", start=start)
    person = made.person("u1", **traits)
    person.track("Go")
    run = person.life.course.runs[1]
    if comes is None:
        assert run.reason == "finished"
        return
    made.clock.go_to(comes.replace(".000Z", "Z"))
    assert run.status == "active"
    assert Journey(made).ended(person) == "finished"
    left = person.life.course.transitions[-1]
    assert (left.at, left.what) == (made.clock.now, "ended")


def test_what_is_noticed_late() -> None:
    for then, expected in (
        ("go", ["hello", "again"]), ("skip", ["again"]), ("exit", []), ("again", []),
    ):  # fmt: skip
        steps = f"[{{wait: {{for: 1h, late: {{after: 10m, then: {then}}}}}}}, {{send: hello}}, "
        made = stage(steps + "{send: again}]")
        person = begin(made)
        due = person.life.course.runs[1].due
        assert due is not None
        person.life.now = due + 3_600_000  # the server was down
        person.life.course.due(1, due, person.life.now)
        person.life._settle()
        made.gather(person)
        assert made.sent.templates == expected, then


WAITS = """
- wait_until:
    event: Order Completed
    where: properties.total > 10
    same: properties.cart
    timeout: 2d
    then: [{send: hello}]
    on_timeout: [{send: again}]
"""


def test_wait_until_takes_the_event_that_is_meant() -> None:
    made = stage(WAITS)
    person = begin(made, cart="c1")
    person.track("Order Completed", total=5, cart="c1")
    person.track("Order Completed", total=50, cart="c2")
    assert not made.sent
    person.track("Order Completed", total=50, cart="c1")
    assert made.sent.templates == ["hello"]
    made = stage(WAITS)
    begin(made, cart="c1")
    made.clock.advance(days=1, hours=23)
    assert not made.sent
    made.clock.advance(hours=1)
    assert made.sent.templates == ["again"]


def test_wait_until_a_condition_that_time_alone_makes_true() -> None:
    made = stage('[{wait_until: {if: not performed("Seen" within 3d)}}]')
    person = made.person("u1")
    person.track("Seen")
    made.clock.advance(days=1)
    person.track("Go")
    made.clock.advance(days=1, hours=23)
    assert Journey(made).step(person) == "wait_until"
    made.clock.advance(hours=1)
    [told] = [t for t in Journey(made).transitions(person) if t.what == "left"]
    assert told.why is not None
    assert told.why["clauses"] == [{"clause": 'performed("Seen" within 3d)', "holds": False}]


def test_branch_tells_why() -> None:
    steps = """
    - branch:
        - {name: rich, when: traits.plan = "pro" and count("Order Completed") > 1, then: []}
        - {when: traits.plan = "pro", then: [{send: hello}]}
        - else: [{send: again}]
    """
    made = stage(steps)
    person = made.person("u1", plan="pro")
    person.track("Order Completed")
    person.track("Go")
    told = Journey(made).transitions(person)
    left = next(t for t in told if (t.step, t.what) == ("branch", "left"))
    assert (left.exit, made.sent.templates) == ("when-2", ["hello"])
    assert left.why == {
        "way": "when-2",
        "clauses": {
            "rich": [
                {"clause": 'traits.plan = "pro"', "holds": True, "value": "pro"},
                {"clause": 'count("Order Completed") > 1', "holds": False, "value": 1},
            ],
            "when-2": [{"clause": 'traits.plan = "pro"', "holds": True, "value": "pro"}],
        },
    }


def test_lots_are_even_and_stable() -> None:
    steps = """
    - experiment: {variants: [{name: a, share: 30, then: [{send: hello}]},
                              {name: b, share: 70, then: [{send: again}]}]}
    - split: [{share: 50, then: [{set: {half: 1}}]}, {share: 50}]
    """
    made = stage(steps)
    for _ in range(2):
        for number in range(400):
            made.person(f"u{number}").track("Go")
        made.clock.advance(seconds=1)
    by_person = [[m.template for m in made.sent.to(f"u{n}")] for n in range(400)]
    assert all(len(some) == 2 and some[0] == some[1] for some in by_person)
    assert 90 <= sum(some[0] == "hello" for some in by_person) <= 150
    halves = [
        [bool(run.vars) for run in person.life.course.runs.values()]
        for person in made.people.values()
    ]
    assert 340 <= sum(map(sum, halves)) <= 460
    assert sum(first != second for first, second in halves) > 100  # a split is drawn anew
    shown = [e for p in made.people.values() for e in effects(p, Emit)]
    assert {e.properties["variation_name"] for e in shown} == {"a", "b"}


def test_holdout_and_rollout_leave_some_out() -> None:
    made = stage("[{holdout: 20}, {send: hello}]", "{rollout: 50}")
    for number in range(400):
        made.person(f"u{number}").track("Go")
    runs = [run for p in made.people.values() for run in p.life.course.runs.values()]
    assert 160 <= len(runs) <= 240
    assert 20 <= sum(run.reason == "held_out" for run in runs) <= 60
    assert len(made.sent) == sum(run.reason == "finished" for run in runs)
