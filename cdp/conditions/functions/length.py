"""``length``: how much there is of a list or text."""

from __future__ import annotations

from typing import Any

from cdp.conditions.functions.base import Example, Function, Param
from cdp.conditions.values import NAN


def _apply(value: Any) -> Any:
    kind = type(value)
    if kind is str:
        return len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))
    if kind is list:
        return len(value)
    return 0 if value is None else NAN


LENGTH = Function(
    "length",
    (Param("value"),),
    "number",
    "The number of items of a list, or of bytes (UTF-8) of a text. Nothing has length 0; of "
    "anything else there is no length, and no comparison with it holds, except `!=`.",
    "the length of {0}",
    Example("length(properties.products) >= 2", {"properties": {"products": ["a", "b"]}}),
    _apply,
    browser=True,
)
