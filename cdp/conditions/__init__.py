"""The language of conditions: one tree behind a text form and a JSON form.

Segment's FQL, extended by functions over a person's state and history. Pure: texts and
values in, values out; `now` is an argument.

    lexer → parser → ast ┬ predicate   a Python function over messages
                         ├ person      the plain evaluator over a person's history
                         ├ formatter   the canonical text
                         ├ prose       plain English
                         ├ json_form   for builders
                         └ ir          for Segment's browser package

A function is a file in ``functions``, a construct with words of its own one in ``forms``,
with all of its faces together.
"""

from cdp.conditions.check import Context, check
from cdp.conditions.errors import (
    ConditionContextError,
    ConditionError,
    ConditionFormError,
    ConditionSyntaxError,
    ConditionTooLarge,
    NotInBrowser,
)
from cdp.conditions.formatter import format_text
from cdp.conditions.ir import from_ir, to_ir
from cdp.conditions.json_form import from_json, from_json_text, to_json
from cdp.conditions.language import Condition, compile_text, parse, read_filter
from cdp.conditions.person import Evaluator, Event, Person
from cdp.conditions.predicate import Predicate, compile_message
from cdp.conditions.prose import explain
from cdp.conditions.seen import Names, Warn

__all__ = [
    "Condition",
    "ConditionContextError",
    "ConditionError",
    "ConditionFormError",
    "ConditionSyntaxError",
    "ConditionTooLarge",
    "Context",
    "Evaluator",
    "Event",
    "Names",
    "NotInBrowser",
    "Person",
    "Predicate",
    "Warn",
    "check",
    "compile_message",
    "compile_text",
    "explain",
    "format_text",
    "from_ir",
    "from_json",
    "from_json_text",
    "parse",
    "read_filter",
    "to_ir",
    "to_json",
]
