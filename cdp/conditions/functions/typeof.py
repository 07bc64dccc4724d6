"""``typeof``: what kind of value something is."""

from __future__ import annotations

from cdp.conditions.functions.base import Example, Function, Param
from cdp.conditions.values import type_name

TYPEOF = Function(
    "typeof",
    (Param("value"),),
    "text",
    '`"string"`, `"number"`, `"list"`, `"bool"`, `"null"` (also of what is missing), or '
    '`"object"`.',
    "the type of {0}",
    Example('typeof(properties.total) = "number"', {"properties": {"total": 9.5}}),
    type_name,
    browser=True,
)
