"""What kind of value a trait has, told apart as it was sent."""

from __future__ import annotations

import re
from typing import Any

from cdp.events.times import parse_time

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ].*)?", re.DOTALL)

TYPES = ("string", "date", "integer", "number", "boolean", "object", "array")


def type_of(value: Any) -> str:
    """One of `TYPES`; ``date`` is a string that is a day or a time as in ISO 8601."""
    if isinstance(value, str):
        is_date = len(value) <= 64 and _DATE.fullmatch(value) and parse_time(value) is not None
        return "date" if is_date else "string"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    return "object" if isinstance(value, dict) else "array"
