"""What the core gives to channels whose messages wait here, for people to fetch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from cdp.plugin.messages import InAppContent


class InAppMessage(NamedTuple):
    """A message that waits for a person; times in ms since 1970."""

    id: str
    content: InAppContent
    at: int
    opened_at: int | None = None
    clicked_at: int | None = None


class Inbox(Protocol):
    """The messages of one destination, by an identifier (type, value) of their person.

    Whatever is known of the person counts: after a merge the messages of both are there.
    """

    def waiting(self, person: tuple[str, str], now: int, limit: int) -> list[InAppMessage]:
        """What a person has yet to see or to put away, the newest first."""
        ...

    def sent(self, person: tuple[str, str], ids: Iterable[str]) -> set[str]:
        """Those of ``ids`` that were sent to this person and to nobody else."""
        ...
