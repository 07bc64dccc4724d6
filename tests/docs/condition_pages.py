"""The language of conditions, read from its functions, constructs, limits and tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from cdp.conditions import limits
from cdp.conditions.forms import ALL_FORMS
from cdp.conditions.functions import FUNCTIONS
from cdp.conditions.language import Context, parse
from tests.conditions.differences import DIFFERENCES
from tests.docs.markdown import table


def _functions(of_a_person: bool) -> str:
    parts = []
    for function in FUNCTIONS.values():
        if function.of_a_person is not of_a_person:
            continue
        own = "" if function.fql else " Not in Segment's language."
        subject = json.dumps(function.example.subject, ensure_ascii=False)
        context = Context.PERSON if of_a_person else Context.MESSAGE
        prose = parse(function.example.text, context).prose
        parts.append(
            f"### {function.signature}\n\n{function.summary} Gives: {function.returns}.{own}\n\n"
            f"```text\n{function.example.text}\n```\n\n"
            f"In words: {prose}. True of `{subject}`."
        )
    return "\n\n".join(parts)


def message_functions() -> str:
    """The functions that any condition may use."""
    return _functions(False)


def person_functions() -> str:
    """Constructs over a person's history, and functions over a person's state."""
    parts = []
    for form in ALL_FORMS:
        examples = "\n".join(example.text for example in form.examples)
        said = "; ".join(parse(e.text, Context.PERSON).prose for e in form.examples)
        parts.append(
            f"### {form.signature}\n\n{form.summary} Gives: {form.returns}.\n\n"
            f"```text\n{examples}\n```\n\nIn words: {said}."
        )
    return "\n\n".join([*parts, _functions(True)])


def differences() -> str:
    """Where the browser package decides otherwise."""
    return table(
        ("What", "Example", "Message", "Here", "In the browser", "Why"),
        [
            (
                found.what, f"`{found.condition}`",
                f"`{json.dumps(found.message, ensure_ascii=False)}`",
                _said(found.ours), _said(found.theirs), found.why,
            )
            for found in DIFFERENCES
        ],
    )  # fmt: skip


def _said(value: bool) -> str:
    return "true" if value else "false"


def sizes() -> str:
    """How large a condition may be."""
    rows: list[tuple[str, Any]] = [
        ("Characters of a condition", limits.MAX_CHARS),
        ("Characters of a destination's filter", limits.MAX_FILTER_CHARS),
        ("Levels of nesting", limits.MAX_DEPTH),
        ("Parts, each value, path and operator counted", limits.MAX_NODES),
        ("Characters of a regular expression or pattern", limits.MAX_PATTERN_CHARS),
        ("Characters of a number", limits.MAX_DIGITS),
    ]
    return table(("What", "At most"), [(what, f"{most:,}") for what, most in rows])


BLOCKS: dict[str, Callable[[], str]] = {
    "condition-functions": message_functions,
    "condition-person": person_functions,
    "condition-differences": differences,
    "condition-limits": sizes,
}
