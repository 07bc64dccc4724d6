"""What looks wrong about journeys that can be read."""

from __future__ import annotations

from typing import Any

import pytest

from cdp.conditions.parser import parse_text
from cdp.journeys import read
from cdp.journeys.lint import Finding, Sent, lint
from cdp.journeys.never import never

EVENT: dict[str, Any] = {"event": "Signed Up"}
TEMPLATES = {
    "hello": Sent("email", "news", ("customer.name", "event.total", "journey.code")),
    "bare": Sent("email", None),
    "inbox": Sent("in_app", None),
    "given": Sent("email", "news", ("trigger.code",)),
}


def found(steps: list[Any], trigger: dict[str, Any] = EVENT, **more: Any) -> list[Finding]:
    body = {"trigger": trigger, "steps": steps, **more}
    return lint(read("welcome", body), body, TEMPLATES.get)


def codes(steps: list[Any], trigger: dict[str, Any] = EVENT, **more: Any) -> list[tuple[Any, ...]]:
    return [(item.level, item.code, item.step) for item in found(steps, trigger, **more)]


def test_a_good_journey_has_no_findings() -> None:
    steps = [
        {"set": {"code": {"value": "event.properties.code"}}},
        {"send": "hello"},
        {"wait": "2d"},
        {"branch": [{"when": "journey.code = 1", "then": [{"exit": "x"}]}, {"else": []}]},
        {"wait_until": {"event": "Bought", "timeout": "3d"}},
        {"goto": {"step": "wait-2d", "most": 500}},
    ]
    assert found(steps) == []


@pytest.mark.parametrize(
    "steps",
    [
        [{"exit": "x"}, {"emit": "A"}],
        [{"split": [{"share": 1, "then": [{"exit": "x"}]}, {"share": 1, "then": [{"exit": "y"}]}]},
         {"emit": "A"}],
        [{"branch": [{"when": "traits.a = 1", "then": [{"exit": "x"}]}, {"else": [{"exit": "y"}]}]},
         {"emit": "A"}],
    ],
)  # fmt: skip
def test_steps_that_nobody_comes_to(steps: list[Any]) -> None:
    assert codes(steps) == [("warning", "unreached", "emit-A")]


def test_steps_inside_of_one_that_nobody_comes_to_are_told_once() -> None:
    later = {"branch": [{"when": "traits.a = 1", "then": [{"emit": "A"}]}]}
    assert codes([{"exit": "x"}, later]) == [("warning", "unreached", "branch")]


def test_loops_need_a_wait() -> None:
    body = [{"emit": "A"}, {"emit": "B"}, {"goto": {"step": "emit-A", "most": 100}}]
    (loop,) = found(body)
    assert (loop.level, loop.code, loop.field) == ("error", "loop", "steps[2].goto")
    assert "emit-A → emit-B → goto" in loop.text
    assert found([*body[:2], {"goto": {"step": "emit-A", "most": 5}}]) == []
    assert found([{"emit": "A"}, {"wait": "1h"}, body[2]]) == []
    some = codes([{"send": "inbox"}, {"goto": {"step": "send-inbox", "most": 5}}])
    assert some == [("warning", "sends_at_once", "goto-send-inbox")]


def test_waits_without_an_end() -> None:
    assert codes([{"wait_until": "Bought"}]) == [("warning", "no_timeout", "wait_until-Bought")]


def test_ways_that_nobody_takes() -> None:
    ways = [
        {"when": "traits.a = 1", "then": []},
        {"when": "traits.a = 1", "then": []},
        {"when": 'traits.plan = "a" and traits.plan = "b"', "then": []},
    ]
    assert [(item.code, item.field) for item in found([{"branch": ways}])] == [
        ("never_taken", "steps[0].branch.ways[1].when"),
        ("never_true", "steps[0].branch.ways[2].when"),
    ]


@pytest.mark.parametrize(
    ("text", "is_never"),
    [
        ("traits.a = 1 and traits.a = 2", True),
        ("traits.a = 1 and traits.b = 2", False),
        ("traits.a > 5 and traits.a < 3", True),
        ("traits.a > 5 and traits.a <= 5", True),
        ("traits.a >= 5 and traits.a <= 5", False),
        ("traits.a = 4 and traits.a > 5", True),
        ("5 > traits.a and traits.a = 6", True),
        ('traits.a in ["x", "y"] and traits.a = "z"', True),
        ('traits.a in ["x", "y"] and traits.a != "x"', False),
        ('traits.a = "x" and traits.a != "x"', True),
        ("traits.a = 1 and not traits.a = 1", True),
        ("traits.a = 1 or traits.a = 2", False),
        ("(traits.a = 1 and traits.a = 2) or (traits.b = 1 and traits.b = 2)", True),
        ('count("A") > 3 and count("A") < 2', True),
        ('traits.a > "b" and traits.a < "a"', False),
    ],
)
def test_conditions_that_contradict_themselves(text: str, is_never: bool) -> None:
    assert never(parse_text(text).root) is is_never


def test_what_is_asked_for_must_be_there() -> None:
    ask = [{"branch": [{"when": "event.properties.x = 1", "then": []}]}]
    assert codes(ask, {"enters": "vips"}) == [("warning", "never_there", "branch")]
    assert codes(ask) == []
    kept = [{"branch": [{"when": 'event.context.ip = "1"', "then": []}]}]
    assert "keeps of its event only" in found(kept)[0].text
    short = [{"branch": [{"when": "event.kind = 1", "then": []}]}]
    assert found(short)[0].text.endswith(". Write event.properties.kind.")
    assert not found(kept)[0].text.endswith(".")
    late = [{"branch": [{"when": "journey.a = 1", "then": []}]}, {"set": {"a": 1}}]
    (finding,) = found(late)
    assert (finding.code, finding.line, finding.column) == ("never_there", 1, 1)
    assert found([late[1], late[0]]) == []


def test_messages_need_their_variables_and_a_topic() -> None:
    assert codes([{"send": "hello"}]) == [("error", "no_variable", "send-hello")]
    assert "journey.code" in found([{"send": "hello"}])[0].text
    assert len(found([{"send": "hello"}], {"enters": "vips"})) == 2
    assert codes([{"send": "bare"}]) == [("warning", "no_topic", "send-bare")]
    assert codes([{"send": {"template": "bare", "topic": "news"}}]) == []
    assert codes([{"send": "inbox"}]) == []
    given = [{"send": {"template": "given", "data": {"code": 1}}}]
    assert codes(given, {"enters": "vips"}) == []


def test_journeys_that_nobody_enters_or_stays_in() -> None:
    steps = [{"emit": "A"}]
    per = {"once_per": "properties.id"}
    assert codes(steps, {"enters": "vips"}, entry=per) == [("error", "nobody_enters", None)]
    same = {"if": "traits.a = 1", "exit_when": "traits.a = 1"}
    assert codes(steps, **same) == [("error", "nobody_stays", None)]
    assert codes(steps, **{"if": "traits.a = 1 and traits.a = 2"}) == [
        ("error", "never_true", None)
    ]
