"""The language in three words: `parse`, `read_filter`, `compile_text`."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from cdp.conditions.ast import Expr
from cdp.conditions.check import Context, check
from cdp.conditions.errors import ConditionTooLarge
from cdp.conditions.formatter import format_text
from cdp.conditions.limits import MAX_FILTER_CHARS
from cdp.conditions.lists import NO_LISTS, Lists
from cdp.conditions.parser import parse_text
from cdp.conditions.predicate import Predicate, compile_message
from cdp.conditions.prose import explain
from cdp.conditions.seen import Names, Warn


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


#: Finds out what has been seen of what a condition names.
Look = Callable[[Expr], Names]


def parse(
    text: str, context: Context = Context.MESSAGE, names: Names | Look | None = None
) -> Condition:
    """Read a condition; `ConditionError` with line and column if it can't stand there."""
    parsed = parse_text(text)
    found = check(parsed.root, context, parsed.place)
    if names is not None:
        seen = names if isinstance(names, Names) else names(parsed.root)
        found = check(parsed.root, context, parsed.place, seen)
    return Condition(parsed.root, context, found)


def read_filter(text: str, names: Names | Look | None = None) -> Condition | None:
    """The condition of a destination's filter; None of a blank text, which lets all through."""
    text = text.strip()
    if len(text) > MAX_FILTER_CHARS:
        raise ConditionTooLarge(
            f"the filter has {len(text):,} characters, {MAX_FILTER_CHARS:,} are the most"
        )
    return parse(text, names=names) if text else None


@lru_cache(maxsize=1024)
def compile_text(text: str, lists: Lists = NO_LISTS) -> Predicate:
    """A function that says whether a message meets the condition; ``lists`` must be hashable."""
    return compile_message(parse(text).root, lists)
