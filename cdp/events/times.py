"""Times as the Segment spec writes them: ISO-8601 in, milliseconds inside."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

#: What fits both databases and Python's calendar: years 1 to 9999.
MIN_MS = -62_135_596_800_000
MAX_MS = 253_402_300_799_999

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


@lru_cache(maxsize=4096)
def _parse_text(text: str) -> int | None:
    text = text.strip()
    if len(text) in (10, 13) and text.isascii() and text.isdigit():
        return parse_time(int(text))
    # Go writes nanoseconds, Python's parser takes six digits: cut the rest.
    dot = text.find(".")
    if dot != -1:
        end = dot + 1
        while end < len(text) and text[end].isdigit():
            end += 1
        if end - dot > 7:
            text = text[: dot + 7] + text[end:]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return (moment - _EPOCH) // _MS
    except OverflowError:
        return None


def parse_time(value: Any) -> int | None:
    """Return milliseconds since 1970 for an ISO-8601 text or an epoch number.

    Numbers are taken as milliseconds, as JavaScript's ``Date.now()`` gives them,
    or as seconds where they are too small for that; so are texts of 13 or 10
    digits. A time without a zone is UTC. ``None`` for everything that is not a time.
    """
    if isinstance(value, str):
        return _parse_text(value) if len(value) <= 64 else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if value != value or abs(value) > MAX_MS:
        return None
    ms = int(value if abs(value) >= 1e11 else value * 1000)
    return ms if MIN_MS <= ms <= MAX_MS else None


@lru_cache(maxsize=1024)
def format_time(ms: int) -> str:
    """Write milliseconds since 1970 as ``2026-01-31T12:00:00.000Z``."""
    seconds, rest = divmod(ms, 1000)
    return f"{_second(seconds)}.{rest:03d}Z"


@lru_cache(maxsize=8192)
def _second(seconds: int) -> str:
    moment = _EPOCH + timedelta(seconds=seconds)
    return f"{moment.year:04d}-{moment:%m-%dT%H:%M:%S}"


__all__ = ["MAX_MS", "MIN_MS", "format_time", "parse_time"]
