"""The mover of broadcasts: begins, goes on with, settles and ends what is due, forever."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

import structlog
from sqlalchemy import Connection

from cdp.delivery.broadcasts import files, gather, judging, turn
from cdp.delivery.broadcasts.turn import Way
from cdp.messaging.broadcasts import states
from cdp.messaging.broadcasts.plan import Plan, plan_of
from cdp.store import Store, definitions
from cdp.store.messages import broadcasts
from cdp.store.messages.broadcasts import Broadcast

logger = structlog.get_logger(__name__)

#: Deliveries that are held back, let go or cancelled in one transaction.
PIECE = 1000
#: Seconds until it is worth looking again.
IDLE_S = 0.25


class NoTemplate(LookupError):
    """A template that a broadcast needs is gone, or is for another channel."""


class Mover:
    """Moves all broadcasts that are due, a piece of each at a time; any number may run."""

    def __init__(
        self,
        store: Store,
        fetch: files.Fetch = files.refuse,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._fetch, self._clock = store, fetch, clock
        self._me = uuid.uuid4().hex

    def step(self) -> float:
        """Move a piece of each; seconds until it is worth asking again."""
        with self._store.read() as tx:
            found = broadcasts.to_move(tx, self._now())
        moved = False
        for row in found:
            moved = self._one(row) or moved
        return 0.0 if moved else IDLE_S

    def begin(self) -> None:
        """Whoever was choosing people is dead: somebody else may at once."""
        with self._store.write() as tx:
            for row in broadcasts.in_states(tx, states.GATHERING):
                broadcasts.change(tx, row.id, until=0, owner=None)

    def _one(self, row: Broadcast) -> bool:
        if row.state in (states.PAUSED, states.CANCELLED, states.FAILED):
            return self._hold_back(row)
        if row.state in (states.SCHEDULED, states.GATHERING):
            return self._gather(row)
        with self._store.write() as tx:
            mine = broadcasts.lock(tx, row.id)
            if mine is None or mine.state != row.state:
                return False
            if broadcasts.has_any(tx, row.id, "paused"):  # it was paused, and goes on
                return broadcasts.move(tx, row.id, ("paused",), "waiting", self._now(), PIECE) > 0
            if mine.state == states.TESTING:
                return judging.judge(tx, mine, self._now())
            try:
                return turn.step(tx, mine, ways(tx, plan_of(mine.body)), self._now()) > 0
            except NoTemplate as error:
                broadcasts.change(
                    tx, mine.id, state=states.PAUSED, paused_from=mine.state, error=str(error),
                    updated_at=self._now(),
                )  # fmt: skip
                return False

    def _gather(self, row: Broadcast) -> bool:
        now = self._now()
        with self._store.write() as tx:
            mine = broadcasts.lock(tx, row.id)
            if mine is None or mine.state != row.state or mine.until > now:
                return False
            broadcasts.change(
                tx, row.id, state=states.GATHERING, owner=self._me, until=now + gather.ALIVE_MS
            )
        try:
            gather.gather(self._store, row, self._me, self._now, self._fetch)
        except gather.Lost:
            logger.info("broadcast_left_to_another", broadcast=row.id)
        return True

    def _hold_back(self, row: Broadcast) -> bool:
        """Keep what waits from going: for as long as it is paused, or for good."""
        over = row.state != states.PAUSED
        before = ("waiting", "paused") if over else ("waiting",)
        with self._store.read() as tx:
            if not broadcasts.has_any(tx, row.id, *before):
                return False
        with self._store.write() as tx:
            mine = broadcasts.lock(tx, row.id)
            if mine is None or mine.state != row.state:
                return False
            after = "cancelled" if over else "paused"
            return broadcasts.move(tx, row.id, before, after, self._now(), PIECE) > 0

    def _now(self) -> int:
        return int(self._clock() * 1000)


def ways(tx: Connection, plan: Plan) -> dict[str, Way]:
    """What the templates of a plan say of their messages; `NoTemplate`."""
    found: dict[str, Way] = {}
    for key in plan.templates:
        version = definitions.current(tx, "template", key)
        if version is None or version.body is None:
            raise NoTemplate(f"there is no template {key}")
        found[key] = Way(version.body["channel"], version.body.get("topic"))
    for channel, key in plan.channels:
        if found[key].channel != channel:
            raise NoTemplate(f"the template {key} is one for {found[key].channel}, not {channel}")
    return found
