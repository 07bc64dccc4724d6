"""Which variant did best, in figures and in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cdp.conditions.share import interval, luck


class Result(NamedTuple):
    """What became of a variant: ``did`` of ``sent`` did what is measured."""

    name: str
    sent: int
    did: int

    @property
    def rate(self) -> float:
        """The share."""
        return self.did / self.sent if self.sent else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Where the share lies with 95 % (Wilson)."""
        if not self.sent:
            return 0.0, 1.0
        _, low, high = interval(self.did, self.sent)
        return low, high


def best(results: Sequence[Result]) -> Result:
    """The one with the highest share; of equals the first."""
    return max(results, key=lambda item: item.rate)


def surely(one: Result, other: Result) -> bool:
    """Whether the difference is more than chance explains (95 %)."""
    if not one.sent or not other.sent:
        return False
    return luck(one.did, one.sent, other.did, other.sent) < 0.05


def in_words(results: Sequence[Result], measure: str) -> str:
    """What the figures say, plainly."""
    if len(results) < 2 or not any(item.sent for item in results):
        return ""
    first = best(results)
    rest = [item for item in results if item.name != first.name]
    second = best(rest)
    said = f"{first.name}: {first.rate:.1%} {measure}, {second.name}: {second.rate:.1%}"
    if first.did == 0:
        return f"Nobody has {measure} yet."
    if first.rate == second.rate:
        return f"{said}. They are level."
    if surely(first, second):
        return f"{said}. The difference is more than chance explains."
    return f"{said}. So small a difference may be chance."
