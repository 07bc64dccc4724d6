"""The example of every function and construct holds; documentation shows them."""

from __future__ import annotations

from typing import Any

import pytest

from cdp.conditions import (
    Context,
    Evaluator,
    Event,
    Person,
    compile_message,
    explain,
    format_text,
    parse,
)
from cdp.conditions.ast import Aggregate, Call, Node, walk
from cdp.conditions.forms import ALL_FORMS
from cdp.conditions.functions import FUNCTIONS
from cdp.conditions.functions.base import KINDS, Example
from tests.conditions.subjects import person_of

FUNCTION_EXAMPLES = [(f.name, f.example, f.of_a_person) for f in FUNCTIONS.values()]
FORM_EXAMPLES = [(form.signature, example) for form in ALL_FORMS for example in form.examples]


@pytest.mark.parametrize(("name", "example", "of_a_person"), FUNCTION_EXAMPLES)
def test_the_example_of_a_function_holds(name: str, example: Example, of_a_person: bool) -> None:
    condition = parse(example.text, Context.PERSON if of_a_person else Context.MESSAGE)
    assert condition.warnings == []
    assert name in {node.name for node in walk(condition.root) if isinstance(node, Call)}
    if of_a_person:
        person, now = person_of(example.subject)
        assert Evaluator(person, now).holds(condition.root) is example.result
    else:
        assert compile_message(condition.root)(example.subject) is example.result
    assert format_text(condition.root) == example.text.replace("'", '"')


@pytest.mark.parametrize(("signature", "example"), FORM_EXAMPLES)
def test_the_example_of_a_construct_holds(signature: str, example: Example) -> None:
    condition = parse(example.text, Context.PERSON)
    assert condition.warnings == []
    person, now = person_of(example.subject)
    lists = {name: tuple(values) for name, values in example.subject.get("lists", {}).items()}
    assert Evaluator(person, now, None, lists).holds(condition.root) is example.result
    assert format_text(condition.root) == example.text


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("ratio(6, 4) = 1.5", True),
        ("ratio(1, 3) < 0.34", True),
        ("ratio(1, 0) = null", True),
        ("ratio(0, 0) >= 0", False),
        ('ratio("6", 4) = null', True),
        ("ratio(traits.a, 2) = 1.5 and ratio(3, traits.a) = 1", True),
        ('ratio(count("A"), count("B")) = 2 and ratio(count("A"), count("C")) = null', True),
    ],
)
def test_a_ratio_is_nothing_where_nobody_can_divide(text: str, holds: bool) -> None:
    events = [Event(1, {"type": "track", "event": event}) for event in "AAB"]
    person = Person(traits={"a": [(1, 3)]}, events=events)
    assert Evaluator(person, 2).holds(parse(text, Context.PERSON).root) is holds


def test_functions_say_what_they_are() -> None:
    for function in FUNCTIONS.values():
        assert function.summary.endswith(".")
        assert function.returns in KINDS
        assert {param.kind for param in function.params} <= set(KINDS)
        shown = function.words.format(*(f"<{param.name}>" for param in function.params))
        assert all(f"<{param.name}>" in shown for param in function.params)


def test_every_kind_of_node_has_all_its_faces() -> None:
    from cdp.conditions.forms import BY_NODE

    plain = {"Value", "Path", "Items", "Instant", "Not", "And", "Or", "Compare", "In", "Call"}
    kinds: set[Any] = {kind for kind in Node.__subclasses__()}
    assert {kind.__name__ for kind in kinds} - plain == {kind.__name__ for kind in BY_NODE}


def test_prose_reads_as_a_sentence() -> None:
    for text, prose in {
        'type = "track" and event = "Order Completed"':
            "the type is “track” and the event is “Order Completed”",
        "properties.total >= 50 and (traits.plan = null or !contains(traits.email, 'x'))":
            "total is at least 50 and (the trait plan is not set or the trait email does not "
            "contain “x”)",
        "properties.a and !properties.b": "a is true and b is not true",
        "event in ['A', 'B'] and !(name in ['C'])":
            "the event is one of “A”, “B” and the name is none of “C”",
        "properties.at < 2026-01-31": "at is before 2026-01-31",
        "semver(context.app.version, '>=', '2.1')":
            "version context app.version is at least “2.1”",
    }.items():  # fmt: skip
        assert explain(parse(text).root) == prose
    for text, prose in {
        'count("Order Completed" where properties.total > 50 within 30d) >= 3':
            "did “Order Completed” where total is more than 50 at least 3 times in the last "
            "30 days",
        'count("A") = 0': "did not do “A”",
        'not performed("A" within 1d)': "did not do “A” in the last day",
        'sum(properties.total of "A" between 60d and 30d ago) > 500':
            "the sum of total of “A” between 60 days and 30 days ago is more than 500",
        'last("A") < 30d ago': "the time of the last “A” is before 30 days ago",
        'sequence("A" then "B" within 2h, since 2026-01-01)':
            "did “A”, then “B” within 2 hours, all since 2026-01-01",
        'changed(traits.plan from "free" to "pro")':
            "the trait plan changed from “free” to “pro”",
        'audience("vip") and not audience("staff")':
            "is in the audience “vip” and is not in the audience “staff”",
        "true": "always",
        'performed("A") and false': "did “A” and never",
        'not sequence("A" then "B")': "it is not so that they did “A”, then “B”",
        'not (performed("A") or audience("vip")) and person.traits.plan = "pro"':
            "it is not so that (did “A” or is in the audience “vip”) and the person's trait plan "
            "is “pro”",
    }.items():  # fmt: skip
        assert explain(parse(text, Context.PERSON).root) == prose


def test_aggregates_share_one_kind_of_node() -> None:
    assert {form.node for form in ALL_FORMS if form.names[:1] == ("sum",)} == {Aggregate}
