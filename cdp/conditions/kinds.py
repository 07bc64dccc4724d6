"""The types that parts of a condition are sure to have."""

from __future__ import annotations

from typing import Any

from cdp.conditions.ast import Aggregate, Call, Instant, Path, Value
from cdp.conditions.forms import BY_NODE
from cdp.conditions.functions import FUNCTIONS

_FIGURES = {"count": "number", "sum": "number", "avg": "number", "unique": "list"}
_IDENTIFIERS = ("person", "identifiers")


def kind_of(node: Any) -> str:
    """One of `functions.base.KINDS`, or null; any where it depends on what is found."""
    if isinstance(node, Value):
        value = node.value
        if value is None:
            return "null"
        if isinstance(value, bool):
            return "yes or no"
        return "text" if isinstance(value, str) else "number"
    if isinstance(node, Call):
        return FUNCTIONS[node.name].returns
    if isinstance(node, Path):
        return "list" if node.parts[:2] == _IDENTIFIERS and len(node.parts) == 3 else "any"
    if isinstance(node, Instant):
        return "time"
    if isinstance(node, Aggregate):
        if node.of is None and node.fn != "count":
            return "time"
        return _FIGURES.get(node.fn, "any")
    form = BY_NODE.get(type(node))
    return form.returns if form else "any"
