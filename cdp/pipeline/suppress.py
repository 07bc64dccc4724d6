"""Refusing what is about suppressed people: nothing is kept of it but a count."""

from __future__ import annotations

from typing import Any, NamedTuple

from cdp.pipeline.prepare import Prepared
from cdp.profiles.suppression import Suppression

#: Under this name they are counted (`cdp.store.tables.counts`).
WHAT = "suppressed"

Additions = dict[int, dict[str, Any]]


class Wanted(NamedTuple):
    """A micro-batch without what is refused; ``refused`` are (received at, source)."""

    batch: Prepared
    additions: Additions
    refused: list[tuple[int, int]]


def without_suppressed(batch: Prepared, additions: Additions, listed: Suppression) -> Wanted:
    """Leave out the messages, and what could not be taken, of people on the list."""
    if not listed:
        return Wanted(batch, additions, [])
    kept = wanted_places(batch, listed)
    rejected = [item for item in batch.rejected if not listed.refuses_rejected(item)]
    places = set(kept)
    refused = [
        (message.received_at, message.source)
        for place, message in enumerate(batch.messages)
        if place not in places
    ]
    refused += [
        (item.received_at, item.source or 0) for item in batch.rejected if item not in rejected
    ]
    return Wanted(
        batch.only(kept)._replace(rejected=rejected),
        {new: additions[old] for new, old in enumerate(kept) if old in additions},
        refused,
    )


def wanted_places(batch: Prepared, listed: Suppression) -> list[int]:
    """Which of the messages are not refused."""
    return [place for place, message in enumerate(batch.messages) if not listed.refuses(message)]
