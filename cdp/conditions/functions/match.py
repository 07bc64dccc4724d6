"""``match``: a text against a pattern with ``*`` and ``?``."""

from __future__ import annotations

from typing import Any

from cdp.conditions import glob
from cdp.conditions.functions.base import Example, Function, Getter, Param


def _apply(text: Any, pattern: Any) -> bool:
    return type(text) is str and type(pattern) is str and glob.matcher(pattern)(text)


def _make(literals: dict[int, Any], getters: list[Getter]) -> Getter | None:
    pattern, get = literals.get(1), getters[0]
    if type(pattern) is not str:
        return None
    matches = glob.matcher(pattern)

    def match(message: Any) -> bool:
        text = get(message)
        return type(text) is str and matches(text)

    return match


def _check(literals: tuple[Any, ...]) -> str | None:
    if type(literals[1]) is not str:
        return None
    try:
        glob.check(literals[1])
    except glob.BadPattern as error:
        return f"nothing matches this pattern: {error}"
    return None


MATCH = Function(
    "match",
    (Param("text", "text"), Param("pattern", "text")),
    "yes or no",
    "Whether a whole text fits a pattern: `*` is any text, `?` one character, `[a-z]` one of "
    "these, `[^a-z]` one of all others, `\\` before a character takes it as it is. Case counts.",
    "{0} matches {1}",
    Example("match(event, 'Order *')", {"event": "Order Completed"}),
    _apply,
    unless="{0} does not match {1}",
    make=_make,
    check=_check,
    browser=True,
)
