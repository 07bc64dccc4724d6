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
    """How likely shares so far apart are where there is no difference (two-sided).

    A z-test; where a cell would hold fewer than five it says too much, and Fisher's exact
    test is asked instead.
    """
    did, n = yes + other, of + of_other
    if min(did, n - did) * min(of, of_other) < 5 * n:
        return _exact(yes, of, other, of_other)
    both = did / n
    spread = math.sqrt(both * (1 - both) * (1 / of + 1 / of_other))
    return math.erfc(abs(yes / of - other / of_other) / spread / math.sqrt(2))


def _exact(yes: int, of: int, other: int, of_other: int) -> float:
    """Of all ways to deal out what was done, the share of those no likelier than this one."""
    did, seen = yes + other, _ways(of, yes) + _ways(of_other, other)
    every = range(max(0, did - of_other), min(did, of) + 1)
    likely = [_ways(of, n) + _ways(of_other, did - n) for n in every]
    all_ = _ways(of + of_other, did)
    return min(1.0, sum(math.exp(one - all_) for one in likely if one <= seen + 1e-7))


def _ways(n: int, k: int) -> float:
    """In how many ways ``k`` can be taken from ``n``: the logarithm."""
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def enough(one: float, other: float) -> float:
    """So many of each show a difference between two shares four times out of five (95 %)."""
    both = (one + other) / 2
    return (Z + 0.84) ** 2 * 2 * both * (1 - both) / (one - other) ** 2
