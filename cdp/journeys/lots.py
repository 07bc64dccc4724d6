"""Drawing lots that anybody can draw again: the same people always draw the same."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

_WHOLE = 1 << 32


def lot(*of: object) -> float:
    """A number from 0 to below 1, spread evenly, made of what it is drawn for."""
    text = "\x1f".join(map(str, of)).encode()
    return int.from_bytes(blake2b(text, digest_size=4).digest(), "big") / _WHOLE


def chosen(weights: Sequence[float], drawn: float) -> int:
    """Which of some shares a drawn number falls into; shares needn't add up to anything."""
    total = sum(weights)
    at = drawn * total
    for index, weight in enumerate(weights):
        at -= weight
        if at < 0:
            return index
    return max(index for index, weight in enumerate(weights) if weight > 0)
