"""Taking what people choose to get: kept, told in the log, held by the last check at once.

All ways lead through here: pages, one-click, words in text messages, APIs, the console.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from cdp.delivery.messages.tell import event_for
from cdp.messaging.choices import call_of, traits_of
from cdp.messaging.names import delivery_name
from cdp.messaging.standing import ALL, Wish
from cdp.store import meta
from cdp.store.journeys import decisions as journey_decisions
from cdp.store.messages import addressees, deliveries, emissions, link_keys, preferences
from cdp.store.messages.addressees import Addressee
from cdp.store.messages.deliveries import Delivery

#: The source of what we say ourselves: the first that there is.
_OURS = 0


def choose(
    tx: Connection,
    node: int,
    wishes: Mapping[str, bool],
    now: int,
    cause: str,
    delivery: Delivery | None = None,
) -> dict[str, Wish]:
    """Keep what a person chose, and let events tell of it; what was not so before, by scope.

    ``cause`` is a word of `cdp.store.tables.preferences`; ``delivery`` the message that led
    to it. When the transaction of ``tx`` has committed, nothing unwanted is claimed any more.
    """
    number = delivery.id if delivery is not None and delivery.id else None
    new = preferences.put(tx, node, wishes, now, cause, number)
    if not new:
        return new
    person = addressees.load(tx, [node]).get(node)
    if person is None:
        return new
    public = delivery_name(link_keys.ensure(tx), number) if number is not None else ""
    first = meta.take_numbers(tx, "choice", len(new))
    events: list[dict[str, Any] | None] = []
    for own, (scope, wish) in enumerate(new.items(), first):
        names = person.names
        events.append(call_of(scope, wish.wanted, wish.at, own, names, cause, public))
        if scope == ALL:
            events.append(traits_of(wish.wanted, wish.at, own, names))
            if wish.wanted:
                _lift(tx, person)
    emissions.add(tx, [(node, _OURS, event) for event in events if event is not None], now)
    return new


def attribute(tx: Connection, delivery: Delivery, scope: str, now: int) -> None:
    """Note that a message led to an opt-out, and let ``Unsubscribed`` tell of it."""
    deliveries.first_time(tx, "unsubscribed_at", [delivery.id], now)
    if delivery.origin == "journey":
        journey_decisions.judge_soon(tx, [delivery.origin_key], now)
    person = addressees.load(tx, [delivery.node]).get(delivery.node) if delivery.node else None
    if person is None:
        return
    public = delivery_name(link_keys.ensure(tx), delivery.id)
    listed = {"list_id": scope.removeprefix("topic:")} if scope.startswith("topic:") else {}
    event = event_for(
        "unsubscribed", delivery, public, delivery.recipient, now, f"{scope}:{now}",
        person.names, listed,
    )  # fmt: skip
    if event is not None:
        emissions.add(tx, [(delivery.node, _OURS, event)], now)


def refuse_address(
    tx: Connection, channel: str, address: str, now: int, delivery: int | None
) -> None:
    """Nobody that we know wants no messages at an address of theirs."""
    preferences.suppress_address(tx, channel, address, "unsubscribed", now, delivery=delivery)


def _lift(tx: Connection, person: Addressee) -> None:
    for channel in ("email", "sms"):
        address = person.address(channel)
        if address is not None:
            preferences.lift(tx, channel, address)
