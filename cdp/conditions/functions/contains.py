"""``contains``, ``starts_with``, ``ends_with``: a text inside of another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cdp.conditions.functions.base import Example, Function, Getter, Param

_TEXT, _PART = Param("text", "text"), Param("part", "text")


def _both(test: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    def apply(text: Any, part: Any) -> bool:
        return type(text) is str and type(part) is str and test(text, part)

    return apply


def _contains(literals: dict[int, Any], getters: list[Getter]) -> Getter | None:
    part, get = literals.get(1), getters[0]
    if type(part) is not str:
        return None

    def contains(message: Any) -> bool:
        text = get(message)
        return type(text) is str and part in text

    return contains


CONTAINS = Function(
    "contains",
    (_TEXT, _PART),
    "yes or no",
    "Whether a text has another one in it. Case counts; what is no text contains nothing.",
    "{0} contains {1}",
    Example('contains(context.page.path, "/shoes")', {"context": {"page": {"path": "/shoes/7"}}}),
    _both(lambda text, part: part in text),
    unless="{0} does not contain {1}",
    make=_contains,
    browser=True,
)
STARTS_WITH = Function(
    "starts_with",
    (_TEXT, _PART),
    "yes or no",
    "Whether a text begins with another one.",
    "{0} starts with {1}",
    Example('starts_with(event, "Order")', {"event": "Order Completed"}),
    _both(str.startswith),
    unless="{0} does not start with {1}",
    fql=False,
)
ENDS_WITH = Function(
    "ends_with",
    (_TEXT, _PART),
    "yes or no",
    "Whether a text ends with another one.",
    "{0} ends with {1}",
    Example('ends_with(traits.email, "@example.org")', {"traits": {"email": "jo@example.org"}}),
    _both(str.endswith),
    unless="{0} does not end with {1}",
    fql=False,
)
