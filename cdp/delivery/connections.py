"""What destinations are told of audiences and computed traits, by the way of all events.

A connection is a stream over the changes of one definition. Filters, consent, rates,
retries and the calls log are those of the destination; only what is read differs.
"""

from __future__ import annotations

import json
import math
import time

import msgspec
from sqlalchemy import Connection

from cdp.audiences.telling import Computation, messages
from cdp.definitions import title_of
from cdp.definitions.sending import sendings
from cdp.delivery.stream import Batch, StreamRunner
from cdp.plugin import Event
from cdp.profiles.consent import permits
from cdp.store import Store, definitions
from cdp.store.destinations import connections
from cdp.store.destinations.connections import AUDIENCE, SHIFT, Channel, Told, Who

#: Changes in one batch.
CHANGES = 500
#: How often all connections are looked at, and not only those of which something changed.
SWEEP_S = 60.0
_IDLE_S = 0.05


class ConnectionRunner(StreamRunner):
    """Tells a destination of one audience or computed trait."""

    @property
    def channel(self) -> Channel:
        """Whom it tells, and of what."""
        found = connections.of_stream(self.name)
        assert found is not None
        return found

    def _end(self, tx: Connection) -> int:
        return connections.end(tx, self.channel.kind)

    def _read_from(self, seq: int, last: int, selection: str | None) -> Batch:
        channel, until = self.channel, json.loads(selection or "0")
        with self._store.read() as tx:
            about = self._about(tx)
            if about is None:
                return Batch([], last, 0)
            # A position may lie between two events of one change.
            end = ((last - 1) >> SHIFT) + 1
            told, reached = connections.changes(tx, channel, seq >> SHIFT, end, until, CHANGES)
            people = connections.whom(tx, told, bool(self._destination.consent_categories))
        events = [
            event
            for item in told
            if item.profile in people
            for event in self._events(about, item, people[item.profile])
            if seq <= event.seq < last
        ]
        wanted = [event for event in events if self._is_wanted(event)]
        return Batch(wanted, min(reached << SHIFT, last), len(events) - len(wanted))

    def _about(self, tx: Connection) -> Computation | None:
        """The definition as it is now; None once it no longer tells this destination."""
        channel = self.channel
        version = definitions.current(tx, channel.kind, channel.key)
        body = (version.body if version is not None else None) or {}
        for sending in sendings(body):
            if sending.destination == self._destination.key:
                return Computation(
                    channel.kind, channel.key, title_of(channel.key, body),
                    body.get("of", "people"), sending.ways, connections.space_id(tx),
                )  # fmt: skip
        return None

    def _events(self, about: Computation, told: Told, who: Who) -> list[Event]:
        value = told.value
        if about.kind == AUDIENCE:
            value = bool(value)
        elif value is not None:
            value = msgspec.json.decode(value)
        name, found = self._destination.name, []
        said = messages(about, told.seq, told.at, value, who.identifiers, name, who.consent)
        for place, body in enumerate(said):
            found.append(
                Event(
                    id=body["messageId"],
                    type=body["type"],
                    name=body.get("event", ""),
                    body=body,
                    key=f"{self._destination.id}-{body['messageId']}",
                    t=told.at,
                    seq=(told.seq << SHIFT) + place,
                    live=bool(told.live),
                    person=told.profile,
                )
            )
        return found

    def _is_wanted(self, event: Event) -> bool:
        return permits(event.body, self._destination.consent_categories) and self._meant(event)

    def _outbox_seq(self, event: Event) -> int:
        return -event.person  # no event of the history: whom it is about, to be found again


class ConnectionsRunner:
    """All connections of one destination, each moved when something changed of its definition."""

    def __init__(self, store: Store, runners: list[ConnectionRunner]) -> None:
        self._store, self._runners = store, runners
        self._ends: dict[str, int] = {}
        self._awake = set(range(len(runners)))
        self._rests: dict[int, float] = {}
        self._swept = time.monotonic()

    def step(self) -> float:
        """Move those that have something to tell; returns the seconds until it wants more."""
        self._wake()
        pause, moment = _IDLE_S, time.monotonic()
        for place in sorted(self._awake):
            if self._rests.get(place, 0.0) > moment:
                continue
            wait = self._runners[place].step(math.inf)
            if wait == math.inf:
                self._awake.discard(place)
            elif wait == 0.0:
                pause = 0.0
            else:
                self._rests[place] = moment + wait
        return pause

    def release(self) -> None:
        """Let another process go on with them."""
        for runner in self._runners:
            runner.release()

    def _wake(self) -> None:
        moment = time.monotonic()
        if moment - self._swept > SWEEP_S:
            self._swept, self._awake = moment, set(range(len(self._runners)))
        with self._store.read() as tx:
            for kind in connections.NUMBERS:
                end = connections.end(tx, kind)
                since = self._ends.get(kind, end)
                self._ends[kind] = end
                if since == end:
                    continue
                keys = connections.changed(tx, kind, since >> SHIFT)
                for place, runner in enumerate(self._runners):
                    if runner.channel.kind == kind and runner.channel.key in keys:
                        self._awake.add(place)
