"""Whose turn it is at gates that let so many through in a time."""

from __future__ import annotations

from collections.abc import Mapping


class Gates:
    """The last turn that each gate gave (ms, with fractions), and which of them have moved."""

    def __init__(self, last: Mapping[str, float] | None = None) -> None:
        self._last = dict(last or {})
        self.moved: dict[str, float] = {}

    def turn(self, gate: str, count: int, per: int, now: int) -> int:
        """When the next one passes: evenly spread, none before ``now``."""
        last = self._last.get(gate)
        at = float(now) if last is None else max(float(now), last + per / count)
        self._last[gate] = self.moved[gate] = at
        return int(at)


class OpenGates(Gates):
    """Gates through which everybody passes at once: for lives that aren't lived side by side."""

    def turn(self, gate: str, count: int, per: int, now: int) -> int:
        """Now."""
        return now
