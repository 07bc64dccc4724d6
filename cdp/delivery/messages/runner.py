"""Moving the deliveries of one channel (law 6).

What is due is leased and rendered ahead; whenever calls have ended, one transaction notes
what became of them and claims as many as there is room for, and only what it has claimed
is handed over. So a slow call holds up no other, and what nobody knows the end of, after a
crash, is never more than what was in flight.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any

from cdp.delivery.messages.checks import Checks
from cdp.delivery.messages.compose import Composer, Prepared, Problem
from cdp.delivery.messages.desk import Desk, Flight
from cdp.delivery.messages.handing import Handed, hand_over
from cdp.delivery.messages.providers import Provider, Providers
from cdp.messaging.request import Flag
from cdp.plugin import Outgoing
from cdp.store import Store
from cdp.store.messages import claims
from cdp.store.messages.claims import Change

#: How long a lease holds; what is rendered ahead goes much sooner.
LEASE_MS = 120_000
#: Deliveries that are leased at once, and calls that are claimed for each lane of a provider:
#: more where a repeat does no harm, for after a crash nobody knows which of them were made.
LEASED, A_LANE, A_SAFE_LANE = 500, 4, 16
#: Seconds for which a call may wait for its turn under a rate limit, and for which ended
#: calls wait for others, so that one transaction serves many.
TURN_S, GATHER_S = 2.0, 0.005


class MessageRunner:
    """Takes due deliveries of ``channel``, hands them over, notes what became of them."""

    def __init__(
        self,
        store: Store,
        channel: str,
        providers: Providers,
        composer: Composer,
        checks: Checks,
        retry_hours: float,
        clock: Callable[[], float] = time.time,
        withheld_events: int = 10_000,
    ) -> None:
        self._store, self._channel, self._providers = store, channel, providers
        self._composer, self._clock = composer, clock
        most_ms = int(retry_hours * 3_600_000)
        self._desk = Desk(channel, providers, checks, most_ms, withheld_events)
        self._ready: deque[Prepared] = deque()
        self._problems: list[Problem] = []
        self._flying: dict[Future[Handed], tuple[list[Prepared], Provider]] = {}
        #: Set it to claim nothing more.
        self.stopping = threading.Event()

    def step(self, within_s: float = 30.0) -> int:
        """Move what is due, until nothing is or the time is up; how many were moved."""
        until, moved = time.monotonic() + within_s, 0
        while True:
            going_on = time.monotonic() < until and not self.stopping.is_set()
            if going_on and len(self._ready) < LEASED // 2:
                moved += self._lease()
            if not self._ready and not self._problems and not self._flying:
                return moved
            self._exchange(going_on)

    def _lease(self) -> int:
        """Take more of what is due, and render it."""
        now = self._now()
        with self._store.read() as tx:
            if not claims.has_due(tx, self._channel, now):
                return 0
        with self._store.write() as tx:
            found = claims.lease(tx, self._channel, now, now + LEASE_MS, LEASED)
        for item in self._composer.compose(found, now):
            if isinstance(item, Problem):
                self._problems.append(item)
            else:
                self._ready.append(item)
        return len(found)

    def _exchange(self, going_on: bool) -> None:
        """Note what has landed, and let as many go as there is room for."""
        landed = self._landed()
        hand = self._hand() if going_on else []
        back = [] if going_on else list(self._ready)
        if not (landed or hand or back or self._problems):
            return
        with self._store.write() as tx:
            self._desk.begin(tx, landed, bool(hand))
            now = self._now()
            self._desk.record(tx, landed, now)
            self._desk.give_up(tx, self._problems, now)
            self._desk.give_back(tx, back, now)
            claimed = self._desk.claim(tx, hand, now)
        self._problems = []
        if back:
            self._ready.clear()
        for _ in hand:
            self._ready.popleft()
        self._fly(claimed)

    def _landed(self) -> list[Flight]:
        """The calls that have ended; waits for one if there is nothing else to do."""
        if not self._flying:
            return []
        room = self._ready and any(self._room(p) > 0 for p in self._well())
        wait(self._flying, timeout=0 if room else None, return_when=FIRST_COMPLETED)
        if len(self._flying) > 1 and not room:
            time.sleep(GATHER_S)
        landed = []
        for future in [future for future in self._flying if future.done()]:
            items, provider = self._flying.pop(future)
            handed = future.result()
            if handed.error is not None or any(handed.receipts):
                self._providers.told(provider, handed.error)
            landed.append(Flight(items, provider, handed))
        return landed

    # -- who gets what --------------------------------------------------------------------

    def _well(self) -> list[Provider]:
        known = self._providers.of(self._channel)
        return [item for item in known if self._providers.rest_s(item) == 0]

    def _room(self, provider: Provider) -> int:
        """Messages that a provider may be handed now, beside those in flight."""
        size, rate = provider.sender.size, provider.channel.rate_limit
        lane = size * A_SAFE_LANE if provider.repeats else max(size, A_LANE)
        most = provider.sender.concurrency * lane
        if rate is not None:  # what is claimed should go at once
            most = min(most, max(size, int(rate * TURN_S)))
        flying = sum(
            len(items)
            for items, other in self._flying.values()
            if other.destination.id == provider.destination.id
        )
        return most - flying

    def _hand(self) -> list[tuple[Prepared, Provider | None]]:
        """The next to be claimed, from the front of what is ready, each with who is to get it."""
        well = self._well()
        room = {provider.destination.id: self._room(provider) for provider in well}
        hand: list[tuple[Prepared, Provider | None]] = []
        for item in self._ready:
            bound = item.delivery.destination
            # What a provider may have already, nobody else may get.
            able = [p for p in well if bound is None or p.destination.id == bound]
            chosen = self._providers.pick([p for p in able if room[p.destination.id] > 0])
            if chosen is None and able:
                break  # its turn comes when a call has ended
            if chosen is not None:
                room[chosen.destination.id] -= 1
            hand.append((item, chosen))
        return hand

    def _fly(self, claimed: list[tuple[Prepared, Provider]]) -> None:
        """Hand over what was claimed, in calls of the provider's size."""
        by_provider: dict[int, list[tuple[Prepared, Provider]]] = {}
        for item, provider in claimed:
            by_provider.setdefault(provider.destination.id, []).append((item, provider))
        for mine in by_provider.values():
            provider = mine[0][1]
            for start in range(0, len(mine), provider.sender.size):
                items = [item for item, _ in mine[start : start + provider.sender.size]]
                future = provider.sender.singles.submit(self._call, provider, items)
                self._flying[future] = (items, provider)

    def _call(self, provider: Provider, items: list[Prepared]) -> Handed:
        if self.stopping.is_set() or self._providers.rest_s(provider) > 0:
            return Handed([None] * len(items))
        private = frozenset(item.public for item in items if item.delivery.flags & Flag.NO_COPY)
        return hand_over(provider.sender, [outgoing(item) for item in items], TURN_S * 4, private)

    def _now(self) -> int:
        return int(self._clock() * 1000)


def outgoing(item: Prepared) -> Outgoing:
    """A prepared message as channels take it."""
    options: dict[str, Any] = {}
    if item.delivery.request is not None:
        options = item.delivery.data.get("options") or {}
    return Outgoing(
        item.public,
        item.delivery.key,
        item.content,
        item.delivery.attempts + 1,
        item.names,
        options,
    )


def resolve_lost(store: Store, providers: Providers, now: int) -> int:
    """Deliveries whose claims ran out, because their process died: repeated, or held.

    Whoever died may have handed them over. How many there were.
    """
    with store.read() as tx:
        if not claims.any_lost(tx, now):
            return 0
    with store.write() as tx:
        found = claims.lost(tx, now, 500)
        changes = []
        for row in found:
            provider = providers.by_id(row.destination or 0)
            reason = "unknown: the process that handed it over died"
            state = "waiting" if provider is not None and provider.repeats else "held"
            changes.append(Change(row.id, state, now, reason, row.destination))
        claims.record(tx, changes, now)
    return len(found)
