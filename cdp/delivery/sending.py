"""Handing events to a destination: lanes, outcomes, and what is logged of it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import msgspec

from cdp.delivery.backoff import RateLimit
from cdp.plugin import Batch, Destination, Event, Exchange, Outcome, Reject, Retry, Stop
from cdp.plugin.manager import Failure, failure
from cdp.store.delivery import Call

_encode = msgspec.json.Encoder().encode


@dataclass
class Result:
    """What became of some events.

    ``later`` are to be tried again on their own, ``dead`` never; ``remaining`` were
    not taken because a call failed as a whole, for the reason ``error``.
    """

    delivered: int = 0
    later: list[tuple[Event, Outcome]] = field(default_factory=list)
    dead: list[tuple[Event, str]] = field(default_factory=list)
    remaining: list[Event] = field(default_factory=list)
    error: Retry | Stop | None = None
    calls: list[Call] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def add(self, other: Result) -> None:
        """Take in what another lane did; a `Stop` weighs more than a `Retry`."""
        self.delivered += other.delivered
        self.later += other.later
        self.dead += other.dead
        self.remaining += other.remaining
        self.calls += other.calls
        self.failures += other.failures
        if other.error is not None and not isinstance(self.error, Stop):
            if isinstance(self.error, Retry) and isinstance(other.error, Retry):
                longest = max(self.error.after or 0.0, other.error.after or 0.0)
                self.error = Retry(str(other.error), longest or None)
            else:
                self.error = other.error


class Sender:
    """One destination's object, its lanes and its rate."""

    def __init__(self, id_: int, destination: Destination) -> None:
        self.id, self.destination = id_, destination
        #: Set it to end the lanes after the call in flight.
        self.stopping = threading.Event()
        self._lanes = max(1, destination.concurrency) if destination.batch_size == 1 else 1
        self._rate = RateLimit(destination.rate_limit, sleep=self.stopping.wait)
        self._pool = ThreadPoolExecutor(self._lanes, thread_name_prefix=f"lane-{id_}")
        self._opened = False

    def send(self, events: list[Event], attempt: int) -> Result:
        """Hand ``events`` over; those of one person stay in order, in one lane."""
        if not self._opened:
            self.destination.open()
            self._opened = True
        if self._lanes == 1 or len(events) == 1:
            return self._lane(events, attempt)
        total = Result()
        lanes = spread(events, self._lanes)
        for result in self._pool.map(lambda lane: self._lane(lane, attempt), lanes):
            total.add(result)
        total.remaining.sort(key=lambda event: event.seq)
        return total

    def close(self) -> None:
        """Wait for the lanes and close the destination."""
        self._pool.shutdown(wait=True)
        if self._opened:
            self.destination.close()

    def _lane(self, events: list[Event], attempt: int) -> Result:
        result = Result()
        size = max(1, self.destination.batch_size)
        for start in range(0, len(events), size):
            if self.stopping.is_set():
                result.remaining += events[start:]
                result.error = result.error or Retry("delivery is stopping")
                break
            self._rate.wait()
            chunk = events[start : start + size]
            self._call(Batch(chunk, batch_key(chunk), attempt), result)
            if result.error is not None:
                result.remaining += events[start + size :]
                break
        return result

    def _call(self, batch: Batch, result: Result) -> None:
        began, at = time.perf_counter(), int(time.time() * 1000)
        outcome, error = "delivered", None
        try:
            outcomes = _checked(self.destination.send(batch), batch)
        except Reject as refused:
            outcome, error = "rejected", str(refused)
            result.dead += [(event, str(refused)) for event in batch.events]
        except (Retry, Stop) as whole:
            outcome = "retry" if isinstance(whole, Retry) else "stopped"
            error = str(whole)
            result.remaining += batch.events
            result.error = whole
        except BaseException as unforeseen:
            found = failure(self.destination.key, "send", unforeseen)
            outcome, error = "retry", found.error
            result.failures.append(found)
            result.remaining += batch.events
            result.error = Retry(found.error)
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
        self._log(batch, outcome, error, at, elapsed, result)

    def _log(
        self, batch: Batch, outcome: str, error: str | None, at: int, elapsed: float, result: Result
    ) -> None:
        exchanges = self.destination.http.take_exchanges()
        one_each = len(exchanges) == len(batch.events)
        for index, exchange in enumerate(exchanges or [None]):
            key = batch.events[index].key if one_each else batch.key
            result.calls.append(
                Call(
                    self.id,
                    exchange.at if exchange else at,
                    round(exchange.duration_ms if exchange else elapsed, 3),
                    _outcome_of(exchange, outcome) if one_each else outcome,
                    exchange.status if exchange else None,
                    1 if one_each else len(batch.events),
                    batch.attempt,
                    key,
                    (exchange.error if exchange and exchange.error else error),
                    _pack(exchange),
                )
            )


def spread(events: list[Event], count: int) -> list[list[Event]]:
    """Events in at most ``count`` lanes of about the same length; a person has one lane."""
    people: dict[int, list[Event]] = {}
    for event in events:
        people.setdefault(event.person, []).append(event)
    lanes: list[list[Event]] = [[] for _ in range(count)]
    for mine in sorted(people.values(), key=len, reverse=True):
        min(lanes, key=len).extend(mine)
    return [lane for lane in lanes if lane]


def _outcome_of(exchange: Exchange | None, outcome: str) -> str:
    taken = exchange is not None and exchange.status is not None and exchange.status < 300
    return "delivered" if taken else outcome


def _pack(exchange: Exchange | None) -> bytes | None:
    if exchange is None:
        return None
    request = {
        "method": exchange.method,
        "url": exchange.url,
        "headers": exchange.request_headers,
        "body": exchange.request_body,
    }
    response = {
        "status": exchange.status,
        "headers": exchange.response_headers,
        "body": exchange.response_body,
    }
    return _encode({"request": request, "response": response, "error": exchange.error})


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
