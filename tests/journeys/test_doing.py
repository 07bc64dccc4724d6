"""What journeys do, how people come into them and how they leave."""

from __future__ import annotations

import pytest

from cdp.journeys import JourneyError
from cdp.journeys.replay import NeverEnds
from cdp.journeys.run import Call, Emit, Listed, Start, Update
from cdp.testing.stage import Journey
from tests.journeys.plays import begin, effects, stage


def test_what_a_journey_does_to_the_person() -> None:
    steps = """
    - update: {traits: {plan: gold, old: null, orders: {value: 'count("Order Completed")'}}}
    - wait: 1s
    - emit: {event: Told, properties: {who: "{{ customer.plan }}"}}
    - add_to: vip
    - wait: 1s
    - branch: [{when: audience("vip") and traits.plan = "gold", then: [{send: hello}]}]
    - remove_from: vip
    """
    made = stage(steps)
    person = made.person("u1", old=1)
    person.track("Order Completed")
    person.track("Go")
    # What a journey says comes back through the log, so that the next moment knows it.
    assert person.traits == {"plan": "gold", "orders": 1}
    assert not made.sent
    made.clock.advance(seconds=2)
    assert made.sent.templates == ["hello"]
    assert effects(person, Update)[0].traits["orders"] == 1
    assert effects(person, Emit)[0].properties == {"who": "gold"}
    assert [e.member for e in effects(person, Listed)] == [True, False]
    assert person.audiences == set()


def test_webhooks_are_answered_and_time_out() -> None:
    steps = """
    - webhook: {url: "https://x.test/{{ customer.id }}", save_as: got, timeout: 5m,
                on_error: [{send: again}]}
    - branch: [{when: journey.got.body.ok = 1, then: [{send: hello}]}]
    """
    made = stage(steps)
    Journey(made).answers("webhook", body={"ok": 1})
    person = made.person("u1", id="7")
    person.track("Go")
    assert (effects(person, Call)[0].request["url"], made.sent.templates) == (
        "https://x.test/7", ["hello"],
    )  # fmt: skip
    made = stage(steps)
    Journey(made).answers("webhook", ok=False, status=500)
    made.person("u1", id="7").track("Go")
    assert made.sent.templates == ["again"]
    made = stage(steps)
    Journey(made).silent("webhook")
    person = made.person("u1", id="7")
    person.track("Go")
    assert Journey(made).step(person) == "webhook"
    made.clock.advance(minutes=5)
    assert made.sent.templates == ["again"]


def test_rate_spreads_people_and_approval_waits_for_a_word() -> None:
    made = stage("[{rate: {count: 2, per: 1h}}, {send: hello}]")
    for number in range(3):
        made.person(f"u{number}").track("Go")
    assert len(made.sent) == 1
    made.clock.advance(minutes=30)
    assert len(made.sent) == 2
    steps = "[{approval: {question: Send?, timeout: 1d, on_timeout: [{send: again}]}}, "
    for exit, expected in (("approved", ["hello"]), ("rejected", []), (None, ["again", "hello"])):
        made = stage(steps + "{send: hello}]")
        person = begin(made)
        if exit is not None:
            Journey(made).answer(person, exit)
        made.clock.advance(days=2)
        assert made.sent.templates == expected


def test_goto_is_bounded_and_journeys_start_each_other() -> None:
    made = stage("[{id: top, send: hello}, {wait: 1h}, {goto: {step: top, most: 2}}]")
    begin(made)
    made.clock.advance(days=1)
    assert made.sent.templates == ["hello"] * 3
    other = {"trigger": {"called": True}, "entry": "every_time", "steps": [{"send": "again"}]}
    made = stage("[{call: {journey: k, data: {n: 1}}}]", journey__k=other)
    person = begin(made)
    assert made.sent.templates == ["again"]
    assert not effects(person, Start)
    assert person.life.course.runs[2].data["event"]["properties"] == {"n": 1}


def test_a_circle_of_events_is_told_and_not_followed_for_ever() -> None:
    made = stage("[{emit: Go}]")
    with pytest.raises(NeverEnds, match="j: it brings about more than 1,000 things at once"):
        begin(made)


@pytest.mark.parametrize(
    ("more", "went_in"),
    [
        ("{entry: once}", 1),
        ("{entry: every_time}", 1),  # the first run goes on
        ("{entry: every_time, while_in: start}", 3),
        ("{entry: every_time, while_in: restart}", 3),
        ("{entry: {once_per: properties.id}}", 2),
        ("{entry: {again_after: 1h}, while_in: start}", 2),
        ('{entry: every_time, while_in: start, if: event.properties.id = "a"}', 2),
    ],
)
def test_how_often_somebody_enters(more: str, went_in: int) -> None:
    made = stage("[{wait: 30d}]", more)
    person = made.person("u1")
    for id_ in ("a", "b", "a"):
        person.track("Go", id=id_)
        made.clock.advance(minutes=40)
    assert len(person.life.course.runs) == went_in


def test_goals_count_after_the_end_and_exits_come_first() -> None:
    goal = "goal: {event: Paid, within: 2d, value: properties.total}"
    made = stage("[{wait: 1d}, {send: hello}]", f"{{{goal}, exit_when: traits.out = true}}")
    person = begin(made)
    person.identify(out=True)
    person.track("Paid", total=9)
    person.track("Paid", total=10)
    told = Journey(made).transitions(person)
    assert [(t.what, t.exit) for t in told][-2:] == [("ended", "exit_when"), ("converted", None)]
    assert told[-1].why is not None
    assert told[-1].why["value"] == 9


@pytest.mark.parametrize(
    ("trigger", "start", "comes"),
    [
        ("{date: renews, before: 7d, at: '09:00'}", "2026-01-05T00:00:00Z", "2026-01-25T09:00"),
        ("{date: born, yearly: true}", "2026-01-05T00:00:00Z", "2026-06-15T00:00"),
        ("{every: week, audience: all, at: '09:00'}", "2026-01-06T00:00:00Z", "2026-01-12T09:00"),
        ("{enters: pros}", "2026-01-05T00:00:00Z", "2026-01-05T00:00"),
        ("{leaves: new}", "2026-01-05T00:00:00Z", "2026-01-08T00:00"),
        ("{trait: plan, to: pro}", "2026-01-05T00:00:00Z", "2026-01-05T00:00"),
    ],
)
def test_triggers(trigger: str, start: str, comes: str) -> None:
    made = stage(
        "[{send: hello}]", f"{{trigger: {trigger}, entry: once}}", start,
        audience__all={"who": "traits.plan != null"},
        audience__pros={"who": 'traits.plan = "pro"'},
        audience__new={"who": 'performed("Came" within 3d)'},
    )  # fmt: skip
    person = made.person("u1")
    person.track("Came")
    person.identify(plan="pro", renews="2026-02-01", born="1990-06-15")
    made.clock.go_to("2027-01-01T00:00:00Z")
    assert [str(message) for message in made.sent] == [f"<hello to u1 at {comes}:00.000Z>"]


@pytest.mark.parametrize(
    ("steps", "field"),
    [
        ("[{branch: [{name: next, when: traits.a = 1, then: []}]}]", "ways[0].then"),
        ("[{branch: [{name: skip, when: traits.a = 1, then: []}]}]", "ways[0].then"),
        ("[{wait: {hours: {start: '18:00', end: '09:00'}}}]", "wait.hours.end"),
        ("[{wait: {date: traits.x, for: 1d}}]", "wait.date"),
        ("[{goto: {step: nowhere}}]", "goto.step"),
    ],
)
def test_what_can_not_be_run_is_told(steps: str, field: str) -> None:
    with pytest.raises(JourneyError) as raised:
        stage(steps)
    assert any(field in wrong.field for wrong in raised.value.wrong), raised.value.wrong
