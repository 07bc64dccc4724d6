"""What follows from a receipt: events for the log, addresses that are no good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from cdp.delivery.messages.compose import Prepared
from cdp.messaging.request import Flag
from cdp.messaging.told import event_of
from cdp.plugin import Receipt, Report
from cdp.store import deliveries, emissions, preferences, reports
from cdp.store.config_rows import Destination
from cdp.store.deliveries import Delivery


class Told(NamedTuple):
    """A receipt, whose message it is for, and who gave it."""

    prepared: Prepared
    destination: Destination
    receipt: Receipt


def receipts(tx: Connection, told: Sequence[Told], now: int) -> None:
    """Write what receipts bring about, beside what they make of their deliveries."""
    events: list[tuple[int | None, int, dict[str, Any]]] = []
    bounced: list[int] = []
    for item in told:
        row, receipt = item.prepared.delivery, item.receipt
        for token in receipt.gone:
            preferences.suppress_address(tx, "push", token, "gone", now, delivery=row.id)
        if receipt.response:  # what it was answered with, as a thing that was told
            answer = Report(
                "answered", f"answer:{row.id}:{row.attempts}", now, detail=receipt.response
            )
            reports.add(tx, row.id, item.destination.id, answer, now)
        if receipt.kind == "bounced":
            bounced.append(row.id)
            for address in item.prepared.addresses if receipt.hard else ():
                preferences.suppress_address(
                    tx, row.channel, address, "bounce", now, detail=receipt.reason, delivery=row.id
                )
        if receipt.kind in ("sent", "bounced") and not row.flags & Flag.TEST:
            source = item.destination.source_id or 0
            detail = {"reason": receipt.reason, "hard": receipt.hard}
            event = event_for(
                receipt.kind, row, item.prepared.public, item.prepared.recipient, now, "receipt",
                item.prepared.names, detail, getattr(item.prepared.content, "subject", None),
            )  # fmt: skip
            if event is not None:
                events.append((row.node, source, event))
    deliveries.first_time(tx, "bounced_at", bounced, now)
    emissions.add(tx, events, now)


def event_for(
    kind: str,
    row: Delivery,
    public: str,
    recipient: str | None,
    at: int,
    ref: str,
    names: Mapping[str, str],
    detail: Mapping[str, Any],
    subject: str | None = None,
) -> dict[str, Any] | None:
    """The event that tells of something that happened to a delivery; None if there is none."""
    about = {
        "id": public,
        "template": row.template,
        "origin": row.origin,
        "origin_key": row.origin_key,
        "recipient": recipient,
        "subject": subject,
    }
    return event_of(kind, row.channel, about, at, ref, names, detail)
