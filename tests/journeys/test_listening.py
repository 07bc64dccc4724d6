"""The journeys that a message begins are found as if each had been asked."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cdp.conditions.parser import parse_text
from cdp.conditions.picked import picked
from cdp.journeys import Journeys, read

_PATHS = st.sampled_from(("properties.a", "properties.b", "properties.list.0", "messageId"))
_LITERALS = st.sampled_from(('"x"', '"1"', '""', "1", "1.0", "0", "-2", "true", "null"))
_TEXTS = st.lists(st.sampled_from(('"x"', '"1"', '"y"')), min_size=1, max_size=3)
_ONE = st.one_of(
    st.builds("{} = {}".format, _PATHS, _LITERALS),
    st.builds("{} = {}".format, _LITERALS, _PATHS),
    st.builds("{} != {}".format, _PATHS, _LITERALS),
    st.builds("{} < 1".format, _PATHS),
    st.builds(lambda path, some: f"{path} in [{', '.join(some)}]", _PATHS, _TEXTS),
    st.builds("{} in [1, 'x']".replace("'", '"').format, _PATHS),
)
_WHERE = st.one_of(
    _ONE,
    st.builds("{} and {}".format, _ONE, _ONE),
    st.builds("{} or {}".format, _ONE, _ONE),
    st.builds("not ({})".format, _ONE),
    st.none(),
)
_VALUES = st.sampled_from(("x", "y", "1", "", 1, 1.0, 0, -2, True, False, None, [], {}, ["x"]))
_MESSAGES = st.fixed_dictionaries(
    {"type": st.just("track"), "event": st.just("Go")},
    optional={
        "messageId": _VALUES,
        "properties": st.one_of(
            st.none(),
            st.just("x"),
            st.dictionaries(st.sampled_from(("a", "b", "list")), _VALUES),
        ),
    },
)


def journeys(wheres: list[str | None]) -> Journeys:
    programs = []
    for at, where in enumerate(wheres):
        trigger = {"event": "Go", **({"where": where} if where else {})}
        programs.append(read(f"j{at}", {"trigger": trigger, "steps": [{"wait": "1d"}]}, 1))
    return Journeys(programs, {program.key: 1 for program in programs})


@settings(max_examples=int(os.environ.get("CDP_PROOF_EXAMPLES", "40")), deadline=None)
@given(st.lists(_WHERE, min_size=1, max_size=8), _MESSAGES)
def test_as_if_each_was_asked(wheres: list[str | None], message: dict[str, Any]) -> None:
    made = journeys(wheres)
    expected = [
        program.key
        for program in made.open.values()
        if program.trigger.where is None or program.trigger.where(message)
    ]
    assert [program.key for program in made.begun_by("Go", message)] == expected


def test_a_call_begins_the_journey_that_it_names() -> None:
    programs = [
        read(key, {"trigger": {kind: True}, "steps": [{"wait": "1d"}]}, 1)
        for key, kind in (("a", "api"), ("b", "api"), ("c", "webhook"))
    ]
    made = Journeys(programs, {program.key: 1 for program in programs})

    def begun(journey: Any, by: str) -> list[str]:
        message = {"properties": {"journey": journey, "by": by}}
        return [program.key for program in made.begun_by("Journey Triggered", message)]

    assert begun("b", "api") == ["b"] and begun("c", "webhook") == ["c"]
    assert begun("c", "api") == [] and begun("d", "api") == [] and begun(["b"], "api") == []


def test_what_can_be_looked_up() -> None:
    def of(text: str) -> Any:
        found = picked(parse_text(text).root)
        return found and (".".join(found.path), set(found.values))

    assert of('properties.plan = "pro"') == ("properties.plan", {"pro"})
    assert of("5 = properties.n") == ("properties.n", {5})
    assert of('properties.n > 5 and properties.plan in ["a", "b"]') == (
        "properties.plan", {"a", "b"},
    )  # fmt: skip
    for text in (
        'not (properties.plan = "pro")',
        "properties.n = 1 or properties.n = 2",
        "properties.n = true",
        "properties.n != 1",
        'properties.plan in ["a", 1]',
    ):
        assert of(text) is None
