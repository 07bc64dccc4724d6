"""``ratio``: one number divided by another."""

from __future__ import annotations

import math
from decimal import Context, Decimal
from typing import Any

from cdp.conditions.functions.base import Example, Function, Param
from cdp.conditions.values import NUMBERS, exact

_DIVISION = Context(prec=28)


def _apply(part: Any, whole: Any) -> Any:
    if type(part) not in NUMBERS or type(whole) not in NUMBERS:
        return None
    above, below = Decimal(exact(part)), Decimal(exact(whole))
    if not above.is_finite() or not below.is_finite() or below == 0:
        return None
    found = float(_DIVISION.divide(above, below))
    return found if math.isfinite(found) else None


def _check(literals: tuple[Any, ...]) -> str | None:
    return "a ratio to 0 is nothing" if literals[1] == 0 else None


RATIO = Function(
    "ratio",
    (Param("part", "number"), Param("whole", "number")),
    "number",
    "The first number divided by the second; nothing where the second is 0, or either is no "
    "number.",
    "the ratio of {0} to {1}",
    Example(
        "ratio(properties.discount, properties.total) > 0.2",
        {"properties": {"discount": 15, "total": 60}},
    ),
    _apply,
    fql=False,
    check=_check,
)
