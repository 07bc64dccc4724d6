"""The fast predicate and the plain evaluator decide alike."""

from __future__ import annotations

import os
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cdp.conditions import Evaluator, Event, Person, compile_message
from cdp.conditions.ast import EventRef, Performed, Value, any_of
from tests.conditions import segment
from tests.conditions.trees import messages

EXAMPLES = int(os.environ.get("CDP_PROOF_EXAMPLES", "300"))


def plainly(tree: Any, message: dict[str, Any]) -> bool:
    """What the evaluator says of a message, as the `where` of an event."""
    body = {**message, "type": "track", "event": message.get("event", "")}
    person = Person(events=[Event(0, body)])
    return Evaluator(person, 1).holds(Performed(EventRef(str(body["event"]), tree)))


@settings(max_examples=EXAMPLES, deadline=None)
@given(messages(), st.randoms(use_true_random=False))
def test_on_conditions_of_any_shape(tree: Any, rnd: random.Random) -> None:
    message = {"event": "", **segment.message(rnd), "type": "track"}
    assert compile_message(tree)(message) is plainly(tree, message)


def test_on_conditions_that_could_be_true() -> None:
    rnd = random.Random(8)
    for _ in range(10 * EXAMPLES):
        tree = segment.condition(rnd)
        message = {"event": "", **segment.message(rnd), "type": "track"}
        assert compile_message(tree)(message) is plainly(tree, message), (tree, message)


def test_what_is_asked_of_many_is_any_of_them() -> None:
    trees = [Value(False)] * 5
    assert compile_message(any_of(trees))({}) is False
    assert compile_message(any_of([*trees, Value(True)]))({}) is True
