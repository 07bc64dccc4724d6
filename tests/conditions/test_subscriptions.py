"""What Segment's reader of subscriptions would misread is refused; the rest is tested
against that reader in `test_conformance`."""

from __future__ import annotations

import pytest

from cdp.conditions import ConditionError
from cdp.conditions.subscription import compile_subscription

REFUSED = {
    'type = "a" or event = "b" and name = "c"': (27, "and, or side by side"),
    '(type = "a" and (event = "b" or name = "c"))': (17, "parentheses inside of parentheses"),
    '(contains(event, "b"))': (10, "a function inside of parentheses"),
    '!(type = "a")': (2, "! before parentheses"),
    "type = 'a'": (8, "a text in other quotes"),
    'anonymousId = "a"': (1, "no field that a subscription can ask for"),
    'properties = "a"': (1, "no field that a subscription can ask for"),
    "properties.paid": (1, "no part of a subscription"),
    "properties.paid != true": (1, "properties can't be compared so"),
    'properties.total > "5"': (1, "properties can't be compared so"),
    "event = null": (1, "event can't be compared so"),
    'properties.products.0.sku = "a"': (1, "the key 0 can't be read"),
    'properties.a\\.b = "a"': (1, "the key a.b can't be read"),
    'match(event, "*a*")': (14, "a pattern with more than a * at one end"),
    'contains(type, "a")': (10, "the type in contains"),
    'event in ["a"]': (1, "no part of a subscription"),
    '"a" = event': (1, "a subscription compares a path with a literal after it"),
}


@pytest.mark.parametrize(("text", "wrong"), REFUSED.items())
def test_what_would_be_misread_is_refused(text: str, wrong: tuple[int, str]) -> None:
    with pytest.raises(ConditionError) as caught:
        compile_subscription(text)
    assert caught.value.column == wrong[0]
    assert caught.value.reason.startswith(wrong[1])


def test_a_missing_value_is_neither_equal_nor_unequal_to_a_number() -> None:
    for text in ("properties.a = 5", "properties.a != 5", '!contains(event, "a")'):
        assert compile_subscription(text)({}) is False
    assert compile_subscription('properties.a != "5"')({}) is True
    assert compile_subscription("properties.a.b = 0")({"properties": {"a": 0}}) is True
