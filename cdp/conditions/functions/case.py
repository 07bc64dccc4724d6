"""``lowercase``, ``uppercase`` and the spellings of names; null for what is no text."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from cdp.conditions.functions.base import Example, Function, Param

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")


def _words(text: str) -> list[str]:
    return _WORDS.findall(text)


def _spelled(name: str, how: Callable[[str], str], summary: str, result: str) -> Function:
    def apply(value: Any) -> Any:
        return how(value) if type(value) is str else None

    return Function(
        name,
        (Param("text", "text"),),
        "text",
        summary,
        f"{{0}} in {name.removesuffix('case')} case",
        Example(f'{name}(event) = "{result}"', {"event": "Order Completed"}),
        apply,
        browser=name == "lowercase",
    )


SPELLINGS = (
    _spelled("lowercase", str.lower, "The text in small letters.", "order completed"),
    _spelled("uppercase", str.upper, "The text in capital letters.", "ORDER COMPLETED"),
    _spelled(
        "snakecase",
        lambda text: "_".join(_words(text)).lower(),
        "The words of the text in small letters, joined by `_`.",
        "order_completed",
    ),
    _spelled(
        "kebabcase",
        lambda text: "-".join(_words(text)).lower(),
        "The words of the text in small letters, joined by `-`.",
        "order-completed",
    ),
    _spelled(
        "titlecase",
        lambda text: " ".join(word[:1].upper() + word[1:].lower() for word in _words(text)),
        "The words of the text, each with a capital, with spaces between.",
        "Order Completed",
    ),
)
