"""Whatever comes, it is read or refused with its place; nothing else happens."""

from __future__ import annotations

import json
import os
import random
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from cdp.conditions import (
    ConditionError,
    Context,
    Evaluator,
    Person,
    compile_message,
    explain,
    format_text,
    from_ir,
    from_json,
    parse,
)
from cdp.conditions.forms import ALL_FORMS
from cdp.conditions.functions import FUNCTIONS
from cdp.conditions.subscription import compile_subscription

EXAMPLES = int(os.environ.get("CDP_PROOF_EXAMPLES", "300"))
TEXTS = [f.example.text for f in FUNCTIONS.values()] + [
    example.text for form in ALL_FORMS for example in form.examples
]
PIECES = [*"()[]!=<>.,'\"`\\ \n-+0é\0\ud800", "and", "or", "not ", "in", "null", "within 3d",
          "where", "ago", "count(", "performed(", "2026-01-01", "1e5", "traits.x",
          "then"]  # fmt: skip


def read(text: str, context: Context) -> None:
    """Read it; if that goes well, everything else must too."""
    try:
        root = parse(text, context).root
    except ConditionError as error:
        assert error.line >= 1 and 1 <= error.column <= len(text) + 1
        assert error.text and "\n" not in error.text
        return
    assert explain(root)
    assert parse(format_text(root), context).root == root
    if context is Context.MESSAGE:
        assert compile_message(root)({"type": "track"}) in (True, False)
    else:
        assert Evaluator(Person(), 10**12).holds(root) in (True, False)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.one_of(st.text(max_size=40), st.lists(st.sampled_from(PIECES)).map("".join)))
@example("\\\n")
def test_any_text(text: str) -> None:
    for context in Context:
        read(text, context)
    try:
        compile_subscription(text)({})
    except ConditionError as error:
        assert error.line >= 1


def test_right_texts_with_something_amiss() -> None:
    rnd = random.Random(9)
    for _ in range(20 * EXAMPLES):
        text = rnd.choice(TEXTS)
        at, end = sorted((rnd.randrange(len(text) + 1), rnd.randrange(len(text) + 1)))
        text = rnd.choice([
            text[:at] + text[min(end, at + 3) :],
            text[:at] + rnd.choice(PIECES) + text[at:],
            text[:at] + rnd.choice(TEXTS)[at:],
            f"{text} {rnd.choice(['and', 'or'])} {rnd.choice(TEXTS)}",
        ])  # fmt: skip
        read(text, rnd.choice(list(Context)))


JSON: Any = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3),
              st.sampled_from(["and", "in", "!", "=", "length", "path", "compare", "value"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(["is", "value", "items", "parts", "op", "left", "right", "item"]), inner
        ),
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=EXAMPLES, deadline=None)
@given(JSON)
def test_any_form(form: Any) -> None:
    try:
        root = from_json(form)
    except ConditionError as error:
        assert error.text
    else:
        assert from_json(form) == root and format_text(root)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.one_of(JSON.map(json.dumps), st.text()))
def test_any_ir(text: str) -> None:
    try:
        root = from_ir(text)
    except ConditionError as error:
        assert error.text
    else:
        assert compile_message(root)({}) in (True, False)
