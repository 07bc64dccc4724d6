"""Conditions that can't be true, whatever is known of somebody: contradictions in what they say."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator
from typing import Any

from cdp.conditions.ast import And, Compare, In, Items, Not, Or, Value
from cdp.conditions.values import same

_ORDER = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_MIRROR = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!="}


def never(root: Any) -> bool:
    """Whether a condition contradicts itself; False where that can't be told."""
    if isinstance(root, Value):
        return root.value is False
    if isinstance(root, Not):
        return isinstance(root.item, Value) and root.item.value is True
    if isinstance(root, Or):
        return all(never(item) for item in root.items)
    if isinstance(root, And):
        parts = list(_parts(root))
        return any(never(part) for part in parts) or _contradict(parts)
    return False


def _parts(root: Any) -> Iterator[Any]:
    for item in root.items if isinstance(root, And) else (root,):
        if isinstance(item, And):
            yield from _parts(item)
        else:
            yield item


def _contradict(parts: Iterable[Any]) -> bool:
    """Whether not all of some conditions can hold at once."""
    said: dict[Any, list[tuple[str, Any]]] = {}
    plain, refused = [], []
    for part in parts:
        if isinstance(part, Not):
            refused.append(part.item)
        else:
            plain.append(part)
        for place, op, value in _compared(part):
            said.setdefault(place, []).append((op, value))
    if any(item in plain for item in refused):
        return True
    return any(_empty(clauses) for clauses in said.values())


def _compared(part: Any) -> Iterator[tuple[Any, str, Any]]:
    """``place op literal``, of a comparison with a literal or with a list of them."""
    if isinstance(part, Compare):
        if isinstance(part.right, Value):
            yield part.left, part.op, part.right.value
        elif isinstance(part.left, Value):
            yield part.right, _MIRROR[part.op], part.left.value
    elif isinstance(part, In) and isinstance(part.list, Items):
        values = [item.value for item in part.list.items if isinstance(item, Value)]
        if len(values) == len(part.list.items):
            yield part.item, "in", values


def _empty(clauses: list[tuple[str, Any]]) -> bool:
    """Whether no value meets all of some clauses."""
    named = [[value] for op, value in clauses if op == "="]
    named += [value for op, value in clauses if op == "in"]
    for values in named:
        if not any(all(_meets(value, *clause) for clause in clauses) for value in values):
            return True
    low = [(value, op == ">=") for op, value in clauses if op in (">", ">=") and _number(value)]
    high = [(value, op == "<=") for op, value in clauses if op in ("<", "<=") and _number(value)]
    return any(
        least > most or (least == most and not (closed and shut))
        for least, closed in low
        for most, shut in high
    )


def _meets(value: Any, op: str, other: Any) -> bool:
    if op == "in":
        return any(same(value, item) for item in other)
    if op in ("=", "!="):
        return same(value, other) == (op == "=")
    if not (_number(value) and _number(other)):
        return True
    return bool(_ORDER[op](value, other))


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
