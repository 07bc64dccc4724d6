"""What values are to the language: strictly typed, and exact.

Values are JSON's (a missing one is None), `Time` where a time is meant, and `Decimal`
where figures were added up. Numbers compare as the decimals that were written: a
float counts as its shortest decimal form.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any, NamedTuple

from cdp.conditions.lists import Texts
from cdp.events import parse_time

NAN = math.nan
#: Python's types of a number; bool is none.
NUMBERS = frozenset((int, float, Decimal))


class Time(NamedTuple):
    """An instant, in milliseconds since 1970."""

    ms: int


def is_number(value: Any) -> bool:
    """Whether it is a number; true and false are none."""
    return type(value) in NUMBERS


def type_name(value: Any) -> str:
    """What ``typeof`` says."""
    kind = type(value)
    if value is None:
        return "null"
    if kind is str:
        return "string"
    if kind is bool:
        return "bool"
    if kind in NUMBERS:
        return "number"
    if isinstance(value, list | tuple) and kind is not Time:
        return "list"
    return "time" if kind is Time else "object"


def exact(value: Any) -> Any:
    """A number as a decimal; NaN and the infinities as they are."""
    if type(value) is float:
        return Decimal(repr(value)) if math.isfinite(value) else value
    return value


def to_time(value: Any) -> Time | None:
    """A time, if it is one or is written as one."""
    if type(value) is Time:
        return value
    ms = parse_time(value)
    return None if ms is None else Time(ms)


def same(a: Any, b: Any) -> bool:
    """``=``: equal, and of one type. Lists and objects compare by content and key order.

    Where one side is a time, the other is read as one.
    """
    kind, other = type(a), type(b)
    if kind is Time or other is Time:
        left, right = to_time(a), to_time(b)
        return left is not None and left == right
    if kind in NUMBERS and other in NUMBERS:
        if kind is not other and Decimal in (kind, other):
            return bool(exact(a) == exact(b))
        return bool(a == b)
    if kind is not other:
        return False
    if kind is list:
        return len(a) == len(b) and all(map(same, a, b))
    if kind is dict:
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    return bool(a == b)


def ordered(op: str, a: Any, b: Any) -> bool:
    """``< <= > >=``: two numbers, or two times where one side is one; else false."""
    kind, other = type(a), type(b)
    if kind is Time or other is Time:
        a, b = to_time(a), to_time(b)
        if a is None or b is None:
            return False
    elif kind not in NUMBERS or other not in NUMBERS:
        return False
    elif kind is not other and Decimal in (kind, other):
        a, b = exact(a), exact(b)
    if op == "<":
        return bool(a < b)
    if op == "<=":
        return bool(a <= b)
    return bool(a > b) if op == ">" else bool(a >= b)


#: What uploaded lists come as.
UPLOADED = (Texts, frozenset, tuple)


def contained(item: Any, values: Any) -> bool:
    """``in``: whether a list holds the item, by `same`; an uploaded one holds only texts."""
    if type(values) is list:
        return any(same(item, value) for value in values)
    return isinstance(values, UPLOADED) and type(item) is str and item in values
