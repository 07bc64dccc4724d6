"""A share that was seen of some, and where that of all lies."""

from __future__ import annotations

import math

#: Of a normal distribution 95 % lie within so many standard deviations.
Z = 1.96


def interval(yes: int, of: int) -> tuple[float, float, float]:
    """The share that was seen, and Wilson's interval about it (95 %)."""
    share = yes / of
    square = Z * Z
    middle = (share + square / (2 * of)) / (1 + square / of)
    spread = Z / (1 + square / of) * math.sqrt(share * (1 - share) / of + square / (4 * of * of))
    return share, max(0.0, middle - spread), min(1.0, middle + spread)


def difference(yes: int, of: int, other: int, of_other: int) -> tuple[float, float, float]:
    """By how much the first share is greater, and Newcombe's interval about it (95 %)."""
    one, low, high = interval(yes, of)
    two, low_two, high_two = interval(other, of_other)
    down = math.hypot(one - low, high_two - two)
    up = math.hypot(high - one, two - low_two)
    return one - two, one - two - down, one - two + up
