"""Handing messages to a channel, in lanes, with an exact account of each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cdp.delivery.calls import pack_exchange
from cdp.delivery.sending import Sender
from cdp.plugin import Exchange, Outgoing, Receipt, Reject, Retry, Stop, Unanswered
from cdp.plugin.manager import Failure, failure
from cdp.store.destinations.streams import Call

_OUTCOMES = {"sent": "delivered", "retry": "retry", "unknown": "retry"}


@dataclass
class Handed:
    """What became of some messages: a receipt each, None for those that surely never left.

    ``error`` says why the provider as a whole took none of a call.
    """

    receipts: list[Receipt | None]
    error: Retry | Stop | None = None
    calls: list[Call] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


def hand_over(
    sender: Sender,
    messages: Sequence[Outgoing],
    within_s: float,
    private: frozenset[str] = frozenset(),
) -> Handed:
    """Hand ``messages`` to the channel of ``sender``, in one call.

    The call doesn't begin if its turn comes after ``within_s`` seconds. The log of calls
    shows nothing of messages whose ids are ``private``.
    """
    found = Handed([None] * len(messages))
    unopened = sender.open()
    if unopened is not None:
        found.error, found.failures = unopened.error, unopened.failures
        return found
    until = time.monotonic() + within_s
    if not all(sender.turn(until) for _ in messages):  # the limit counts messages
        return found
    return _call(sender, messages, private)


def _call(sender: Sender, messages: Sequence[Outgoing], private: frozenset[str]) -> Handed:
    channel: Any = sender.destination
    began, at = time.perf_counter(), int(time.time() * 1000)
    found = Handed([None] * len(messages))
    text: str | None = None
    try:
        found.receipts = _checked(channel.deliver(list(messages)), len(messages))
    except Unanswered as lost:
        text = str(lost)
        found.receipts = [Receipt.unknown(text)] * len(messages)
    except Reject as refused:
        text = str(refused)
        found.receipts = [Receipt.failed(text)] * len(messages)
    except (Retry, Stop) as whole:
        text, found.error = str(whole), whole
    except BaseException as unforeseen:
        failed = failure(channel.key, "deliver", unforeseen)
        text = failed.error
        found.failures.append(failed)
        found.receipts = [Receipt.unknown(text)] * len(messages)
    elapsed = (time.perf_counter() - began) * 1000
    exchanges = channel.http.take_exchanges()
    if any(message.id in private for message in messages):
        exchanges = []
    found.calls = _log(sender.id, messages, found, exchanges, text, at, elapsed)
    return found


def _checked(receipts: Any, count: int) -> list[Receipt | None]:
    if (
        not isinstance(receipts, list)
        or len(receipts) != count
        or not all(isinstance(item, Receipt) for item in receipts)
    ):
        raise TypeError(f"deliver must return a list of {count} receipts")
    return list(receipts)


def _log(
    destination: int,
    messages: Sequence[Outgoing],
    found: Handed,
    exchanges: Sequence[Exchange],
    text: str | None,
    at: int,
    elapsed: float,
) -> list[Call]:
    """A row for each exchange; one for the whole where there was none (SMTP)."""
    one_each = len(exchanges) == len(messages)
    kept = []
    for index, exchange in enumerate(exchanges or [None]):
        receipt = found.receipts[index if one_each else 0]
        outcome = _OUTCOMES.get(receipt.kind, "rejected") if receipt else "retry"
        if isinstance(found.error, Stop):
            outcome = "stopped"
        kept.append(
            Call(
                destination,
                exchange.at if exchange else at,
                round(exchange.duration_ms if exchange else elapsed, 3),
                outcome,
                exchange.status if exchange else None,
                1 if one_each else len(messages),
                messages[index if one_each else 0].attempt,
                messages[index if one_each else 0].key,
                (exchange.error if exchange and exchange.error else text)
                or (receipt.reason or None if receipt else None),
                pack_exchange(exchange),
            )
        )
    return kept
