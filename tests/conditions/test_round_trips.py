"""Text, JSON form and IR are three ways to write one tree."""

from __future__ import annotations

import os
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings

from cdp.conditions import (
    ConditionError,
    Context,
    NotInBrowser,
    check,
    compile_message,
    explain,
    format_text,
    from_ir,
    from_json,
    from_json_text,
    parse,
    to_ir,
    to_json,
)
from cdp.conditions.parser import parse_text
from tests.conditions.trees import messages, people

EXAMPLES = int(os.environ.get("CDP_PROOF_EXAMPLES", "150"))
calm = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def exactly(node: Any) -> bytes:
    """A tree, with true and 1 told apart."""
    return msgspec.json.encode(node)


@calm
@given(messages())
def test_a_condition_over_messages_is_read_as_it_was_written(tree: Any) -> None:
    tree = from_json(to_json(tree))
    text = format_text(tree)
    assert exactly(parse_text(text).root) == exactly(tree)
    assert format_text(parse_text(text).root) == text
    assert exactly(from_json_text(msgspec.json.encode(tree))) == exactly(tree)


@calm
@given(people())
def test_a_condition_over_people_is_read_as_it_was_written(tree: Any) -> None:
    tree = from_json(to_json(tree))
    text = format_text(tree)
    assert exactly(parse_text(text).root) == exactly(tree)
    assert exactly(parse_text(format_text(tree, 20)).root) == exactly(tree)
    assert exactly(from_json(to_json(tree))) == exactly(tree)


@calm
@given(messages(fql=True))
def test_what_segment_can_say_comes_back_from_its_form(tree: Any) -> None:
    try:
        ir = to_ir(tree)
    except NotInBrowser:
        return
    assert exactly(from_ir(ir)) == exactly(from_json(to_json(tree)))


@calm
@given(people())
def test_every_condition_has_prose_and_is_checked(tree: Any) -> None:
    assert explain(tree)
    for context in Context:
        try:
            check(tree, context)
        except ConditionError as error:
            assert error.text
        else:
            assert parse(format_text(tree), context).root == tree
            if context is Context.MESSAGE:
                assert compile_message(tree)({}) in (True, False)
