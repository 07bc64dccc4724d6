"""Journeys as definitions: kept as they are written, with all that they say of others known."""

from __future__ import annotations

from typing import Any

import pytest

from cdp.conditions.expand import Made, Virtual
from cdp.conditions.parser import parse_text
from cdp.definitions import KINDS, DefinitionError, Fault, Id, check
from cdp.definitions.journey import program_of
from cdp.definitions.words import Word
from cdp.journeys import Read
from cdp.journeys.places import NAMES, places
from tests.definitions.test_check import audience, nothing_seen, seen

JOURNEY = KINDS["journey"]
WELCOME: dict[str, Any] = {
    "name": "Welcome series",
    "trigger": {"event": "Signed Up", "where": 'properties.plan != "internal"'},
    "entry": "once",
    "goal": {"event": "Order Completed", "within": "14d"},
    "exit_when": "traits.unsubscribed = true",
    "steps": [
        {"send": "welcome_1"},
        {"wait": "2d"},
        {"branch": [
            {"when": 'count("Order Completed" within 2d) > 0', "then": [{"exit": "bought"}]},
            {"else": [{"send": {"first_of": ["nudge", "nudge_sms"], "topic": "news"}}]},
        ]},
        {"wait_until": "Order Completed"},
        {"wait": {"date": "traits.renews_at", "before": "3d"}},
        {"update": {"traits": {"onboarded": True, "orders": {"value": "traits.orders"}}}},
        {"set": {"total": {"value": "event.properties.total"}}},
        {"add_to": "vips"},
        {"call": {"journey": "winback", "data": {"why": {"value": "journey.total"}}}},
    ],
}  # fmt: skip


def read(**more: Any) -> dict[str, Any]:
    return JOURNEY.read("welcome", {**WELCOME, **more}).body


def wrong(key: str = "welcome", **more: Any) -> list[Fault]:
    with pytest.raises(DefinitionError) as caught:
        JOURNEY.read(key, {**WELCOME, **more})
    return caught.value.faults


def checked(body: dict[str, Any], others: dict[Id, Any], look: Any = nothing_seen) -> Any:
    id_ = ("journey", "welcome")
    return check(others, {id_: JOURNEY.read("welcome", body)}, look)[id_]


def test_a_journey_is_kept_as_it_is_written() -> None:
    assert read() == WELCOME
    assert read(archived=False, description="") == WELCOME


def test_its_conditions_are_found_where_the_reader_finds_them() -> None:
    body = {name: value for name, value in WELCOME.items() if name != "name"}
    said = {item.field for item in Read("welcome", body, 0, lambda root: root).said}
    assert {p.field for p in places(body) if p.role not in NAMES} == said
    assert len(said) == 7


def test_all_that_is_wrong_is_told_with_its_place() -> None:
    faults = wrong(
        "Welcome",
        nme="x",
        trigger={"event": "Signed Up", "wher": "true"},
        steps=[{"send": {"tmplate": "x"}}, {"branch": [{"when": "traits.", "then": []}]}],
    )
    assert {(fault.field, fault.line, fault.column) for fault in faults} == {
        ("key", None, None),
        ("nme", None, None),
        ("trigger.wher", None, None),
        ("steps[0].send.tmplate", None, None),
        ("steps[1].branch.ways[0].when", 1, 8),
    }
    assert "Did you mean where?" in next(f.text for f in faults if f.field == "trigger.wher")
    assert "Did you mean name?" in next(f.text for f in faults if f.field == "nme")


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ([{"emit": {"event": "x", "properties": {"a": float("nan")}}}], "must be a number"),
        ([{"emit": {"event": "x", "properties": {1: 2}}}], "put it in quotes"),
        ([{"emit": {"event": "x", "properties": {"a": b"x"}}}], "no text, number"),
        ([{"send": "a\0b"}], "control characters"),
        ([{"call": {}}], "Missing data"),
        ([{"add_to": {}}], "Missing data"),
    ],
)
def test_what_says_too_little_or_is_no_json_is_refused(steps: Any, text: str) -> None:
    assert text in wrong(steps=steps)[0].text


def test_what_is_nested_without_end_is_refused() -> None:
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]
    assert (
        "too deeply" in wrong(steps=[{"emit": {"event": "x", "properties": {"a": deep}}}])[0].text
    )


def test_it_says_which_words_it_uses() -> None:
    used = {use.word for use in JOURNEY.uses(read())}
    assert used >= {
        Word("event", "Signed Up"), Word("event", "Order Completed"),
        Word("template", "welcome_1"), Word("template", "nudge"), Word("template", "nudge_sms"),
        Word("topic", "news"), Word("audience", "vips"), Word("journey", "winback"),
        Word("trait", "unsubscribed"), Word("trait", "renews_at"), Word("trait", "orders"),
    }  # fmt: skip


def test_other_words_take_the_places_of_old_ones() -> None:
    body = read()
    new = {
        Word("template", "nudge"): Word("template", "poke"),
        Word("event", "Order Completed"): Word("event", "Bought"),
        Word("trait", "orders"): Word("trait", "orders_90d"),
        Word("audience", "vips"): Word("audience", "best"),
    }
    changed = JOURNEY.rename(body, new)
    assert body == WELCOME
    assert changed["goal"]["event"] == "Bought"
    assert changed["steps"][2]["branch"][1]["else"][0]["send"]["first_of"] == ["poke", "nudge_sms"]
    assert changed["steps"][2]["branch"][0]["when"] == 'count("Bought" within 2d) > 0'
    assert changed["steps"][3] == {"wait_until": "Bought"}
    assert changed["steps"][5]["update"]["traits"]["orders"] == {"value": "traits.orders_90d"}
    assert changed["steps"][7] == {"add_to": "best"}
    assert changed["trigger"] == WELCOME["trigger"]


def others(**more: Any) -> dict[Id, Any]:
    made: dict[Id, Any] = {
        ("template", key): {"channel": "email", "subject": "Hi", "body": "B"}
        for key in ("welcome_1", "nudge", "nudge_sms")
    }
    made["topic", "news"] = {"name": "News"}
    made["audience", "vips"] = {"static": True}
    made["journey", "winback"] = {"trigger": {"called": True}, "steps": [{"wait": "1d"}]}
    return {**made, **{("audience", key): body for key, body in more.items()}}


def test_what_it_refers_to_must_be_there() -> None:
    assert checked(WELCOME, others()).errors == []
    missing = checked(WELCOME, {})
    assert Fault("steps[0].send.template", "there is no template welcome_1.") in missing.errors
    assert Fault("steps[8].call.journey", "there is no journey winback.") in missing.errors
    body = {**WELCOME, "steps": [{"send": "welcome"}]}
    assert "Did you mean welcome_1?" in checked(body, others()).errors[0].text


def test_a_list_must_be_one_that_is_kept_by_hand() -> None:
    _, vips = audience("vips", 'traits.plan = "gold"')
    found = checked(WELCOME, others(vips=vips.body)).errors
    assert [fault.field for fault in found] == ["steps[7].add_to.audience"]


def test_names_that_were_never_seen_are_warned_of() -> None:
    body = {
        "trigger": {"event": "Order Completd"},
        "if": 'traits.plann = "gold"',
        "steps": [
            {"wait_until": {"event": "Order Completed", "where": "properties.totl > 5"}},
            {"wait": "1d"},
        ],
    }
    warned = {fault.field: fault for fault in checked(body, others(), seen).warnings}
    assert "Did you mean Order Completed?" in warned["trigger.event"].text
    assert "Did you mean plan?" in warned["if"].text
    assert "Did you mean total?" in warned["steps[0].wait_until.where"].text


def test_what_the_triggers_event_never_had_is_warned_of() -> None:
    body = {
        "trigger": {"event": "Order Completed"},
        "steps": [{"branch": [{"when": "event.properties.totl > 5", "then": [{"exit": "x"}]}]}],
    }
    (fault,) = checked(body, others(), seen).warnings
    assert fault.field == "steps[0].branch.ways[0].when" and "total" in fault.text


def test_what_a_journey_says_can_not_go() -> None:
    there = {**others(), ("journey", "welcome"): WELCOME}
    gone = check(there, {("template", "nudge"): None}, nothing_seen)["template", "nudge"]
    assert "used by the journey welcome" in gone.errors[0].text


def test_a_journey_may_start_itself_only_after_a_wait() -> None:
    at_once = {"trigger": {"event": "A"}, "steps": [{"call": "welcome"}, {"wait": "1d"}]}
    (fault,) = checked(at_once, {}).errors
    assert (fault.field, "without end" in fault.text) == ("steps[0].call.journey", True)
    later = {"trigger": {"event": "A"}, "steps": [{"wait": "1d"}, {"call": "welcome"}]}
    assert checked(later, {}).errors == []


def test_journeys_may_not_start_each_other_in_a_circle() -> None:
    back: Id = ("journey", "winback")
    there = {back: {"trigger": {"called": True}, "steps": [{"call": "welcome"}]}}
    body = {"trigger": {"event": "A"}, "steps": [{"call": "winback"}, {"wait": "1d"}]}
    (fault,) = checked(body, there).errors
    assert "welcome → winback → welcome" in fault.text


def test_virtual_events_and_computed_traits_are_what_they_stand_for() -> None:
    where = parse_text("properties.total > 100").root
    made = Made({"Big Order": Virtual("Order Completed", where)},
                {"orders": parse_text('count("Order Completed")').root})  # fmt: skip
    body = {
        "trigger": {"event": "Big Order"},
        "if": "traits.orders > 3",
        "goal": {"event": "Big Order"},
        "steps": [{"wait_until": {"event": "Big Order"}}],
    }
    program = program_of("welcome", body, 3, made)
    assert program.trigger.event == "Order Completed"
    assert program.trigger.where is not None
    assert program.trigger.where({"type": "track", "properties": {"total": 200}})
    assert not program.trigger.where({"type": "track", "properties": {"total": 20}})
    assert program.goal is not None and program.goal.event == "Order Completed"
    assert list(program.steps) == ["wait_until-Big-Order"]
    assert program.condition == parse_text('count("Order Completed") > 3').root


def test_names_that_no_call_brings_are_told() -> None:
    trigger = {"webhook": True, "where": 'event.kind = "refund" and traits.plan = "pro"'}
    found = checked({**WELCOME, "trigger": trigger}, {}).warnings
    mine = [fault for fault in found if fault.field == "trigger.where"]
    assert [(fault.text.partition(":")[0], fault.column) for fault in mine] == [
        ("event.kind is never there", 1),
        ("a call brings no traits", 27),
    ]
    trigger = {"webhook": True, "where": 'properties.kind = "refund"'}
    found = checked({**WELCOME, "trigger": trigger}, {}).warnings
    assert not [fault for fault in found if fault.field == "trigger.where"]
    trigger = {"group": True, "where": 'traits.plan = "pro"'}
    found = checked({**WELCOME, "trigger": trigger}, {}).warnings
    assert not [fault for fault in found if fault.field == "trigger.where"]
