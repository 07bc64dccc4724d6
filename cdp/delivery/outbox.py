"""Events with a fate of their own: retried one by one, or dead until somebody looks."""

from __future__ import annotations

import time
from collections.abc import Callable

from cdp.delivery.backoff import pause_s
from cdp.delivery.events import from_payload
from cdp.delivery.sending import Sender
from cdp.plugin import Stop
from cdp.store import Store, delivery
from cdp.store.delivery import Item
from cdp.store.plugin_errors import record_failures

CLAIM_MS = 120_000
LIMIT = 200


class OutboxRunner:
    """Takes due items, hands them to their destinations, notes what became of them."""

    def __init__(
        self,
        store: Store,
        sender_of: Callable[[int], Sender | None],
        retry_hours: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._sender_of, self._clock = store, sender_of, clock
        self._retry_ms = int(retry_hours * 3_600_000)

    def step(self) -> int:
        """Handle the items that are due and return how many there were."""
        now = int(self._clock() * 1000)
        with self._store.read() as tx:
            if not delivery.due_items(tx, now):
                return 0
        with self._store.write() as tx:
            items = delivery.claim_items(tx, now, now + CLAIM_MS, LIMIT)
        for item in items:
            self._handle(item)
        return len(items)

    def _handle(self, item: Item) -> None:
        sender = self._sender_of(item.destination_id)
        if sender is None:
            # Disabled just now: it waits, without counting against it.
            now = int(self._clock() * 1000)
            with self._store.write() as tx:
                delivery.item_failed(
                    tx, item, "waiting", "the destination is disabled", now + 60_000, now
                )
            return
        result = sender.send([from_payload(item.payload)], item.attempts + 1)
        now = int(self._clock() * 1000)
        with self._store.write() as tx:
            delivery.add_calls(tx, result.calls)
            if result.failures:
                record_failures(tx, result.failures, now)
            if result.delivered:
                delivery.item_delivered(tx, item)
            elif result.dead:
                delivery.item_failed(tx, item, "dead", result.dead[0][1][:1000], now, now)
            else:
                after: float | None = None
                reason = "no answer"
                if result.later:
                    reason, after = result.later[0][1].reason, result.later[0][1].after
                elif result.error is not None:
                    reason = str(result.error)
                    after = None if isinstance(result.error, Stop) else result.error.after
                over = now - item.created_at > self._retry_ms
                wait = int(pause_s(item.attempts, after) * 1000)
                state = "dead" if over else "waiting"
                delivery.item_failed(tx, item, state, reason[:1000], now + wait, now)
