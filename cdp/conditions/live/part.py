"""What a node compiles to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from cdp.conditions.live.subject import Subject

Get = Callable[[Subject, int], Any]
Until = Callable[[Subject, int], int]


class Part(NamedTuple):
    """A compiled node; ``until`` is None where time alone never changes it."""

    value: Get
    until: Until | None = None


def sooner(one: Until | None, other: Until | None) -> Until | None:
    """The sooner of two instants."""
    if one is None or other is None:
        return other if one is None else one
    first, second = one, other
    return lambda subject, now: min(first(subject, now), second(subject, now))
