"""Handing events to a destination: lanes, outcomes, time."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from cdp.delivery.backoff import RateLimit
from cdp.delivery.calls import log_calls
from cdp.plugin import Batch, Destination, Event, Outcome, Reject, Retry, Stop
from cdp.plugin.manager import Failure, failure
from cdp.store.destinations.streams import Call


@dataclass
class Result:
    """What became of some events.

    ``later`` are to be tried again on their own, ``dead`` never; ``remaining`` were
    not taken: a call failed as a whole, for the reason ``error``, or the time was up.
    ``failed`` are those of ``remaining`` that were in a call which failed.
    """

    delivered: int = 0
    later: list[tuple[Event, Outcome]] = field(default_factory=list)
    dead: list[tuple[Event, str]] = field(default_factory=list)
    remaining: list[Event] = field(default_factory=list)
    failed: list[Event] = field(default_factory=list)
    error: Retry | Stop | None = None
    calls: list[Call] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    @property
    def answered(self) -> int:
        """How many events the provider said something about."""
        return self.delivered + len(self.later) + len(self.dead)

    def add(self, other: Result) -> None:
        """Take in what another lane did; a `Stop` weighs more than a `Retry`."""
        self.delivered += other.delivered
        self.later += other.later
        self.dead += other.dead
        self.remaining += other.remaining
        self.failed += other.failed
        self.calls += other.calls
        self.failures += other.failures
        if other.error is not None and not isinstance(self.error, Stop):
            if isinstance(self.error, Retry) and isinstance(other.error, Retry):
                longest = max(self.error.after or 0.0, other.error.after or 0.0)
                self.error = Retry(str(other.error), longest or None)
            else:
                self.error = other.error


class Sender:
    """One destination's object, its lanes and its rate.

    A stream and the outbox may both use it: together they make at most
    ``concurrency`` calls at the same time, at the destination's rate.
    """

    def __init__(self, id_: int, destination: Destination) -> None:
        self.id, self.destination = id_, destination
        #: Set it to end the lanes after the call in flight.
        self.stopping = threading.Event()
        self.concurrency = max(1, destination.concurrency)
        self.size = max(1, destination.batch_size)
        self._lanes = self.concurrency if self.size == 1 else 1
        self._rate = RateLimit(destination.rate_limit, sleep=self.stopping.wait)
        self._turns = threading.BoundedSemaphore(self.concurrency)
        self._pool = ThreadPoolExecutor(self._lanes, thread_name_prefix=f"lane-{id_}")
        self.singles = ThreadPoolExecutor(self.concurrency, thread_name_prefix=f"single-{id_}")
        self._opened = False
        self._opening = threading.Lock()

    def send(self, events: list[Event], attempt: int, within_s: float = math.inf) -> Result:
        """Hand ``events`` over; those of one person stay in order, in one lane.

        No call is begun after ``within_s`` seconds.
        """
        unopened = self.open()
        if unopened is not None:
            unopened.remaining, unopened.failed = list(events), list(events)
            return unopened
        until = time.monotonic() + within_s
        if self._lanes == 1 or len(events) == 1:
            return self._lane(events, attempt, until)
        total = Result()
        lanes = spread(events, self._lanes)
        for result in self._pool.map(lambda lane: self._lane(lane, attempt, until), lanes):
            total.add(result)
        total.remaining.sort(key=lambda event: event.seq)
        return total

    def send_singly(
        self, items: list[tuple[Event, int]], within_s: float = math.inf
    ) -> list[Result]:
        """Hand over events, each in a call of its own with its own attempt.

        One that fails does not hold up the others, unless the provider said when to
        come back or that nothing will work. One that was not tried has no calls.
        """
        unopened = self.open()
        if unopened is not None:
            return [unopened for _ in items]
        until = time.monotonic() + within_s
        attempts = {id(event): attempt for event, attempt in items}
        results = {id(event): Result() for event, _ in items}
        enough = threading.Event()

        def lane(events: list[Event]) -> None:
            for event in events:
                if enough.is_set() or not self.turn(until):
                    return
                result = results[id(event)]
                self._call(Batch([event], event.key, attempts[id(event)]), result)
                error = result.error
                if isinstance(error, Stop) or (error is not None and error.after is not None):
                    enough.set()

        list(self.singles.map(lane, spread([event for event, _ in items], self.concurrency)))
        return list(results.values())

    def close(self) -> None:
        """Wait for the lanes and close the destination."""
        self._pool.shutdown(wait=True)
        self.singles.shutdown(wait=True)
        if self._opened:
            self.destination.close()

    def open(self) -> Result | None:
        """Open the destination before the first call; what went wrong, if it did."""
        with self._opening:
            if self._opened:
                return None
            try:
                self.destination.open()
            except (Retry, Stop) as error:
                return Result(error=error)
            except BaseException as error:
                found = failure(self.destination.key, "open", error)
                return Result(error=Retry(found.error), failures=[found])
            self._opened = True
            return None

    def turn(self, until: float) -> bool:
        """Wait until a call may be made; False if delivery ends or the time is up before."""
        if self.stopping.is_set() or time.monotonic() >= until:
            return False
        return self._rate.wait(until) and not self.stopping.is_set()

    def _lane(self, events: list[Event], attempt: int, until: float) -> Result:
        result = Result()
        for start in range(0, len(events), self.size):
            if not self.turn(until):
                result.remaining += events[start:]
                break
            chunk = events[start : start + self.size]
            self._call(Batch(chunk, batch_key(chunk), attempt), result)
            if result.error is not None:
                result.remaining += events[start + self.size :]
                break
        return result

    def _call(self, batch: Batch, result: Result) -> None:
        began, at = time.perf_counter(), int(time.time() * 1000)
        outcome, error = "delivered", None
        try:
            with self._turns:
                outcomes = _checked(self.destination.send(batch), batch)
        except Reject as refused:
            outcome, error = "rejected", str(refused)
            result.dead += [(event, str(refused)) for event in batch.events]
        except (Retry, Stop) as whole:
            outcome = "retry" if isinstance(whole, Retry) else "stopped"
            error = str(whole)
            _fail(result, batch, whole)
        except BaseException as unforeseen:
            found = failure(self.destination.key, "send", unforeseen)
            outcome, error = "retry", found.error
            result.failures.append(found)
            _fail(result, batch, Retry(found.error))
        else:
            for event, fate in zip(batch.events, outcomes, strict=True):
                if fate.kind == "delivered":
                    result.delivered += 1
                elif fate.kind == "retry":
                    outcome, error = "retry", fate.reason
                    result.later.append((event, fate))
                else:
                    outcome, error = "rejected", fate.reason
                    result.dead.append((event, fate.reason))
        elapsed = (time.perf_counter() - began) * 1000
        exchanges = self.destination.http.take_exchanges()
        result.calls += log_calls(self.id, batch, exchanges, outcome, error, at, elapsed)


def _fail(result: Result, batch: Batch, error: Retry | Stop) -> None:
    result.remaining += batch.events
    result.failed += batch.events
    result.error = error


def spread(events: Iterable[Event], count: int) -> list[list[Event]]:
    """Events in at most ``count`` lanes of about the same length; a person has one lane."""
    people: dict[int, list[Event]] = {}
    for event in events:
        people.setdefault(event.person, []).append(event)
    lanes: list[list[Event]] = [[] for _ in range(count)]
    for mine in sorted(people.values(), key=len, reverse=True):
        min(lanes, key=len).extend(mine)
    return [lane for lane in lanes if lane]


def _checked(outcomes: Any, batch: Batch) -> list[Outcome]:
    if outcomes is None:
        return [Outcome.delivered()] * len(batch.events)
    if (
        not isinstance(outcomes, list)
        or len(outcomes) != len(batch.events)
        or not all(isinstance(item, Outcome) for item in outcomes)
    ):
        raise TypeError(f"send must return None or a list of {len(batch.events)} outcomes")
    return outcomes


def batch_key(events: list[Event]) -> str:
    """A key that is the same whenever the same events are sent together."""
    if len(events) == 1:
        return events[0].key
    text = "\n".join(event.key for event in events)
    return "batch-" + blake2b(text.encode(), digest_size=16).hexdigest()
