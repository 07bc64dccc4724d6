"""Plugins that follow the history or the profiles: a stream each, in order."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec
import structlog

from cdp.delivery.backoff import pause_s
from cdp.delivery.events import Names, read_events
from cdp.identity import public_id
from cdp.plugin import ProfileChange
from cdp.plugin.manager import failure
from cdp.store import Store, delivery, history, meta
from cdp.store.plugin_errors import record_failures

logger = structlog.get_logger(__name__)

MAX_BATCH = 500
_KIND = {"on_events": "seq", "on_profile_changes": "profile_change"}


class HookRunner:
    """Calls one plugin's hook with batches from a checkpoint of its own.

    What it raises is recorded, and the same batch given to it again with backoff.
    """

    def __init__(
        self,
        store: Store,
        plugin: str,
        hook: str,
        function: Any,
        me: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._plugin, self._hook, self._function = store, plugin, hook, function
        self._me, self._clock = me, clock
        self.name = f"hook:{plugin}:{hook}"
        self._names = Names()
        now = int(clock() * 1000)
        with store.write() as tx:
            delivery.ensure_stream(tx, self.name, meta.next_number(tx, _KIND[hook]), now)

    def step(self, idle_s: float = 0.05) -> float:
        """Give the plugin the next batch; returns the seconds until it wants more."""
        now = int(self._clock() * 1000)
        with self._store.read() as tx:
            stream = delivery.stream_by_name(tx, self.name)
            end = meta.next_number(tx, _KIND[self._hook])
        if stream is None:
            return 0.5
        if stream.next_at > now:
            return min(0.5, (stream.next_at - now) / 1000)
        if stream.seq >= end:
            return idle_s
        with self._store.write() as tx:
            if not delivery.claim_stream(tx, self.name, self._me, now, now + 120_000):
                return 1.0
        reached, items = self._read(stream.seq, stream.to_seq)
        with self._store.write() as tx:
            delivery.set_boundary(tx, self.name, reached)
        try:
            if items:
                argument = "events" if self._hook == "on_events" else "changes"
                self._function(**{argument: items})
        except BaseException as error:
            self._failed(error, stream.attempts + 1)
            return 0.1
        with self._store.write() as tx:
            done = int(self._clock() * 1000)
            delivery.finish_batch(tx, self.name, reached, len(items), 0, 0, done)
        return 0.0

    def _read(self, seq: int, to_seq: int | None) -> tuple[int, list[Any]]:
        with self._store.read() as tx:
            if self._hook == "on_events":
                rows = history.rows_after(tx, seq, MAX_BATCH)
                rows = [row for row in rows if to_seq is None or row.seq < to_seq]
                found = read_events(tx, rows, f"{self.name}-", self._names)
                reached = rows[-1].seq + 1 if rows else meta.next_number(tx, "seq")
                return to_seq or reached, [event for event in found if event.live]
            changed = delivery.changes_after(tx, seq, MAX_BATCH)
            changed = [row for row in changed if to_seq is None or row.seq < to_seq]
            reached = changed[-1].seq + 1 if changed else meta.next_number(tx, "profile_change")
        changes = [
            ProfileChange(
                public_id(row.collection, row.anchor), row.kind,
                msgspec.json.decode(row.detail), row.at, row.seq,
            )
            for row in changed
            if row.anchor is not None
        ]  # fmt: skip
        return to_seq or reached, changes

    def _failed(self, error: BaseException, attempts: int) -> None:
        now = int(self._clock() * 1000)
        found = failure(self._plugin, self._hook, error)
        wait = int(pause_s(attempts - 1, None) * 1000)
        with self._store.write() as tx:
            record_failures(tx, [found], now)
            delivery.set_state(tx, self.name, "stalled", found.error, attempts, now + wait, now)
        logger.warning("hook_failed", plugin=self._plugin, hook=self._hook, error=found.error)
