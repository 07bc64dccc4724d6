"""Values of conditions as JSON has them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from cdp.conditions.values import Time
from cdp.events import format_time


def plain(value: Any) -> Any:
    """A value as JSON: times as ISO-8601, exact decimals as numbers, whole ones as integers."""
    kind = type(value)
    if kind is Time:
        return format_time(value.ms)
    if kind is Decimal:
        return int(value) if value == value.to_integral_value() else float(value)
    if kind is list:
        return [plain(item) for item in value]
    return value
