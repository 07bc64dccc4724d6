"""The last check of journeys' messages, of what a journey had asked for and is not sent yet.

If the journey paused itself it waits; if its person left the journey for one that goes before
it (`cdp.journeys.groups`) it does not go any more.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from cdp.journeys.groups import OUTRANKED
from cdp.journeys.run import run_of
from cdp.messaging.request import Flag
from cdp.store.journeys import launched as journeys
from cdp.store.journeys import story
from cdp.store.messages.deliveries import Delivery

#: After how long a message of a journey that stands still is looked at again (ms).
LATER_MS = 60_000


def withheld(tx: Connection, rows: Sequence[Delivery], now: int) -> dict[int, tuple[str, int]]:
    """Why some deliveries must not go, and until when (ms; 0: for good), by number.

    Of a pause by hand only steps are held; a limit that was passed holds messages as well.
    What a journey tells other systems goes, wherever its person is by then.
    """
    mine = [row for row in rows if row.origin == "journey"]
    if not mine:
        return {}
    still = journeys.stopped_by_limits(tx, {row.origin_key for row in mine})
    found = {
        row.id: ("paused: the journey paused itself", now + LATER_MS)
        for row in mine
        if row.origin_key in still
    }
    runs = {row.id: run_of(row.key) for row in mine if not row.flags & Flag.UNLIMITED}
    left = story.ended_as(tx, OUTRANKED, {run for run in runs.values() if run is not None})
    for id_, run in runs.items():
        if run in left:
            why = left[run]
            by = f": {why['group']} ({why['by']})" if why else ""
            found[id_] = (f"{OUTRANKED}{by}", 0)
    return found
