"""``semver``: versions of apps, compared number by number."""

from __future__ import annotations

import re
from typing import Any

from cdp.conditions.functions.base import Example, Function, Param

_LEADING = re.compile(r"\s*([+-]?\d+)", re.ASCII)
OPERATORS = ("=", "!=", "<", "<=", ">", ">=")


def _version(text: str) -> tuple[int, int, int] | None:
    """Up to three numbers, of which each may be followed by anything: ``2.1.0-beta``."""
    parts = text.split(".")
    if len(parts) > 3 or len(text) > 100:
        return None
    found = [_LEADING.match(part) for part in parts]
    numbers = [int(part[1]) for part in found if part is not None]
    if len(numbers) < len(parts):
        return None
    major, minor, patch = (*numbers, 0, 0)[:3]
    return major, minor, patch


def _apply(version: Any, operator: Any, other: Any) -> bool:
    if not (type(version) is type(operator) is type(other) is str):
        return False
    left, right = _version(version), _version(other)
    if left is None or right is None:
        return False
    return {
        "=": left == right,
        "!=": left != right,
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
    }.get(operator, False)


def _check(literals: tuple[Any, ...]) -> str | None:
    if type(literals[1]) is str and literals[1] not in OPERATORS:
        return f"{literals[1]} is no comparison; there are {' '.join(OPERATORS)}"
    return None


SEMVER = Function(
    "semver",
    (Param("version", "text"), Param("operator", "text"), Param("other", "text")),
    "yes or no",
    "Compares two versions of up to three numbers; what follows a number is passed over. "
    "What is no version compares to nothing.",
    "version {0} is {1} {2}",
    Example(
        'semver(context.app.version, ">=", "2.10")', {"context": {"app": {"version": "2.12.1"}}}
    ),
    _apply,
    unless="version {0} is not {1} {2}",
    check=_check,
    browser=True,
)
