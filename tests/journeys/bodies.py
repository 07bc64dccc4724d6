"""Random journeys with something to do in the few milliseconds of `tests.conditions.stories`."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from cdp.conditions import format_text
from tests.conditions.stories import AROUND, EVENTS, JSON, NAMES, conditions
from tests.journeys.naive import inner_lists

T = st.integers(AROUND - 30, AROUND + 30)
LENGTH = st.integers(1, 20).map(lambda ms: f"{ms}ms")
OF_EVENT = st.sampled_from(
    ["properties.x = 1", "properties.x = 2", 'properties.y != "a"', "properties.x > 0"]
)
CONDITION = st.one_of(
    conditions().map(format_text),
    conditions().map(format_text),
    st.sampled_from(
        [
            "event.properties.x = 1",
            "event.properties.y != event.properties.x",
            "journey.v = 2",
            'audience("a0")',
            'not audience("a1") and traits.p != 1',
            "journey.v = traits.p",
            'count("A") > 1 and event.properties.x = traits.p',
        ]
    ),
)


TRIGGERS = st.sampled_from(
    [
        *({"event": name} for name in ("A", "A", "A", *EVENTS, "C")),
        {"enters": "a0"}, {"leaves": "a1"}, {"trait": "p"}, {"trait": "q", "to": 1},
    ]
)  # fmt: skip
#: The second may ask for the first.
AUDIENCES = st.fixed_dictionaries(
    {
        "a0": conditions().map(format_text),
        "a1": st.one_of(conditions().map(format_text), st.just('not audience("a0")')),
    }
)


@st.composite
def waits_until(draw: Any, inner: Any) -> dict[str, Any]:
    """A wait for an event, a condition, or the first of several."""

    def path() -> dict[str, Any]:
        if draw(st.booleans()):
            made: dict[str, Any] = {"if": draw(CONDITION)}
        else:
            made = {"event": draw(NAMES)}
            if draw(st.integers(0, 2)) == 0:
                made["where"] = draw(OF_EVENT)
            if draw(st.integers(0, 3)) == 0:
                made["same"] = "properties.x"
        if draw(st.booleans()):
            made["then"] = draw(inner)
        return made

    spec = {"any": [path(), path()]} if draw(st.integers(0, 2)) == 0 else path()
    if draw(st.booleans()):
        spec["timeout"] = draw(LENGTH)
        if draw(st.booleans()):
            spec["on_timeout"] = draw(inner)
    return {"wait_until": spec}


@st.composite
def branches(draw: Any, inner: Any) -> dict[str, Any]:
    ways: list[dict[str, Any]] = [
        {"when": draw(CONDITION), "then": draw(inner)} for _ in range(draw(st.integers(1, 2)))
    ]
    if draw(st.booleans()):
        ways.append({"else": draw(inner)})
    return {"branch": {"ways": ways}}


def splits(inner: Any) -> Any:
    way = st.fixed_dictionaries({"share": st.sampled_from([10, 50, 50]), "then": inner})
    return st.lists(way, min_size=2, max_size=3).map(lambda ways: {"split": {"ways": ways}})


SIMPLE = st.one_of(
    st.sampled_from(["welcome", "nudge"]).map(lambda key: {"send": key}),
    LENGTH.map(lambda length: {"wait": length}),
    LENGTH.map(lambda length: {"wait": length}),
    st.sampled_from([1, 2]).map(lambda v: {"set": {"v": v}}),
    st.sampled_from([1, "a", None]).map(lambda v: {"update": {"traits": {"p": v}}}),
    st.sampled_from([1, "a"]).map(lambda v: {"emit": {"event": "C", "properties": {"x": v}}}),
    st.just({"holdout": 20}),
    st.just({"exit": "enough"}),
    st.integers(1, 3).map(lambda most: {"goto": {"step": "", "most": most}}),
)


def lists(inner: Any) -> Any:
    return st.lists(inner, max_size=3)


STEPS = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        waits_until(lists(inner)), branches(lists(inner)), splits(lists(inner))
    ),
    max_leaves=6,
)


def numbered(steps: list[dict[str, Any]], draw: Any) -> list[dict[str, Any]]:
    """The steps with ids; a ``goto`` leads to any of them, two of them at the most."""
    made: list[dict[str, Any]] = []

    def name(some: list[Any]) -> None:
        for at, step in enumerate(some):
            step = some[at] = {**step, "id": f"s{len(made)}"}
            made.append(step)
            for inner in inner_lists(step):
                name(inner)

    name(steps)
    gotos = [step for step in made if "goto" in step]
    for step in gotos:
        step["goto"] = {**step["goto"], "step": draw(st.sampled_from(made))["id"]}
        if gotos.index(step) > 1:
            step["goto"]["most"] = 1
    return steps


@st.composite
def journeys(draw: Any, key: str) -> dict[str, Any]:
    """A journey; its steps have ids."""
    steps = deepcopy(draw(st.lists(STEPS, min_size=1, max_size=4)))
    made: dict[str, Any] = {
        "key": key,
        "trigger": draw(TRIGGERS),
        "entry": draw(
            st.sampled_from(
                ["once", "every_time", {"once_per": "properties.x"}, {"again_after": "9ms"}]
            )
        ),
        "while_in": draw(st.sampled_from(["ignore", "start", "restart"])),
        "steps": numbered(steps, draw),
    }
    if made["trigger"].get("event") not in EVENTS:
        # What steps bring about must not go round for ever.
        made["entry"] = draw(st.sampled_from(["once", {"again_after": "9ms"}]))
    if "event" in made["trigger"] and draw(st.integers(0, 3)) == 0:
        made["trigger"] = {**made["trigger"], "where": draw(OF_EVENT)}
    if draw(st.integers(0, 3)) == 0:
        made["if"] = draw(CONDITION)
    if draw(st.integers(0, 2)) == 0:
        made["exit_when"] = draw(CONDITION)
    if draw(st.integers(0, 2)) == 0:
        made["goal"] = {"event": draw(NAMES), "within": draw(LENGTH), "exit": draw(st.booleans())}
        if draw(st.booleans()):
            made["goal"]["where"] = draw(OF_EVENT)
    return made


@st.composite
def histories(draw: Any) -> list[tuple[int, dict[str, Any]]]:
    """What the person says, in the order of time."""
    found = []
    for number in range(draw(st.integers(1, 10))):
        body: dict[str, Any] = {"messageId": f"m{number}"}
        kind = draw(st.sampled_from(["track", "track", "track", "page", "identify"]))
        body["type"] = kind
        if kind == "identify":
            traits = st.dictionaries(st.sampled_from(["p", "q"]), JSON, min_size=1)
            body["traits"] = draw(traits)
        else:
            if kind == "track":
                body["event"] = draw(NAMES)
            names = st.sampled_from(["x", "y"])
            body["properties"] = draw(st.dictionaries(names, JSON | st.sampled_from([1, 2])))
        found.append((draw(T), body))
    return sorted(found, key=lambda item: item[0])
