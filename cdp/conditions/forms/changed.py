"""``changed(traits.plan from "free" to "pro")``: what a trait was before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdp.conditions.ast import Changed
from cdp.conditions.forms.base import Form, Write
from cdp.conditions.forms.windows import parse_window, say_window, write_window
from cdp.conditions.functions.base import Example
from cdp.conditions.values import same

if TYPE_CHECKING:
    from cdp.conditions.parser import Parser
    from cdp.conditions.person import Evaluator


def _parse(parser: Parser, name: str) -> Changed:
    path = parser.path("a trait, such as traits.plan")
    before = parser.literal() if parser.accept_word("from") else None
    after = parser.literal() if parser.accept_word("to") else None
    found = Changed(path, before, after, parse_window(parser))
    parser.expect_op(")")
    return found


def _write(node: Changed, write: Write) -> str:
    before = f" from {write(node.before)}" if node.before else ""
    after = f" to {write(node.after)}" if node.after else ""
    return f"changed({write(node.path)}{before}{after}{write_window(node.window, write)})"


def _say(node: Changed, say: Write) -> str:
    before = f" from {say(node.before)}" if node.before else ""
    after = f" to {say(node.after)}" if node.after else ""
    return f"{say(node.path)} changed{before}{after}{say_window(node.window, say)}"


def _evaluate(node: Changed, person: Evaluator) -> bool:
    old = None
    for t, value in person.history_of(node.path):
        if (
            not same(old, value)
            and (node.before is None or same(old, node.before.value))
            and (node.after is None or same(value, node.after.value))
            and person.in_window(t, node.window)
        ):
            return True
        old = value
    return False


CHANGED = Form(
    ("changed",),
    Changed,
    "changed(traits.… from value to value window)",
    "Whether a trait changed, from and to what is said. Before it was first set it was null.",
    "yes or no",
    (
        Example(
            'changed(traits.plan from "free" to "pro" within 30d)',
            {
                "traits": {"plan": [["2025-11-01", "free"], ["2026-01-10", "pro"]]},
                "now": "2026-01-31",
            },
        ),
    ),
    _parse, _write, _say, _evaluate,
)  # fmt: skip
