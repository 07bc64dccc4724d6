"""From cells to values: numbers, booleans and dates by rule, text as it is."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from cdp.events import format_time, parse_time
from cdp.transfer.errors import Refused
from cdp.transfer.mapping import Column

#: No leading zero, no sign but minus, and no more digits than a double holds exactly:
#: 007, +48… and card numbers stay text.
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?")
_TRUE, _FALSE = ("true", "yes", "y", "1"), ("false", "no", "n", "0")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
#: In a `strptime` pattern: what tells a time of the day, or a zone.
_CLOCK = re.compile(r"(?<!%)(?:%%)*%[HIMSfpXcZz]")


def number(text: str) -> int | float | None:
    """The number that a text surely is."""
    if not _NUMBER.fullmatch(text) or len(text.replace(".", "").lstrip("-0")) > 15:
        return None
    return float(text) if "." in text else int(text)


def value_of(cell: Any, column: Column, name: str) -> Any:
    """A cell as a trait's value; None for an empty one. Raises `Refused`."""
    if isinstance(cell, str):
        cell = cell.strip() if column.type != "text" else cell
        if not cell.strip():
            return None
    if cell is None or column.type == "text":
        return cell if cell is None or isinstance(cell, str | dict | list) else _text(cell)
    if column.type in ("auto", "own"):
        return _found(cell) if isinstance(cell, str) and column.type == "auto" else cell
    if column.type == "number":
        if isinstance(cell, int | float) and not isinstance(cell, bool):
            return cell
        found = number(cell) if isinstance(cell, str) else None
        if found is None:
            raise Refused("it is no number", name)
        return found
    if column.type == "boolean":
        if isinstance(cell, bool):
            return cell
        word = str(cell).casefold()
        if word not in _TRUE + _FALSE:
            raise Refused("it is neither true nor false", name)
        return word in _TRUE
    if isinstance(cell, str) and column.format is None and _DAY.fullmatch(cell):
        time_of(cell, column, name)
        return cell
    written = format_time(time_of(cell, column, name))
    return written if column.format is None or _CLOCK.search(column.format) else written[:10]


def _found(cell: str) -> Any:
    if cell.casefold() in ("true", "false"):
        return cell.casefold() == "true"
    found = number(cell)
    return cell if found is None else found


def _text(cell: Any) -> str:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def time_of(cell: Any, column: Column, name: str) -> int:
    """A cell as a time in milliseconds since 1970. Raises `Refused`."""
    found: int | None
    if column.format is not None:
        try:
            moment = datetime.strptime(str(cell).strip(), column.format)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            found = round(moment.timestamp() * 1000)
        except (ValueError, OverflowError):
            raise Refused(f"it is no date written as {column.format}", name) from None
    else:
        found = parse_time(cell.strip() if isinstance(cell, str) else cell)
    if found is None:
        raise Refused("it is no date; 2026-01-31 or 2026-01-31T12:00:00Z is one", name)
    return found


def id_of(cell: Any, name: str) -> str | None:
    """A cell as an identifier; None for an empty one. Raises `Refused`."""
    if cell is None:
        return None
    if isinstance(cell, bool) or not isinstance(cell, str | int | float):
        raise Refused("an identifier must be text or a number", name)
    text = _text(cell).strip()
    if len(text) > 500:
        raise Refused(f"it has {len(text):,} characters, 500 are allowed", name)
    return text or None
