"""What providers and people's clients tell of messages later: once each, in any order."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

from sqlalchemy import Connection

from cdp.delivery.messages import choices
from cdp.delivery.messages.tell import event_for
from cdp.messaging.choices import scope_of_words
from cdp.messaging.names import delivery_name, delivery_number
from cdp.messaging.request import Flag
from cdp.plugin import Report
from cdp.store import Store
from cdp.store.config_rows import Destination
from cdp.store.journeys import decisions as journey_decisions
from cdp.store.messages import addressees, deliveries, emissions, followups, link_keys, preferences
from cdp.store.messages import reports as rows
from cdp.store.messages.deliveries import Delivery
from cdp.store.profiles import people
from cdp.store.tables import USERS

#: Which of a delivery's times a report sets, the first time it is told of.
_TIMES = {
    "delivered": "delivered_at",
    "opened": "opened_at",
    "clicked": "clicked_at",
    "bounced": "bounced_at",
    "complained": "complained_at",
    "unsubscribed": "unsubscribed_at",
}
#: By which type of identifier a recipient is found.
_TYPES = {**preferences.IDENTIFIERS, "in_app": "user_id"}


#: Reports that change what may be sent to whom.
_CLOSING = frozenset({"bounced", "complained", "unsubscribed", "subscribed"})
#: Reports that may make a journey pause itself.
_WRONG = frozenset({"bounced", "complained", "unsubscribed", "dropped", "failed"})


class Teller(NamedTuple):
    """Who tells: a destination's number and source."""

    id: int
    source_id: int | None


#: Our own pages.
OURSELVES = Teller(0, None)


def record_reports(
    store: Store, destination: Destination, channel: str, found: Sequence[Report], now: int
) -> int:
    """Take reports about messages of ``destination`` in; how many were new.

    What was told before changes nothing, and so does what is about no message and nobody
    that we know, though it is kept. An opt-out has committed when this returns (law 6).
    """
    if not found:
        return 0
    with store.write() as tx:
        return take_reports(tx, Teller(destination.id, destination.source_id), channel, found, now)


def take_reports(
    tx: Connection, teller: Teller, channel: str, found: Sequence[Report], now: int
) -> int:
    """`record_reports` within a transaction."""
    if any(report.kind in _CLOSING for report in found):
        preferences.change_turn(tx)
    keys = link_keys.load(tx)
    new = 0
    for report in found:
        row = _delivery(tx, keys, teller.id, report)
        if rows.add(tx, row.id if row else None, teller.id, report, now):
            new += 1
            _apply(tx, keys, teller, row.channel if row else channel, report, row, now)
    return new


def _delivery(
    tx: Connection, keys: Sequence[str], destination: int, report: Report
) -> Delivery | None:
    if report.delivery:
        number = delivery_number(keys, report.delivery)
        found = deliveries.get(tx, number) if number is not None else None
        if found is not None:
            return found
    if report.provider_id:
        return deliveries.by_provider(tx, destination, report.provider_id)
    return None


def _apply(
    tx: Connection,
    keys: Sequence[str],
    teller: Teller,
    channel: str,
    report: Report,
    row: Delivery | None,
    now: int,
) -> None:
    kind = report.kind
    address = report.recipient or (row.recipient if row is not None else None) or ""
    number = row.id if row is not None else None
    if row is not None:
        if (column := _TIMES.get(kind)) is not None and not report.machine:
            deliveries.first_time(tx, column, [row.id], min(report.at, now))
            if kind == "clicked":  # it was open, though its pixel may never have been fetched
                deliveries.first_time(tx, "opened_at", [row.id], min(report.at, now))
        _move(tx, row, report, now)
        if row.origin == "journey" and kind in _WRONG:
            journey_decisions.judge_soon(tx, [row.origin_key], now)
    if address and ((kind == "bounced" and report.hard) or kind == "complained"):
        reason = "bounce" if kind == "bounced" else "complaint"
        preferences.suppress_address(
            tx, channel, address, reason, now, detail=report.reason or None, delivery=number
        )
    node = row.node if row is not None else _node(tx, channel, address)
    if kind in ("unsubscribed", "subscribed"):
        _chosen(tx, channel, kind == "subscribed", row, node, address, now)
    if node is None or (row is not None and row.flags & Flag.TEST):
        return
    person = addressees.load(tx, [node]).get(node)
    if person is None:
        return
    known = row if row is not None else deliveries.nothing(channel, node)
    public = delivery_name(keys, known.id) if known.id else ""
    ref = blake2b(f"{teller.id}:{report.id}".encode(), digest_size=8).hexdigest()
    detail: dict[str, Any] = {**report.detail, "reason": report.reason, "hard": report.hard,
                              "machine": report.machine}  # fmt: skip
    event = event_for(kind, known, public, address or None, report.at, ref, person.names, detail)
    if event is not None:
        emissions.add(tx, [(node, teller.source_id or 0, event)], now)


def _chosen(
    tx: Connection,
    channel: str,
    wanted: bool,
    row: Delivery | None,
    node: int | None,
    address: str,
    now: int,
) -> None:
    """An opt-out or opt-in that was told to a provider; of nobody that we know, by address."""
    if node is not None:
        scope = scope_of_words(channel, row.topic if row is not None else None)
        choices.choose(tx, node, {scope: wanted}, now, "report", row)
    # A word by text message ends all of them, what one has just asked for included: carriers
    # insist on it.
    if address and not wanted and (node is None or channel == "sms"):
        choices.refuse_address(tx, channel, address, now, row.id if row is not None else None)
    if address and wanted:
        preferences.lift(tx, channel, address)


def _move(tx: Connection, row: Delivery, report: Report, now: int) -> None:
    """A report can settle what a receipt left open, and a late bounce undoes a send."""
    states = {"bounced": "bounced", "dropped": "failed", "failed": "failed"}
    state = states.get(report.kind, "sent" if report.kind in ("sent", "delivered") else None)
    if state is None:
        return
    if state == "sent" and row.state not in ("held", "sending"):
        return
    followups.wake(tx, [row.id], now)
    deliveries.told(tx, row.id, state, report.reason[:1000] or None, report.at, now)


def _node(tx: Connection, channel: str, address: str) -> int | None:
    type_ = _TYPES.get(channel)
    if not address or type_ is None:
        return None
    profile = people.resolve(tx, USERS, type_, preferences.plain(channel, address))
    return addressees.node_of(tx, profile.id) if profile is not None else None
