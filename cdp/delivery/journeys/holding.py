"""The last check of journeys' messages: what a journey that paused itself had asked for waits."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from cdp.store.journeys import launched as journeys
from cdp.store.messages.deliveries import Delivery

#: After how long a message of a journey that stands still is looked at again (ms).
LATER_MS = 60_000


def withheld(tx: Connection, rows: Sequence[Delivery], now: int) -> dict[int, tuple[str, int]]:
    """Why some deliveries must not go, and until when (ms), by number.

    Of a pause by hand only steps are held; a limit that was passed holds messages as well.
    """
    keys = {row.origin_key for row in rows if row.origin == "journey"}
    still = journeys.stopped_by_limits(tx, keys) if keys else set()
    return {
        row.id: ("paused: the journey paused itself", now + LATER_MS)
        for row in rows
        if row.origin == "journey" and row.origin_key in still
    }
