"""Plugins that follow the history, the profiles or the journeys: a stream each, in order."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec
import structlog

from cdp.delivery.backoff import pause_s
from cdp.delivery.events import Names, read_events, was_cut
from cdp.identity import public_id
from cdp.plugin import ProfileChange, Transition
from cdp.plugin.manager import failure
from cdp.store import Store, meta
from cdp.store.destinations import hooks as delivery_hooks
from cdp.store.destinations import streams as delivery
from cdp.store.destinations.plugin_errors import record_failures
from cdp.store.destinations.streams import ClaimLost, Tally
from cdp.store.events import history

logger = structlog.get_logger(__name__)

MAX_BATCH = 500
CLAIM_MS = 60_000
#: Every hook that is a stream, and the argument in which it gets its batch.
STREAMS = {
    "on_events": "events",
    "on_profile_changes": "changes",
    "on_transitions": "transitions",
}


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
        self._kind = delivery_hooks.FOLLOWED[hook][1] if hook != "on_events" else "seq"
        now = int(clock() * 1000)
        with store.write() as tx:
            delivery.ensure_stream(tx, self.name, meta.next_number(tx, self._kind), now)

    def step(self, idle_s: float = 0.05) -> float:
        """Give the plugin the next batch; returns the seconds until it wants more."""
        now = int(self._clock() * 1000)
        with self._store.read() as tx:
            stream = delivery.stream_by_name(tx, self.name)
            end = meta.next_number(tx, self._kind)
        if stream is None:
            return 0.5
        if stream.next_at > now:
            return min(0.5, (stream.next_at - now) / 1000)
        if stream.seq >= end:
            return idle_s
        with self._store.write() as tx:
            if not delivery.claim_stream(tx, self.name, self._me, now, now + CLAIM_MS):
                return 1.0
            stream = delivery.stream_by_name(tx, self.name) or stream
        reached, items = self._read(stream.seq, stream.to_seq, end)
        try:
            with self._store.write() as tx:
                delivery.set_boundary(tx, self.name, self._me, reached, now)
            try:
                if items:
                    self._function(**{STREAMS[self._hook]: items})
            except BaseException as error:
                self._failed(error, stream.attempts + 1)
                return 0.1
            with self._store.write() as tx:
                done, tally = int(self._clock() * 1000), Tally(delivered=len(items))
                delivery.finish_batch(tx, self.name, self._me, reached, tally, done)
        except ClaimLost:
            return 1.0
        return 0.0

    def release(self) -> None:
        """Let another process go on with the stream."""
        with self._store.write() as tx:
            delivery.release_stream(tx, self.name, self._me)

    def _read(self, seq: int, to_seq: int | None, end: int) -> tuple[int, list[Any]]:
        """Where the batch ends, and what it holds."""
        with self._store.read() as tx:
            if self._hook == "on_events":
                rows = history.rows_after(tx, seq, MAX_BATCH)
                rows = [row for row in rows if row.seq < (to_seq or end)]
                found = read_events(tx, rows, f"{self.name}-", self._names)
                reached = rows[-1].seq + 1 if rows else end
                if found and was_cut(rows, found):
                    reached = found[-1].seq + 1
                return to_seq or reached, [event for event in found if event.live]
            told = delivery_hooks.rows_after(tx, self._hook, seq, MAX_BATCH)
            told = [row for row in told if row.seq < (to_seq or end)]
            reached = told[-1].seq + 1 if told else end
        make = _change if self._hook == "on_profile_changes" else _transition
        # A journey's own decisions are about nobody; other rows are of people who may be gone.
        known = [row for row in told if row.anchor is not None or not row.profile]
        return to_seq or reached, [make(row) for row in known]

    def _failed(self, error: BaseException, attempts: int) -> None:
        now = int(self._clock() * 1000)
        found = failure(self._plugin, self._hook, error)
        wait = int(pause_s(attempts - 1, None) * 1000)
        with self._store.write() as tx:
            record_failures(tx, [found], now)
            delivery.keep_batch(
                tx, self.name, self._me, None, Tally(), now,
                state="stalled", error=found.error, attempts=attempts, next_at=now + wait,
            )  # fmt: skip
        logger.warning("hook_failed", plugin=self._plugin, hook=self._hook, error=found.error)


def _change(row: Any) -> ProfileChange:
    person = public_id(row.collection, row.anchor)
    return ProfileChange(person, row.kind, msgspec.json.decode(row.detail), row.at, row.seq)


def _transition(row: Any) -> Transition:
    person = public_id(row.collection, row.anchor) if row.anchor is not None else ""
    return Transition(
        row.journey, row.run, person, row.step, row.kind,
        msgspec.json.decode(row.detail), row.at, row.seq,
    )  # fmt: skip
