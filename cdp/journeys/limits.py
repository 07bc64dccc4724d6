"""When a journey pauses itself: too much of what it sends goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from marshmallow import Schema, fields

from cdp.journeys.steps import fields as own

#: Fewer than this are chance, whatever share they are.
FEW = 5
#: What can go wrong, with what is said of it.
WORDS = {
    "bounced": "bounced",
    "complained": "were complained about",
    "failed": "could not be sent",
    "unsubscribed": "were unsubscribed from",
}


class LimitsSchema(Schema):
    """Shares of messages in per cent that must not be passed; 100: no limit."""

    stop = fields.Boolean(
        load_default=True,
        metadata={"description": "The journey pauses itself when one of them is passed."},
    )
    bounced = own.share("How many may bounce.", load_default=5.0)
    complained = own.share("About how many people may complain.", load_default=0.3)
    failed = own.share("How many may fail to be sent; calls of addresses count.", load_default=20.0)
    unsubscribed = own.share("From how many people may unsubscribe.", load_default=100.0)
    least = own.count("Not before so many messages.", 10, 1_000_000, load_default=200)
    within = own.duration("Of the messages of the last so much time.", load_default="7d")


class Limits(NamedTuple):
    """Shares (0–1) of messages by what goes wrong, over at least ``least`` in ``within`` ms."""

    stop: bool
    shares: Mapping[str, float]
    least: int
    within: int


class Passed(NamedTuple):
    """A limit that was passed: ``n`` of ``of`` messages, where ``limit`` (0–1) may be."""

    what: str
    n: int
    of: int
    limit: float

    @property
    def text(self) -> str:
        """In words."""
        share = f"{self.n:,} of {self.of:,} messages {WORDS[self.what]} ({self.n / self.of:.2%})"
        return f"{share}; the limit is {self.limit * 100:g} %"


def read_limits(spec: Mapping[str, Any] | None) -> Limits:
    """The limits of a file, with those that hold where it says nothing."""
    said: Any = LimitsSchema().load({k: v for k, v in (spec or {}).items() if v is not None})
    shares = {name: said[name] / 100 for name in WORDS}
    return Limits(said["stop"], shares, said["least"], own.ms(said["within"]))


def passed(
    limits: Limits, wrong: Mapping[str, int], of: Callable[[str, int], int]
) -> Passed | None:
    """The first limit that is passed; ``of(what, most)`` counts messages, up to ``most``."""
    for what, limit in limits.shares.items():
        n = wrong[what]
        if n < FEW or limit >= 1:
            continue
        # More than this and the share is below the limit, so that nobody need count them.
        most = max(limits.least, int(n / limit) + 1 if limit else n)
        among = of(what, most)
        if among >= limits.least and n > limit * among:
            return Passed(what, n, among, limit)
    return None
