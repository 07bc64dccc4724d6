"""``string``, ``number``, ``bool``: a value as another type, null where that can't be."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from cdp.conditions.functions.base import Example, Function, Param
from cdp.conditions.lexer import number as read_number
from cdp.conditions.limits import MAX_DIGITS
from cdp.conditions.values import NUMBERS, Time
from cdp.events import format_time

_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?", re.ASCII)


def _string(value: Any) -> Any:
    kind = type(value)
    if value is None or kind is str:
        return value
    if kind is bool:
        return "true" if value else "false"
    if kind is Time:
        return format_time(value.ms)
    if kind is float and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if kind in NUMBERS:
        return str(value)
    return msgspec.json.encode(value).decode()


def _number(value: Any) -> Any:
    kind = type(value)
    if kind is bool:
        return int(value)
    if kind in NUMBERS:
        return value
    if kind is not str or len(value) > MAX_DIGITS:
        return None
    text = value.strip()
    return read_number(text) if _NUMBER.fullmatch(text) else None


def _bool(value: Any) -> Any:
    kind = type(value)
    if kind is bool:
        return value
    if kind in NUMBERS:
        return bool(value != 0)
    if kind is str:
        return {"true": True, "false": False}.get(value.strip().lower())
    return None


_VALUE = (Param("value"),)
CASTS = (
    Function(
        "string",
        _VALUE,
        "text",
        "The value as a text: numbers as they are written, `true` and `false` by name, lists "
        "and objects as JSON; nothing stays nothing.",
        "{0} as a text",
        Example('string(properties.size) = "42"', {"properties": {"size": 42}}),
        _string,
    ),
    Function(
        "number",
        _VALUE,
        "number",
        "The value as a number: a text if it is written as one, true as 1, false as 0; of "
        "anything else nothing.",
        "{0} as a number",
        Example("number(properties.total) > 50", {"properties": {"total": "99.50"}}),
        _number,
    ),
    Function(
        "bool",
        _VALUE,
        "yes or no",
        "The value as true or false: a number unless it is 0, the texts `true` and `false`; of "
        "anything else nothing.",
        "{0} is true",
        Example("bool(traits.newsletter)", {"traits": {"newsletter": "true"}}),
        _bool,
        unless="{0} is not true",
    ),
)
