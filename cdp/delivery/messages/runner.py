"""Moving the deliveries of one channel, round after round (law 6).

A round leases what is due and renders it; then, some at a time, one transaction notes
what became of the messages before and claims the next: they are handed over only if that
commits. So what nobody knows the end of, after a crash, is never more than one hand.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import structlog
from sqlalchemy import Connection

from cdp.delivery.backoff import pause_s
from cdp.delivery.messages import tell
from cdp.delivery.messages.checks import Checks
from cdp.delivery.messages.compose import Composer, Prepared, Problem
from cdp.delivery.messages.handing import Handed, hand_over
from cdp.delivery.messages.providers import Provider, Providers
from cdp.messaging.outcome import Outcome, settle
from cdp.messaging.request import Flag
from cdp.plugin import Outgoing, Receipt
from cdp.store import Store, deliveries, delivery, preferences
from cdp.store.deliveries import Change, Claim, Delivery
from cdp.store.plugin_errors import record_failures

logger = structlog.get_logger(__name__)

#: How long a lease and a claim hold; a round, and a call, take much less.
LEASE_MS, CLAIM_MS = 120_000, 300_000
#: Deliveries in a round, and messages in a hand at most, for each lane of a provider.
ROUND, A_LANE = 500, 4
#: Seconds after which a hand begins no more calls.
HAND_S = 20.0
#: When to look again where no provider is set up, or none is well.
NOBODY_MS = 60_000


class Flight(NamedTuple):
    """A message that was handed over, with the provider that got it."""

    prepared: Prepared
    provider: Provider
    attempt: int
    receipt: Receipt | None


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
    ) -> None:
        self._store, self._channel, self._providers = store, channel, providers
        self._composer, self._checks, self._clock = composer, checks, clock
        self._most_ms = int(retry_hours * 3_600_000)
        #: Set it to begin no more hands.
        self.stopping = threading.Event()

    def step(self) -> int:
        """One round; how many deliveries were moved."""
        now = self._now()
        with self._store.read() as tx:
            if not deliveries.has_due(tx, self._channel, now):
                return 0
        with self._store.write() as tx:
            found = deliveries.lease(tx, self._channel, now, now + LEASE_MS, ROUND)
        if not found:
            return 0
        composed = self._composer.compose(found, now)
        problems = [item for item in composed if isinstance(item, Problem)]
        ready = [item for item in composed if isinstance(item, Prepared)]
        flights: list[Flight] = []
        handed: list[Handed] = []
        while True:
            hand, ready = self._next(ready)
            with self._store.write() as tx:
                self._record(tx, flights, handed, self._now())
                if problems:
                    self._give_up(tx, problems, self._now())
                claimed = self._claim(tx, hand, self._now()) if hand else []
            problems = []
            if not claimed and not ready:
                return len(found)
            flights, handed = self._fly(claimed)

    # -- choosing ---------------------------------------------------------------------

    def _next(
        self, ready: list[Prepared]
    ) -> tuple[list[tuple[Prepared, Provider | None]], list[Prepared]]:
        """The next hand, each with who is to get it; and what remains."""
        if not ready or self.stopping.is_set():
            # What was leased and not claimed is given back at once.
            return [(item, None) for item in ready], []
        known = self._providers.of(self._channel)
        well = [item for item in known if self._providers.rest_s(item) == 0]
        size = max((item.sender.concurrency * item.sender.size for item in well), default=1)
        some, rest = ready[: size * A_LANE], ready[size * A_LANE :]
        hand: list[tuple[Prepared, Provider | None]] = []
        for item in some:
            bound = item.delivery.destination
            if bound is not None:  # it may have it already: nobody else may get it
                found = self._providers.by_id(bound)
                hand.append((item, found if found in well else None))
            else:
                hand.append((item, self._providers.pick(known)))
        return hand, rest

    # -- in the transaction -------------------------------------------------------------

    def _claim(
        self, tx: Connection, hand: Sequence[tuple[Prepared, Provider | None]], now: int
    ) -> list[tuple[Prepared, Provider]]:
        """The last check, and those that may go: what they become is known before they go."""
        preferences.claim_turn(tx)
        verdicts = self._checks.verdicts(tx, [item for item, _ in hand], now)
        changes: list[Change] = []
        deferred: list[Change] = []
        going: list[tuple[Prepared, Provider]] = []
        for (item, provider), verdict in zip(hand, verdicts, strict=True):
            row = item.delivery
            until = verdict.until if verdict is not None else None
            if verdict is not None and until is None:
                changes.append(Change(row.id, "undeliverable", now, verdict.reason, None))
            elif verdict is not None and until is not None:
                deferred.append(Change(row.id, "waiting", until, verdict.reason, row.destination))
            elif provider is None:
                changes.append(self._later(row, now))
            else:
                going.append((item, provider))
        deliveries.withhold(tx, changes, now)
        deliveries.defer(tx, deferred, now)
        claims = [
            Claim(item.delivery.id, provider.destination.id, item.recipient, item.version)
            for item, provider in going
        ]
        ours = deliveries.claim(tx, claims, now, now + CLAIM_MS)
        going = [(item, provider) for item, provider in going if item.delivery.id in ours]
        kept = {
            item.delivery.id: item.content
            for item, _ in going
            if not item.delivery.flags & Flag.NO_COPY
        }
        deliveries.keep_contents(tx, kept, now)
        return going

    def _later(self, row: Delivery, now: int) -> Change:
        """Nobody can take it just now: it waits, and says why."""
        if self.stopping.is_set():
            return Change(row.id, "waiting", now, row.reason, row.destination)
        known = self._providers.of(self._channel)
        if now - row.scheduled_at > self._most_ms:
            state = "held" if row.destination is not None else "failed"
            return Change(row.id, state, now, "no_provider: given up", row.destination)
        rests = [self._providers.rest_s(item) for item in known]
        wait = int(min(rests) * 1000) + 50 if rests else NOBODY_MS
        text = f"no_provider: none for {self._channel} is set up"
        if rests:
            text = "no_provider: none can be reached just now"
        return Change(row.id, "waiting", now + wait, text, row.destination)

    def _give_up(self, tx: Connection, problems: Sequence[Problem], now: int) -> None:
        changes = [Change(p.delivery.id, p.state, now, p.reason, None) for p in problems]
        deliveries.withhold(tx, changes, now)

    def _record(
        self, tx: Connection, flights: Sequence[Flight], handed: Sequence[Handed], now: int
    ) -> None:
        """What became of a hand, and all that follows from it, in one transaction."""
        if not flights:
            return
        changes, told = [], []
        for flight in flights:
            outcome = self._outcome(flight, now)
            row, receipt = flight.prepared.delivery, flight.receipt
            bound = outcome.same_provider or outcome.state != "waiting"
            changes.append(
                Change(
                    row.id,
                    outcome.state,
                    outcome.due_at or now,
                    outcome.reason,
                    flight.provider.destination.id if bound else None,
                    receipt.provider_id or None if receipt is not None else None,
                    now if outcome.state == "sent" else None,
                )
            )
            if receipt is not None:
                told.append(tell.Told(flight.prepared, flight.provider.destination, receipt))
        deliveries.record(tx, changes, now)
        tell.receipts(tx, told, now)
        for part in handed:
            delivery.add_calls(tx, part.calls)
            if part.failures:
                record_failures(tx, part.failures, now)

    def _outcome(self, flight: Flight, now: int) -> Outcome:
        row = flight.prepared.delivery
        if flight.receipt is None:  # it surely never left
            same = row.destination is not None
            return Outcome("waiting", now, row.reason, same)
        after = flight.receipt.after
        return settle(
            flight.receipt,
            repeats=flight.provider.repeats,
            pause_ms=int(pause_s(flight.attempt, after) * 1000),
            now=now,
            since=row.scheduled_at,
            most_ms=self._most_ms,
        )

    # -- between two transactions --------------------------------------------------------

    def _fly(
        self, claimed: Sequence[tuple[Prepared, Provider]]
    ) -> tuple[list[Flight], list[Handed]]:
        flights: list[Flight] = []
        handed: list[Handed] = []
        by_provider: dict[int, list[tuple[Prepared, Provider]]] = {}
        for item, provider in claimed:
            by_provider.setdefault(provider.destination.id, []).append((item, provider))
        for mine in by_provider.values():
            provider = mine[0][1]
            messages = [outgoing(item) for item, _ in mine]
            private = frozenset(
                item.public for item, _ in mine if item.delivery.flags & Flag.NO_COPY
            )
            found = hand_over(provider.sender, messages, HAND_S, private)
            if found.error is not None or any(found.receipts):
                self._providers.told(provider, found.error)
            handed.append(found)
            flights += [
                Flight(item, provider, message.attempt, receipt)
                for (item, _), message, receipt in zip(mine, messages, found.receipts, strict=True)
            ]
        return flights, handed

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


def resolve_lost(store: Store, providers: Providers, before: int, now: int) -> int:
    """Deliveries whose claims ran out, because their process died: repeated, or held.

    Whoever died may have handed them over. How many there were.
    """
    with store.read() as tx:
        if not deliveries.any_lost(tx, before):
            return 0
    with store.write() as tx:
        found = deliveries.lost(tx, before, 500)
        changes = []
        for row in found:
            provider = providers.by_id(row.destination or 0)
            reason = "unknown: the process that handed it over died"
            state = "waiting" if provider is not None and provider.repeats else "held"
            changes.append(Change(row.id, state, now, reason, row.destination))
        deliveries.record(tx, changes, now)
    return len(found)
