"""What follows from a receipt: events for the log, addresses that are no good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from cdp.delivery.messages.compose import Prepared
from cdp.messaging.calls import answer
from cdp.messaging.names import delivery_name
from cdp.messaging.request import Flag
from cdp.messaging.saving import call_of, saved, shortened
from cdp.messaging.told import event_of
from cdp.plugin import Receipt, Report
from cdp.store.config_rows import Destination
from cdp.store.journeys import decisions as journey_decisions
from cdp.store.messages import (
    addressees,
    broadcast_figures,
    deliveries,
    emissions,
    inquiries,
    link_keys,
    preferences,
    reports,
)
from cdp.store.messages.deliveries import Delivery
from cdp.store.messages.inquiries import Asked

#: Whose, from which source, and the call.
Emitted = tuple[int | None, int, dict[str, Any]]


class Told(NamedTuple):
    """A receipt, whose message it is for, who gave it, and the state that follows."""

    prepared: Prepared
    destination: Destination
    receipt: Receipt
    state: str


class Ended(NamedTuple):
    """A message that goes no further, or not yet, though nobody was handed it."""

    delivery: Delivery
    state: str
    reason: str | None
    public: str
    recipient: str | None
    names: Mapping[str, str]


#: States that are told as such; what waits for another try was ``attempted``.
_TOLD = {"failed": "failed", "undeliverable": "undeliverable", "waiting": "attempted"}


def receipts(tx: Connection, told: Sequence[Told], now: int) -> None:
    """Write what receipts bring about, beside what they make of their deliveries."""
    events: list[Emitted] = []
    bounced: list[int] = []
    asked: list[Asked] = []
    answers: list[tuple[int | None, int, Report]] = []
    for item in told:
        row, receipt = item.prepared.delivery, item.receipt
        for token in receipt.gone:
            preferences.suppress_address(tx, "push", token, "gone", now, delivery=row.id)
        if receipt.response:  # what it was answered with, as a thing that was told
            answer = Report(
                "answered", f"answer:{row.id}:{row.attempts}", now, detail=receipt.response
            )
            answers.append((row.id, item.destination.id, answer))
            events += _saved(item, now)
        if receipt.ask:
            asked.append(Asked(row.id, item.destination.id, now, dict(receipt.ask)))
        if receipt.kind == "bounced":
            bounced.append(row.id)
            for address in item.prepared.addresses if receipt.hard else ():
                preferences.suppress_address(
                    tx, row.channel, address, "bounce", now, detail=receipt.reason, delivery=row.id
                )
        sure = receipt.kind in ("sent", "bounced")
        kind = receipt.kind if sure else _TOLD.get(item.state)
        if kind == "attempted" and row.attempts:
            kind = None  # it was told of the first try; a provider's bad hour makes many
        if kind is not None and not row.flags & Flag.TEST:
            source = item.destination.source_id or 0
            detail = {"reason": receipt.reason, "hard": receipt.hard}
            if receipt.response:
                detail["response"] = shortened(receipt.response)
            event = event_for(
                kind, row, item.prepared.public, item.prepared.recipient, now,
                "receipt" if sure else str(now), item.prepared.names, detail,
                getattr(item.prepared.content, "subject", None),
            )  # fmt: skip
            if event is not None:
                events.append((row.node, source, event))
        if item.state in ("sent", "failed", "undeliverable"):
            said = (receipt.response, receipt.reason)
            events += _answered(row, item.state == "sent", *said, item.prepared.names, now)
    reports.add_many(tx, answers, now)
    inquiries.add(tx, asked, now)
    deliveries.first_time(tx, "bounced_at", bounced, now)
    emissions.add(tx, events, now)
    wrong = [item for item in told if item.receipt.kind == "bounced" or item.state == "failed"]
    _judged(tx, [item.prepared.delivery for item in wrong], now)


class Crowds:
    """Of the messages of one broadcast that are withheld events tell up to ``most``.

    Each has its reason, and all are counted; an event each of a hundred thousand who can't be
    reached would tell nothing more, and hold up those that matter.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._full: set[str] = set()

    def silent(self, tx: Connection, ended: Sequence[Ended]) -> set[int]:
        """Numbers of deliveries of which no event tells; ``ended`` are written already."""
        found: dict[str, list[int]] = {}
        for item in ended:
            if item.state == "undeliverable" and item.delivery.origin == "broadcast":
                found.setdefault(item.delivery.origin_key, []).append(item.delivery.id)
        silent: set[int] = set()
        for key, ids in found.items():
            if key not in self._full:
                # Those of now are among them.
                n = broadcast_figures.withheld(tx, key, self._most + len(ids) + 1)
                ids = ids[max(0, self._most - (n - len(ids))) :]
                if n > self._most:
                    self._full.add(key)
            silent.update(ids)
        return silent


def endings(tx: Connection, ended: Sequence[Ended], now: int, crowds: Crowds) -> None:
    """Let events tell of what was not handed over, and why."""
    events: list[Emitted] = []
    silent = crowds.silent(tx, ended)
    for item in ended:
        row, kind = item.delivery, _TOLD.get(item.state)
        if item.state in ("failed", "undeliverable"):
            events += _answered(row, False, None, item.reason, item.names, now)
        if kind is None or kind == "attempted" or not item.public or row.flags & Flag.TEST:
            continue
        if row.id in silent:
            continue
        event = event_for(
            kind, row, item.public, item.recipient, now, str(now), item.names,
            {"reason": item.reason},
        )  # fmt: skip
        if event is not None:
            events.append((row.node, 0, event))
    emissions.add(tx, events, now)
    _judged(tx, [item.delivery for item in ended if item.state == "failed"], now)


def _judged(tx: Connection, wrong: Sequence[Delivery], now: int) -> None:
    """Have the journeys looked at whose messages went wrong."""
    keys = {row.origin_key for row in wrong if row.origin == "journey"}
    journey_decisions.judge_soon(tx, keys, now)


def _answered(
    row: Delivery,
    ok: bool,
    response: Mapping[str, Any] | None,
    reason: str | None,
    names: Mapping[str, str],
    now: int,
) -> list[Emitted]:
    """What a journey waits for that made this call."""
    if row.channel != "webhook" or not row.data.get("call"):
        return []
    event = answer(row.data["call"], ok, response, reason, now, names)
    return [(row.node, 0, event)] if event is not None else []


def drafted(tx: Connection, row: Delivery, now: int) -> None:
    """Let an event tell of a message that waits for somebody to send it."""
    person = addressees.load(tx, [row.node]).get(row.node) if row.node is not None else None
    if person is None or row.flags & Flag.TEST:
        return
    public = delivery_name(link_keys.ensure(tx), row.id)
    event = event_for("drafted", row, public, row.recipient, now, "draft", person.names, {})
    if event is not None:
        emissions.add(tx, [(row.node, 0, event)], now)


def _saved(item: Told, now: int) -> list[Emitted]:
    """What of an answer becomes traits, once the call went well."""
    prepared, row = item.prepared, item.prepared.delivery
    if not prepared.saves or item.receipt.kind != "sent" or row.flags & Flag.TEST:
        return []
    traits = saved(prepared.saves, item.receipt.response)
    call = call_of(traits, prepared.public, now, prepared.names)
    return [(row.node, item.destination.source_id or 0, call)] if call is not None else []


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
        "step": row.step,
        "key": row.key,
        "recipient": recipient,
        "subject": subject,
    }
    return event_of(kind, row.channel, about, at, ref, names, detail)
