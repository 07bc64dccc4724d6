"""One destination's way through the history: a checkpoint, not a queue.

A batch's end is persisted before it is sent, so that after a crash the same events
go out again with the same keys. A destination that fails as a whole stalls with
backoff; single events that it refuses or wants later get rows in the outbox.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import NamedTuple

import structlog
from sqlalchemy import Connection

from cdp.delivery.backoff import pause_s
from cdp.delivery.events import MAX_ROWS, Names, allowed, read_events, to_payload
from cdp.delivery.sending import Result, Sender
from cdp.plugin import Event, Stop
from cdp.store import Store, delivery, history, meta
from cdp.store.config_rows import Destination
from cdp.store.delivery import Stream
from cdp.store.history import HistoryRow
from cdp.store.plugin_errors import record_failures

logger = structlog.get_logger(__name__)

#: How long a claim holds without being renewed.
CLAIM_MS = 120_000


class Selection(NamedTuple):
    """What a replay picks: event times in ms, both inclusive."""

    from_ms: int
    to_ms: int


class StreamRunner:
    """Moves one stream forward, a batch at a time.

    ``step`` returns the seconds after which it wants to be called again; 0 means at
    once. What was delivered of a batch that stalled is remembered, so only the rest
    is sent again.
    """

    def __init__(
        self,
        store: Store,
        name: str,
        destination: Destination,
        sender: Sender,
        me: str,
        clock: Callable[[], float] = time.time,
        calls_kept: int = 10_000,
    ) -> None:
        self._store, self.name, self._destination = store, name, destination
        self._sender, self._me, self._clock = sender, me, clock
        self._names, self._calls_kept = Names(), calls_kept
        self._remaining: list[Event] | None = None
        self._to_seq = 0
        self._carried = Result()
        self._filtered = 0
        self._batches = 0

    def step(self, idle_s: float = 0.02) -> float:
        """Send the next batch, or what is left of one."""
        now = int(self._clock() * 1000)
        with self._store.read() as tx:
            stream = delivery.stream_by_name(tx, self.name)
            end = meta.next_number(tx, "seq")
        if stream is None or stream.state in ("stopped", "done"):
            return 0.5
        if stream.state == "stalled" and stream.next_at > now:
            return min(0.5, (stream.next_at - now) / 1000)
        if self._remaining is None and not self._begin(stream, end, now):
            return idle_s
        self._send(stream, now)
        return 0.0

    def _begin(self, stream: Stream, end: int, now: int) -> bool:
        """Read the next batch and persist where it ends; False if there is none."""
        last = min(end, stream.until_seq) if stream.until_seq is not None else end
        if stream.to_seq is None and stream.seq >= last:
            if stream.until_seq is not None:
                with self._store.write() as tx:
                    delivery.finish_batch(tx, self.name, stream.seq, 0, 0, 0, now, done=True)
            return False
        with self._store.read() as tx:
            rows = history.rows_after(tx, stream.seq, MAX_ROWS)
            rows = [row for row in rows if row.seq < (stream.to_seq or last)]
            selection = Selection(*json.loads(stream.selection)) if stream.selection else None
            picked = [row for row in rows if _in_time(row, selection) and self._from_source(row)]
            events = read_events(tx, picked, f"{self._destination.id}-", self._names)
        # A batch that was in flight when we died ends where it ended then.
        self._to_seq = stream.to_seq or (rows[-1].seq + 1 if rows else last)
        wanted = [event for event in events if self._wants(event, selection is not None)]
        if selection is not None:
            for event in wanted:
                event.body["integrations"] = {"All": False, self._destination.name: True}
        self._filtered = len(picked) - len(wanted)
        self._remaining, self._carried = wanted, Result()
        with self._store.write() as tx:
            until = now + CLAIM_MS
            if not delivery.claim_stream(tx, self.name, self._me, now, until):
                self._remaining = None
                return False
            if wanted:
                delivery.set_boundary(tx, self.name, self._to_seq)
            else:
                self._finish(tx, now)
        return bool(wanted)

    def _wants(self, event: Event, replay: bool) -> bool:
        destination = self._destination
        if not replay:
            if not event.live or not destination.enabled:
                return False
            if not allowed(event.body, (destination.name, destination.key)):
                return False
        return self._sender.destination.wants(event)

    def _from_source(self, row: HistoryRow) -> bool:
        return self._destination.source_id in (None, row.source)

    def _send(self, stream: Stream, now: int) -> None:
        assert self._remaining is not None
        result = self._sender.send(self._remaining, stream.attempts + 1)
        done = self._carried
        done.delivered += result.delivered
        done.later += result.later
        done.dead += result.dead
        self._remaining = result.remaining
        now = int(self._clock() * 1000)
        with self._store.write() as tx:
            delivery.add_calls(tx, result.calls)
            if result.failures:
                record_failures(tx, result.failures, now)
            if result.error is None:
                self._finish(tx, now)
            elif not self._sender.stopping.is_set():
                self._stall(tx, stream, result, now)

    def _stall(self, tx: Connection, stream: Stream, result: Result, now: int) -> None:
        error = result.error
        assert error is not None
        attempts = stream.attempts + 1
        if isinstance(error, Stop):
            state, next_at = "stopped", 0
        else:
            state, next_at = "stalled", now + int(pause_s(attempts - 1, error.after) * 1000)
        delivery.set_state(tx, self.name, state, str(error)[:1000], attempts, next_at, now)
        delivery.claim_stream(tx, self.name, self._me, now, max(now, next_at) + CLAIM_MS)
        if attempts == 1:
            logger.warning(f"stream_{state}", stream=self.name, error=str(error)[:200])

    def _finish(self, tx: Connection, now: int) -> None:
        done = self._carried
        delivery.add_items(tx, self._outbox_rows(done, now), now)
        failed = len(done.dead)
        delivery.finish_batch(
            tx, self.name, self._to_seq, done.delivered, self._filtered, failed, now
        )
        self._remaining = None
        self._batches += 1
        if self._batches % 50 == 1:
            delivery.trim_calls(tx, self._destination.id, self._calls_kept)

    def _outbox_rows(self, done: Result, now: int) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = []
        for event, fate in done.later:
            wait = int(pause_s(0, fate.after) * 1000)
            rows.append(self._row(event, "waiting", fate.reason, now + wait))
        for event, reason in done.dead:
            rows.append(self._row(event, "dead", reason, now))
        return rows

    def _row(self, event: Event, state: str, error: str, next_at: int) -> dict[str, object]:
        return {
            "destination_id": self._destination.id,
            "key": event.key,
            "seq": event.seq,
            "payload": to_payload(event),
            "state": state,
            "attempts": 1,
            "next_at": next_at,
            "error": error[:1000],
        }

    def release(self) -> None:
        """Let another process go on with the stream."""
        with self._store.write() as tx:
            delivery.release_stream(tx, self.name, self._me)


def _in_time(row: HistoryRow, selection: Selection | None) -> bool:
    return selection is None or selection.from_ms <= row.t <= selection.to_ms
