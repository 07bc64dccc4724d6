"""A share that was seen of some, and where that of all lies."""

from __future__ import annotations

import math
from statistics import NormalDist

#: Of a normal distribution 95 % lie within so many standard deviations.
Z = 1.96


def deviations(confidence: float) -> float:
    """Within how many standard deviations so many per cent lie."""
    return Z if confidence == 95 else NormalDist().inv_cdf(0.5 + confidence / 200)


def interval(yes: int, of: int, z: float = Z) -> tuple[float, float, float]:
    """The share that was seen, and Wilson's interval about it (95 %, if no other is asked for)."""
    share = yes / of
    square = z * z
    middle = (share + square / (2 * of)) / (1 + square / of)
    spread = z / (1 + square / of) * math.sqrt(share * (1 - share) / of + square / (4 * of * of))
    return share, max(0.0, middle - spread), min(1.0, middle + spread)


def difference(
    yes: int, of: int, other: int, of_other: int, z: float = Z
) -> tuple[float, float, float]:
    """By how much the first share is greater, and Newcombe's interval about it (95 %)."""
    one, low, high = interval(yes, of, z)
    two, low_two, high_two = interval(other, of_other, z)
    down = math.hypot(one - low, high_two - two)
    up = math.hypot(high - one, two - low_two)
    return one - two, one - two - down, one - two + up


def luck(yes: int, of: int, other: int, of_other: int) -> float:
    """How likely shares so far apart are where there is no difference (two-sided z-test)."""
    both = (yes + other) / (of + of_other)
    spread = math.sqrt(both * (1 - both) * (1 / of + 1 / of_other))
    return math.erfc(abs(yes / of - other / of_other) / spread / math.sqrt(2)) if spread else 1.0


def enough(one: float, other: float) -> float:
    """So many of each show a difference between two shares four times out of five (95 %)."""
    both = (one + other) / 2
    return (Z + 0.84) ** 2 * 2 * both * (1 - both) / (one - other) ** 2
