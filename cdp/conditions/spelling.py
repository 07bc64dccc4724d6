"""How literals and paths are written."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

#: Words that mean something wherever an operand may stand.
KEYWORDS = frozenset(("and", "or", "not", "in", "null", "true", "false"))
_IDENT = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


def literal(value: Any) -> str:
    """A text, number, true, false or null as it is written."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return quoted(value) if isinstance(value, str) else number_text(value)


def number_text(value: int | float) -> str:
    """A number without an exponent."""
    return str(value) if isinstance(value, int) else format(Decimal(repr(value)), "f")


def quoted(text: str) -> str:
    """A text in quotes. FQL has no escapes, so that one with both kinds gets backticks."""
    for quote in "\"'":
        if quote not in text:
            return f"{quote}{text}{quote}"
    return "`" + text.replace("\\", "\\\\").replace("`", "\\`") + "`"


def path_text(parts: tuple[str, ...]) -> str:
    """A path, with what is no letter, digit, ``_`` or ``-`` escaped."""
    first = _key(parts[0])
    if first[0].isdigit() or first[0] == "-" or (len(parts) == 1 and first in KEYWORDS):
        first = "\\" + first
    return first + "".join(f".{_key(part)}" if part else '[""]' for part in parts[1:])


def _key(part: str) -> str:
    return "".join(char if char in _IDENT else "\\" + char for char in part)
