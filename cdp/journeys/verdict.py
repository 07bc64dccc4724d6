"""What the figures of an experiment say: which variant is surely the better one, if any is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from cdp.conditions.share import deviations, difference, interval
from cdp.journeys.limits import FEW


class Counted(Protocol):
    """A variant with the runs that got it, and how many of them reached the goal."""

    @property
    def exit(self) -> str: ...
    @property
    def runs(self) -> int: ...
    @property
    def converted(self) -> int: ...


class Verdict(NamedTuple):
    """Whether figures are enough to say anything, the variant that won, and in words why."""

    enough: bool
    winner: str | None
    text: str


def verdict(ways: Sequence[Counted], least: int, confidence: float) -> Verdict:
    """The variant that is surely better than each of the others, by the report's intervals."""
    few = next((way for way in ways if way.runs < least), None)
    if few is not None:
        return Verdict(False, None, f"{few.exit} was shown {few.runs:,} times, not yet {least:,}")
    first = best(ways)
    z = deviations(confidence)
    unsure = []
    for other in ways:
        if other is first:
            continue
        _, low, high = difference(first.converted, first.runs, other.converted, other.runs, z)
        if low <= 0:
            span = f"between {low * 100:+.1f} and {high * 100:+.1f} points"
            unsure.append(f"{_rate(first)} against {_rate(other)}, {span}")
    if unsure:
        text = f"no variant is surely better at {confidence:g} %: {'; '.join(unsure)}"
        return Verdict(True, None, text)
    others = ", ".join(_rate(way) for way in ways if way is not first)
    text = f"{_rate(first)} is surely better at {confidence:g} % than {others}"
    return Verdict(True, first.exit, text)


def best(ways: Sequence[Counted]) -> Counted:
    """The variant with the highest rate; the first of several."""
    return max(ways, key=lambda way: way.converted / way.runs if way.runs else -1.0)


def _rate(way: Counted) -> str:
    share = way.converted / way.runs if way.runs else 0.0
    return f"{way.exit} ({share:.1%} of {way.runs:,})"


def figures(ways: Sequence[Counted], confidence: float) -> list[dict[str, Any]]:
    """The variants as they stood, each with its interval and beside the first."""
    z = deviations(confidence)
    found = []
    for way in ways:
        one: dict[str, Any] = {"name": way.exit, "runs": way.runs, "converted": way.converted}
        if way.runs:
            one |= _named(("rate", "low", "high"), interval(way.converted, way.runs, z))
        if way is not ways[0] and way.runs and ways[0].runs:
            lift = difference(way.converted, way.runs, ways[0].converted, ways[0].runs, z)
            one |= _named(("lift", "lift_low", "lift_high"), lift)
        found.append(one)
    return found


def _named(names: Sequence[str], values: Sequence[float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in zip(names, values, strict=True)}


def over(guard: Mapping[str, Any], n: int, of: int) -> bool:
    """Whether a guardrail is passed by ``n`` of ``of``."""
    return n >= FEW and of >= guard["least"] and n * 100 > guard["most"] * of
