"""Scenarios as tables: what happened to a person, and what holds when."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from cdp.conditions import Context, Evaluator, Event, Person, format_text, parse
from tests.conditions.subjects import ms

FILES = sorted((Path(__file__).parent / "scenarios").glob("*.yaml"))
SCENARIOS = [
    pytest.param(scenario, id=f"{path.stem}: {scenario['name']}")
    for path in FILES
    for scenario in YAML(typ="safe", pure=True).load(path.read_text())
]


def person_after(steps: list[dict[str, Any]]) -> Person:
    """Somebody to whom all of this happened."""
    histories: dict[str, dict[str, Any]] = {"set": {}, "enter": {}, "subscribe": {}}
    opposite = {"leave": "enter", "unsubscribe": "subscribe"}
    events = []
    for step in steps:
        t = ms(step["t"])
        body = {"properties": step["properties"]} if "properties" in step else {}
        for kind, said in step.items():
            if kind == "set":
                for key, value in said.items():
                    histories["set"].setdefault(key, []).append((t, value))
            elif kind in ("enter", "subscribe", "leave", "unsubscribe"):
                states = histories[opposite.get(kind, kind)]
                states.setdefault(said, []).append((t, kind not in opposite))
            elif kind == "track":
                events.append(Event(t, {"type": kind, "event": said, **body}))
            elif kind in ("page", "screen"):
                events.append(Event(t, {"type": kind, "name": said, **body}))
            else:
                assert kind in ("t", "properties"), f"no step is called {kind}"
    return Person(histories["set"], events, histories["enter"], histories["subscribe"])


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_this_is_what_happens(scenario: dict[str, Any]) -> None:
    person = person_after(scenario["steps"])
    checked = 0
    for at, expected in scenario["at"].items():
        assert set(expected) <= {"holds", "fails"}
        evaluator = Evaluator(person, ms(at))
        for key in expected:
            for text in expected[key]:
                condition = parse(text, Context.PERSON)
                assert evaluator.holds(condition.root) is (key == "holds"), (at, text)
                again = parse(format_text(condition.root), Context.PERSON)
                assert again.root == condition.root
                checked += 1
    assert checked


def test_a_branch_knows_the_event_that_brought_the_person() -> None:
    person = Person(traits={"plan": [(0, "pro")]})
    trigger = {"type": "track", "event": "Order", "properties": {"total": 60}}
    root = parse('event.properties.total > 50 and traits.plan = "pro"', Context.BRANCH).root
    assert Evaluator(person, 1, trigger).holds(root)
    assert not Evaluator(person, 1).holds(root)
