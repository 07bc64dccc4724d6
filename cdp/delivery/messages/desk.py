"""The transaction between two hands: note what became of the last, claim the next (law 6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from cdp.delivery.backoff import pause_s
from cdp.delivery.messages import tell
from cdp.delivery.messages.checks import Checks
from cdp.delivery.messages.compose import Prepared, Problem
from cdp.delivery.messages.handing import Handed
from cdp.delivery.messages.providers import Provider, Providers
from cdp.messaging.outcome import Outcome, settle
from cdp.messaging.request import Flag
from cdp.store.destinations import streams as delivery
from cdp.store.destinations.plugin_errors import record_failures
from cdp.store.messages import claims as rows
from cdp.store.messages import copies, followups, preferences
from cdp.store.messages.claims import Change, Claim
from cdp.store.messages.deliveries import Delivery

#: How long a claim holds; a call takes much less.
CLAIM_MS = 300_000
#: When to look again where no provider is set up.
NOBODY_MS = 60_000


_OPEN = frozenset({"waiting", "held"})


class Flight(NamedTuple):
    """Messages that were handed to a provider in one call, and the account of it."""

    items: Sequence[Prepared]
    provider: Provider
    handed: Handed


class Desk:
    """Decides in one transaction at a time; knows no threads and makes no calls."""

    def __init__(
        self, channel: str, providers: Providers, checks: Checks, most_ms: int, withheld: int
    ) -> None:
        self._channel, self._providers = channel, providers
        self._checks, self._most_ms = checks, most_ms
        self._crowds = tell.Crowds(withheld)

    def begin(self, tx: Connection, flights: Sequence[Flight], claims: bool) -> None:
        """Take the turn that ``tx`` needs, before it writes anything.

        Who writes first and asks then may be waited for by the one whose turn it is.
        """
        receipts = [r for flight in flights for r in flight.handed.receipts if r is not None]
        if any(r.gone or (r.kind == "bounced" and r.hard) for r in receipts):
            preferences.change_turn(tx)
        elif claims:
            preferences.claim_turn(tx)

    def claim(
        self, tx: Connection, hand: Sequence[tuple[Prepared, Provider | None]], now: int
    ) -> list[tuple[Prepared, Provider]]:
        """The last check, and those that may go: what they become is known before they go.

        `begin` has taken the turn that this needs.
        """
        if not hand:
            return []
        verdicts = self._checks.verdicts(tx, [item for item, _ in hand], now)
        disagreeing = self._checks.disagreeing(
            tx, [(item, provider.destination) for item, provider in hand if provider is not None]
        )
        changes: list[Change] = []
        ended: list[tell.Ended] = []
        deferred: list[Change] = []
        going: list[tuple[Prepared, Provider]] = []
        for (item, provider), verdict in zip(hand, verdicts, strict=True):
            row = item.delivery
            until = verdict.until if verdict is not None else None
            change = None
            if verdict is not None and until is None:
                change = _withheld(row, verdict.reason, now)
            elif verdict is not None and until is not None:
                deferred.append(Change(row.id, "waiting", until, verdict.reason, row.destination))
            elif row.id in disagreeing:
                change = _withheld(row, disagreeing[row.id], now)
            elif provider is None:
                change = self._later(row, now)
            else:
                going.append((item, provider))
            if change is not None:
                changes.append(change)
                ended.append(_ended(item, change))
        rows.withhold(tx, changes, now)
        tell.endings(tx, ended, now, self._crowds)
        _followed(tx, changes, now)
        rows.defer(tx, deferred, now)
        claims = [
            Claim(item.delivery.id, provider.destination.id, item.recipient, item.version)
            for item, provider in going
        ]
        ours = rows.claim(tx, claims, now, now + CLAIM_MS)
        going = [(item, provider) for item, provider in going if item.delivery.id in ours]
        kept = {
            item.delivery.id: item.content
            for item, _ in going
            # What waits here for its person is no copy: it is the message.
            if not item.delivery.flags & Flag.NO_COPY or item.delivery.channel == "in_app"
        }
        copies.keep(tx, kept, now)
        return going

    def record(self, tx: Connection, flights: Sequence[Flight], now: int) -> None:
        """What became of messages that were handed over, and all that follows from it."""
        changes, told, calls = [], [], []
        for flight in flights:
            destination = flight.provider.destination
            for item, receipt in zip(flight.items, flight.handed.receipts, strict=True):
                row = item.delivery
                if receipt is None:  # it surely never left
                    outcome = Outcome("waiting", now, row.reason, row.destination is not None)
                else:
                    outcome = settle(
                        receipt,
                        doubtful=row.destination is not None,
                        repeats=flight.provider.repeats,
                        pause_ms=int(pause_s(row.attempts + 1, receipt.after) * 1000),
                        now=now,
                        since=row.scheduled_at,
                        most_ms=self._most_ms,
                    )
                    told.append(tell.Told(item, destination, receipt, outcome.state))
                bound = outcome.same_provider or outcome.state != "waiting"
                changes.append(
                    Change(
                        row.id,
                        outcome.state,
                        outcome.due_at or now,
                        outcome.reason,
                        destination.id if bound else None,
                        (receipt.provider_id or None) if receipt is not None else None,
                        now if outcome.state == "sent" else None,
                    )
                )
            calls += flight.handed.calls
            if flight.handed.failures:
                record_failures(tx, flight.handed.failures, now)
        delivery.add_calls(tx, calls)
        rows.record(tx, changes, now)
        _followed(tx, changes, now)
        tell.receipts(tx, told, now)

    def give_up(self, tx: Connection, problems: Sequence[Problem], now: int) -> None:
        """Note of which deliveries no message can be made."""
        changes = [
            _withheld(p.delivery, p.reason, now)
            if p.state == "undeliverable"
            else Change(p.delivery.id, p.state, now, p.reason, None)
            for p in problems
        ]
        rows.withhold(tx, changes, now)
        tell.endings(tx, list(map(_ended, problems, changes)), now, self._crowds)
        _followed(tx, changes, now)

    def give_back(self, tx: Connection, items: Sequence[Prepared], now: int) -> None:
        """Let go of what was leased and not claimed."""
        changes = [
            Change(
                item.delivery.id, "waiting", now, item.delivery.reason, item.delivery.destination
            )
            for item in items
        ]
        rows.withhold(tx, changes, now)

    def _later(self, row: Delivery, now: int) -> Change:
        """Nobody can take it just now: it waits, and says why."""
        known = self._providers.of(self._channel)
        if now - row.scheduled_at > self._most_ms:
            state = "held" if row.destination is not None else "failed"
            return Change(
                row.id, state, now, f"no_provider: given up ({row.reason})"[:1000], row.destination
            )
        rests = [self._providers.rest_s(item) for item in known]
        wait = int(min(rests) * 1000) + 50 if rests else NOBODY_MS
        text = f"no_provider: none for {self._channel} is set up"
        if rests:
            said = "; ".join(filter(None, map(self._providers.why, known)))
            text = f"no_provider: none can be reached just now ({said})"[:1000]
        return Change(row.id, "waiting", now + wait, text, row.destination)


def _ended(item: Prepared | Problem, change: Change) -> tell.Ended:
    recipient = item.recipient if isinstance(item, Prepared) else None
    return tell.Ended(
        item.delivery, change.state, change.reason, item.public, recipient or None, item.names
    )


def _followed(tx: Connection, changes: Sequence[Change], now: int) -> None:
    """What other channels are to follow with is looked at once the end is known."""
    followups.wake(tx, [item.id for item in changes if item.state not in _OPEN], now)


def _withheld(row: Delivery, reason: str, now: int) -> Change:
    """It must not go; what a provider may have already is nobody's to call undelivered."""
    if row.destination is None:
        return Change(row.id, "undeliverable", now, reason, None)
    return Change(row.id, "held", now, f"unknown: not repeated ({reason})", row.destination)
