"""Lengths of time as people write them: ``500ms 2s 5m 3h 2d 1w``."""

from __future__ import annotations

import re

UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
#: A hundred years; longer ones are taken for a mistake.
MAX_MS = 36_525 * UNITS["d"]
_WORDS = {"ms": "millisecond", "s": "second", "m": "minute", "h": "hour", "d": "day"}
_TEXT = re.compile(r"(\d{1,15})(ms|[smhdw])")


def parse_duration(text: str) -> int | None:
    """Milliseconds, or None for what is no duration."""
    found = _TEXT.fullmatch(text.strip())
    if found is None:
        return None
    ms = int(found[1]) * UNITS[found[2]]
    return ms if ms <= MAX_MS else None


def format_duration(ms: int) -> str:
    """The shortest exact form: ``30d``, ``90m``."""
    number, unit = _largest(ms)
    return f"{number}{unit}"


def duration_in_words(ms: int) -> str:
    """``30 days``, ``1 hour``."""
    number, unit = _largest(ms)
    return f"{number:,} {_WORDS[unit]}{'' if number == 1 else 's'}"


def _largest(ms: int) -> tuple[int, str]:
    """In days at the most: weeks are read, and written as the days they are."""
    if ms == 0:
        return 0, "s"
    for unit in ("d", "h", "m", "s"):
        if ms % UNITS[unit] == 0:
            return ms // UNITS[unit], unit
    return ms, "ms"
