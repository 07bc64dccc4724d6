"""The language in four words: `parse`, `compile_text`, `format_condition`, `explain_text`."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from cdp.conditions.ast import Expr
from cdp.conditions.check import Context, Names, Warn, check
from cdp.conditions.formatter import format_text
from cdp.conditions.parser import parse_text
from cdp.conditions.predicate import Predicate, compile_message
from cdp.conditions.prose import explain


class Condition(NamedTuple):
    """A condition that was read and may stand in its context."""

    root: Expr
    context: Context
    warnings: list[Warn]

    @property
    def text(self) -> str:
        """It in its canonical form."""
        return format_text(self.root)

    @property
    def prose(self) -> str:
        """It in plain English."""
        return explain(self.root)


def parse(text: str, context: Context = Context.MESSAGE, names: Names | None = None) -> Condition:
    """Read a condition; `ConditionError` with line and column if it can't stand there."""
    parsed = parse_text(text)
    return Condition(parsed.root, context, check(parsed.root, context, parsed.place, names))


@lru_cache(maxsize=1024)
def compile_text(text: str) -> Predicate:
    """A function that says whether a message meets the condition."""
    return compile_message(parse(text).root)
