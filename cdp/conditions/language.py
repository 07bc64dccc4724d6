"""The language in three words: `parse`, `read_filter`, `compile_text`."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from cdp.conditions.ast import Expr
from cdp.conditions.check import Context, Names, Warn, check
from cdp.conditions.errors import ConditionTooLarge
from cdp.conditions.formatter import format_text
from cdp.conditions.limits import MAX_FILTER_CHARS
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


def read_filter(text: str) -> Condition | None:
    """The condition of a destination's filter; None of a blank text, which lets all through."""
    text = text.strip()
    if len(text) > MAX_FILTER_CHARS:
        raise ConditionTooLarge(
            f"the filter has {len(text):,} characters, {MAX_FILTER_CHARS:,} are the most"
        )
    return parse(text) if text else None


@lru_cache(maxsize=1024)
def compile_text(text: str) -> Predicate:
    """A function that says whether a message meets the condition."""
    return compile_message(parse(text).root)
