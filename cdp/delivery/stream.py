"""One destination's way through the history: a checkpoint, not a queue.

A batch's end is persisted before it is sent, so that after a crash the same events
go out again with the same keys. A destination that fails as a whole stalls with
backoff; single events that it refuses or wants later get rows in the outbox, and so
do those that fail again and again while others are taken.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import NamedTuple

import structlog
from sqlalchemy import Connection

from cdp.conditions import compile_text
from cdp.delivery.backoff import pause_s
from cdp.delivery.events import MAX_ROWS, Names, allowed, read_events, to_payload, was_cut
from cdp.delivery.sending import Result, Sender
from cdp.plugin import Channel, Event, Outcome, Retry
from cdp.plugin.manager import Failure, failure
from cdp.profiles.consent import permits
from cdp.store import Store, meta
from cdp.store.audiences.lists import lists_of
from cdp.store.config_rows import Destination
from cdp.store.destinations import outbox as delivery_outbox
from cdp.store.destinations import streams as delivery
from cdp.store.destinations.plugin_errors import record_failures
from cdp.store.destinations.streams import ClaimLost, Stream, Tally
from cdp.store.events import history
from cdp.store.events.history import HistoryRow

logger = structlog.get_logger(__name__)

#: How long a claim holds without being renewed, and when it is renewed at the latest.
CLAIM_MS, RENEW_MS = 60_000, 20_000
#: After so many seconds a batch is left to note how far it is, so that a crash
#: repeats no more than that, and a change of the settings does not wait.
SEND_S = 10.0
#: From this failure in a row on, what failed is passed by if the next event is taken.
PASS_BY_AFTER = 4


class Selection(NamedTuple):
    """What a replay picks: event times in ms, both inclusive."""

    from_ms: int
    to_ms: int


class Batch(NamedTuple):
    """Events to be sent, where the batch ends, and how many were not wanted."""

    events: list[Event]
    to_seq: int
    filtered: int


class StreamRunner:
    """Moves one stream forward, a batch at a time.

    ``step`` returns the seconds after which it wants to be called again; 0 means at
    once. What was delivered of a batch that stalled is remembered in the store, so
    only the rest is sent again.
    """

    def __init__(
        self,
        store: Store,
        name: str,
        destination: Destination,
        sender: Sender,
        me: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self.name, self._destination = store, name, destination
        self._sender, self._me, self._clock = sender, me, clock
        self._meets = (
            compile_text(destination.filter, lists_of(store)) if destination.filter else None
        )
        self._names = Names()
        self._batch: Batch | None = None
        self._broken: list[tuple[Event, Failure]] = []

    def step(self, idle_s: float = 0.02) -> float:
        """Send the next batch, or what is left of one."""
        now = self._now()
        with self._store.read() as tx:
            stream = delivery.stream_by_name(tx, self.name)
            end = self._end(tx)
        if stream is None or stream.state in ("stopped", "done"):
            return 0.5
        if stream.state == "stalled" and stream.next_at > now:
            return min(0.5, (stream.next_at - now) / 1000)
        try:
            if self._batch is None and not self._begin(stream, end, now):
                return idle_s
            self._send(stream)
        except ClaimLost:
            self._batch = None
            return idle_s
        return 0.0

    def release(self) -> None:
        """Let another process go on with the stream."""
        self._batch = None
        with self._store.write() as tx:
            delivery.release_stream(tx, self.name, self._me)

    def _now(self) -> int:
        return int(self._clock() * 1000)

    def _end(self, tx: Connection) -> int:
        """The position behind the newest thing to be sent."""
        return meta.next_number(tx, "seq")

    def _begin(self, stream: Stream, end: int, now: int) -> bool:
        """Read the next batch and persist where it ends; False if there is none."""
        last = min(end, stream.until_seq) if stream.until_seq is not None else end
        if stream.to_seq is None and stream.seq >= last and stream.until_seq is None:
            return False
        if stream.claimed_by != self._me or stream.claimed_until < now + RENEW_MS:
            with self._store.write() as tx:
                if not delivery.claim_stream(tx, self.name, self._me, now, now + CLAIM_MS):
                    return False
                # As it is now that nobody else can move it.
                fresh = delivery.stream_by_name(tx, self.name)
            if fresh is None or fresh.state in ("stopped", "done"):
                return False
            stream = fresh
        if stream.to_seq is None and stream.seq >= last:
            if stream.until_seq is not None:
                with self._store.write() as tx:
                    delivery.finish_batch(tx, self.name, self._me, stream.seq, Tally(), now, True)
            return False
        # A batch that was in flight when we died ends where it ended then.
        batch = self._read(stream, stream.to_seq or last)
        if stream.remaining is not None:
            left = set(json.loads(stream.remaining))
            batch = batch._replace(events=[e for e in batch.events if e.seq in left], filtered=0)
        with self._store.write() as tx:
            batch = batch._replace(filtered=batch.filtered - self._note_broken(tx, now))
            if batch.events:
                delivery.set_boundary(tx, self.name, self._me, batch.to_seq, now)
            else:
                tally = Tally(filtered=batch.filtered)
                delivery.finish_batch(tx, self.name, self._me, batch.to_seq, tally, now)
        self._batch = batch if batch.events else None
        return bool(batch.events)

    def _read(self, stream: Stream, last: int) -> Batch:
        """The events from the checkpoint on, up to ``last`` at most."""
        return self._read_from(stream.seq, last, stream.selection)

    def _read_from(self, seq: int, last: int, selection: str | None) -> Batch:
        if isinstance(self._sender.destination, Channel):
            return Batch([], last, 0)  # it takes messages, no events
        chosen = Selection(*json.loads(selection)) if selection else None
        with self._store.read() as tx:
            rows = [row for row in history.rows_after(tx, seq, MAX_ROWS) if row.seq < last]
            picked = [row for row in rows if _in_time(row, chosen) and self._from_source(row)]
            events = read_events(tx, picked, f"{self._destination.id}-", self._names)
        if not rows:
            return Batch([], last, 0)
        to_seq = rows[-1].seq + 1
        if events and was_cut(picked, events):
            to_seq = events[-1].seq + 1
        wanted = [event for event in events if self._wants(event, chosen is not None)]
        if chosen is not None:
            for event in wanted:
                event.body["integrations"] = {"All": False, self._destination.name: True}
        return Batch(wanted, to_seq, len(events) - len(wanted))

    def _wants(self, event: Event, replay: bool) -> bool:
        destination = self._destination
        if not permits(event.body, destination.consent_categories):
            return False
        if not replay:
            if not event.live or not destination.enabled:
                return False
            if not allowed(event.body, (destination.name, destination.key)):
                return False
        return self._meant(event)

    def _meant(self, event: Event) -> bool:
        """Whether the destination's filter and the destination itself want an event."""
        try:
            if self._meets is not None and not self._meets(event.body):
                return False
            return bool(self._sender.destination.wants(event))
        except BaseException as error:
            self._broken.append((event, failure(self._sender.destination.key, "wants", error)))
            return False

    def _note_broken(self, tx: Connection, now: int) -> int:
        """Keep what the destination's own filter broke on, as it can't be told if it is wanted."""
        broken, self._broken = self._broken, []
        if broken:
            record_failures(tx, [found for _, found in broken], now)
            rows = [self._row(event, "dead", found.error, now) for event, found in broken]
            delivery_outbox.add_items(tx, rows, now)
        return len(broken)

    def _from_source(self, row: HistoryRow) -> bool:
        return self._destination.source_id in (None, row.source)

    def _send(self, stream: Stream) -> None:
        assert self._batch is not None
        result = self._sender.send(self._batch.events, stream.attempts + 1, SEND_S)
        if self._may_pass_by(stream, result):
            self._try_next(stream, result)
        batch = self._batch = self._batch._replace(events=result.remaining)
        now = self._now()
        tally = Tally(result.delivered, batch.filtered, len(result.dead))
        with self._store.write() as tx:
            delivery.add_calls(tx, result.calls)
            if result.failures:
                record_failures(tx, result.failures, now)
            delivery_outbox.add_items(tx, self._outbox_rows(result, now), now)
            if not batch.events:
                delivery.finish_batch(tx, self.name, self._me, batch.to_seq, tally, now)
            elif result.error is None or self._sender.stopping.is_set():
                left = _positions(batch.events)
                delivery.keep_batch(tx, self.name, self._me, left, tally, now)
                delivery.claim_stream(tx, self.name, self._me, now, now + CLAIM_MS)
            else:
                self._stall(tx, stream, result, tally, now)
        self._batch = batch._replace(filtered=0) if batch.events else None

    def _stall(
        self, tx: Connection, stream: Stream, result: Result, tally: Tally, now: int
    ) -> None:
        assert result.error is not None
        # What was answered in between shows that it is not the provider as a whole.
        attempts = 1 if result.answered else stream.attempts + 1
        state, next_at = "stopped", 0
        if isinstance(result.error, Retry):
            wait = pause_s(attempts - 1, result.error.after)
            state, next_at = "stalled", now + int(wait * 1000)
        error, left = str(result.error)[:1000], _positions(result.remaining)
        delivery.keep_batch(
            tx, self.name, self._me, left, tally, now,
            state=state, error=error, attempts=attempts, next_at=next_at,
        )  # fmt: skip
        delivery.claim_stream(tx, self.name, self._me, now, max(now, next_at) + CLAIM_MS)
        if attempts == 1:
            logger.warning(f"stream_{state}", stream=self.name, error=error[:200])

    def _may_pass_by(self, stream: Stream, result: Result) -> bool:
        """Whether the same events have failed so often that the next may be tried."""
        error = result.error
        if not isinstance(error, Retry) or error.after is not None:
            return False
        return stream.attempts + 1 >= PASS_BY_AFTER and not self._sender.stopping.is_set()

    def _try_next(self, stream: Stream, result: Result) -> None:
        """Send what comes behind the events that fail; if it is taken, they go their own way.

        They become items of the outbox. If it fails too, it is the provider, and
        everything stays as it was.
        """
        assert self._batch is not None
        failed = {event.seq for event in result.failed}
        behind = [event for event in result.remaining if event.seq not in failed]
        beyond = not behind
        filtered, to_seq = 0, self._batch.to_seq
        if beyond:
            with self._store.read() as tx:
                end = self._end(tx)
            last = min(end, stream.until_seq) if stream.until_seq is not None else end
            if to_seq >= last:
                return
            batch = self._read_from(to_seq, last, stream.selection)
            behind, filtered = batch.events, batch.filtered
        probe = behind[: self._sender.size]
        if not probe:
            return
        answer = self._sender.send(probe, 1, SEND_S)
        if answer.error is not None or not answer.answered:
            result.calls += answer.calls
            result.failures += answer.failures
            return
        reason = str(result.error)
        result.later += [(event, Outcome.retry(reason)) for event in result.failed]
        result.error, result.failed, result.remaining = None, [], []
        result.add(answer)
        if beyond:
            to_seq = probe[-1].seq + 1
            # Those between are read again only to be counted if the batch went further.
            filtered = 0
        else:
            result.remaining += behind[len(probe) :]
        self._batch = self._batch._replace(to_seq=to_seq, filtered=self._batch.filtered + filtered)

    def _outbox_rows(self, result: Result, now: int) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = []
        for event, fate in result.later:
            wait = int(pause_s(0, fate.after) * 1000)
            rows.append(self._row(event, "waiting", fate.reason, now + wait))
        for event, reason in result.dead:
            rows.append(self._row(event, "dead", reason, now))
        return rows

    def _outbox_seq(self, event: Event) -> int:
        return event.seq

    def _row(self, event: Event, state: str, error: str, next_at: int) -> dict[str, object]:
        return {
            "destination_id": self._destination.id,
            "key": event.key,
            "seq": self._outbox_seq(event),
            "payload": to_payload(event),
            "state": state,
            "attempts": 1,
            "next_at": next_at,
            "error": error[:1000],
        }


def _positions(events: list[Event]) -> str:
    return json.dumps([event.seq for event in events])


def _in_time(row: HistoryRow, selection: Selection | None) -> bool:
    return selection is None or selection.from_ms <= row.t <= selection.to_ms
