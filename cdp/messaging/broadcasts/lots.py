"""Who is held out, who is in the test, who gets which variant: by lot, the same each time."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

from cdp.messaging.broadcasts.plan import Plan, Variant

#: What is sent first, what once the winner is known, and what never.
FIRST, REST, NEVER = 0, 1, -1


class Lot(NamedTuple):
    """``wave``: when somebody's turn comes; ``variant``: what they get, None: the winner."""

    wave: int
    variant: str | None


def lot(plan: Plan, broadcast: int, person: int) -> Lot:
    """The lot of a person (a number that is theirs) in a broadcast."""
    if plan.holdout and _draw(broadcast, person, "holdout") < plan.holdout:
        return Lot(NEVER, None)
    if plan.test_share is not None and _draw(broadcast, person, "test") >= plan.test_share:
        return Lot(REST, None)
    return Lot(FIRST, chosen(plan.variants, _draw(broadcast, person, "variant")))


def chosen(variants: Sequence[Variant], draw: float) -> str:
    """The variant in whose share ``draw`` (from 0 to 1) falls."""
    left = draw * sum(item.share for item in variants)
    for item in variants:
        left -= item.share
        if left < 0:
            return item.name
    return variants[-1].name


def _draw(broadcast: int, person: int, what: str) -> float:
    digest = blake2b(f"{broadcast}:{person}:{what}".encode(), digest_size=7).digest()
    return int.from_bytes(digest, "big") / 2**56
