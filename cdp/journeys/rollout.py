"""How many people may enter: a share, or shares that grow stage by stage."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from marshmallow import ValidationError

from cdp.conditions.durations import parse_duration

MOST_STAGES = 20


class Stage(NamedTuple):
    """A share of people (0–1), and for how long (ms; None: it is the last)."""

    share: float
    ms: int | None = None

    @property
    def text(self) -> str:
        """The share in words."""
        return f"{self.share * 100:g} %"


def read_rollout(value: Any) -> tuple[Stage, ...]:
    """The stages of what a file says, at least one; `ValidationError`."""
    if not isinstance(value, list):
        return (Stage(_share(value)),)
    if not 2 <= len(value) <= MOST_STAGES:
        raise ValidationError(f"Stages are from 2 to {MOST_STAGES}; without any, say a share.")
    found = [_stage(item, at, at == len(value) - 1) for at, item in enumerate(value)]
    for at, (one, other) in enumerate(pairwise(found)):
        if other.share <= one.share:
            raise ValidationError(f"Stage {at + 2}: a share must be larger than the one before it.")
    return tuple(found)


def _stage(item: Any, at: int, last: bool) -> Stage:
    said = item if isinstance(item, Mapping) else {"share": item}
    if set(said) - {"share", "for"} or "share" not in said:
        raise ValidationError(f"Stage {at + 1}: it is a share and for how long: share, for.")
    ms = parse_duration(str(said["for"])) if said.get("for") is not None else None
    if said.get("for") is not None and not ms:
        raise ValidationError(f"Stage {at + 1}: for must be a length such as 30m, 2d or 1w.")
    if (ms is None) is not last:
        text = "the last stage stays: it has no for" if last else "say for how long"
        raise ValidationError(f"Stage {at + 1}: {text}.")
    return Stage(_share(said["share"], f"Stage {at + 1}: "), ms)


def _share(value: Any, where: str = "") -> float:
    if isinstance(value, str) and value.strip().endswith("%"):
        value = value.strip()[:-1]
        try:
            value = float(value)
        except ValueError:
            value = None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        raise ValidationError(f"{where}It must be from 0 to 100 (per cent), or a list of stages.")
    return value / 100
