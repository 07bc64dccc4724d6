"""The logical clock: the instant up to which everything that was acknowledged is handled.

A timer that is due at T must not overtake a message that was acknowledged before T, so
that a backlog never makes an abandoned-cart mail overtake the order.
"""

from __future__ import annotations

from collections.abc import Iterable

#: Parts of the log that have no part in it: what is in them is history, not news.
NO_NEWS = ("import", "system")


class LogicalClock:
    """Never goes back. Each part of the log has a mark; the clock is the earliest of them.

    Within a part, what is acknowledged after a message of it was written carries a later
    time of acknowledgement than that message's time of receipt.
    """

    def __init__(self) -> None:
        self.at = 0
        self._marks: dict[str, int] = {}

    def empty(self, part: str, asked_at: int) -> None:
        """``part`` had nothing (more) when it was asked at an instant."""
        self._marks[part] = max(asked_at, self._marks.get(part, 0))

    def taken(self, part: str, received_at: int) -> None:
        """``part`` was handled up to a message that was received at an instant."""
        self._marks[part] = max(received_at, self._marks.get(part, 0))
        if not part.startswith(NO_NEWS):
            self.at = max(self.at, received_at)

    def tick(self, parts: Iterable[str], now: int) -> int:
        """The clock, given the parts that there are."""
        live = [part for part in parts if not part.startswith(NO_NEWS)]
        self.at = max(self.at, min((self._marks.get(part, 0) for part in live), default=now))
        return self.at
