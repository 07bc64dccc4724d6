"""Events with a fate of their own: retried one by one, or dead until somebody looks."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import Connection

from cdp.delivery.backoff import pause_s
from cdp.delivery.events import from_payload
from cdp.delivery.sending import Result, Sender
from cdp.plugin import Retry
from cdp.store import Store
from cdp.store.destinations import outbox as delivery_outbox
from cdp.store.destinations import streams as delivery
from cdp.store.destinations.outbox import Item
from cdp.store.destinations.plugin_errors import record_failures

#: How long a claim holds; a round takes much less.
CLAIM_MS = 300_000
#: Seconds after which a round begins no more calls, and items of a lane in a round.
ROUND_S, EACH = 10.0, 16


class OutboxRunner:
    """Takes due items of one destination, hands them over, notes what became of them.

    Each destination has a runner of its own, so that a slow one holds up no other.
    """

    def __init__(
        self,
        store: Store,
        destination_id: int,
        sender: Sender,
        retry_hours: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._id, self._sender, self._clock = store, destination_id, sender, clock
        self._retry_ms = int(retry_hours * 3_600_000)
        self._limit = sender.concurrency * EACH
        self._failures, self._quiet_until = 0, 0

    def step(self) -> int:
        """Handle the items that are due and return how many were tried."""
        now = int(self._clock() * 1000)
        if now < self._quiet_until or self._sender.stopping.is_set():
            return 0
        with self._store.read() as tx:
            if not delivery_outbox.has_due(tx, self._id, now):
                return 0
        with self._store.write() as tx:
            until = now + CLAIM_MS
            items = delivery_outbox.claim_items(tx, self._id, now, until, self._limit)
        # What waits for a rate or a slow provider is claimed again, not held on to.
        given = [(from_payload(item.payload), item.attempts + 1) for item in items]
        results = self._sender.send_singly(given, ROUND_S)
        now = int(self._clock() * 1000)
        self._rest(results, now)
        untried: list[Item] = []
        with self._store.write() as tx:
            for item, result in zip(items, results, strict=True):
                if result.answered or result.error is not None:
                    self._note(tx, item, result, now)
                else:
                    untried.append(item)
            delivery_outbox.release_items(tx, untried, max(now, self._quiet_until))
        return len(items) - len(untried)

    def _rest(self, results: list[Result], now: int) -> None:
        """Pause when the provider asks for it, or when nothing at all was taken."""
        asked = [r.error.after or 0.0 for r in results if isinstance(r.error, Retry)]
        if any(result.answered for result in results):
            self._failures = 0
            pause = max(asked, default=0.0)
        else:
            self._failures += 1
            pause = pause_s(self._failures - 1, max(asked, default=0.0)) if asked else 0.0
        self._quiet_until = now + int(min(pause, 86_400.0) * 1000)

    def _note(self, tx: Connection, item: Item, result: Result, now: int) -> None:
        delivery.add_calls(tx, result.calls)
        if result.failures:
            record_failures(tx, result.failures, now)
        if result.delivered:
            delivery_outbox.item_delivered(tx, item)
            return
        if result.dead:
            delivery_outbox.item_failed(tx, item, "dead", result.dead[0][1][:1000], now, now)
            return
        reason, after = str(result.error), getattr(result.error, "after", None)
        if result.later:
            reason, after = result.later[0][1].reason, result.later[0][1].after
        over = now - item.created_at > self._retry_ms
        wait = int(pause_s(item.attempts, after) * 1000)
        state = "dead" if over else "waiting"
        delivery_outbox.item_failed(tx, item, state, reason[:1000], now + wait, now)
