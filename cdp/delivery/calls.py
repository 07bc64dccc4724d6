"""What the log keeps of a call: one row for each exchange with the provider."""

from __future__ import annotations

import msgspec

from cdp.plugin import Batch, Exchange
from cdp.store.destinations.streams import Call

_encode = msgspec.json.Encoder().encode


def log_calls(
    destination_id: int,
    batch: Batch,
    exchanges: list[Exchange],
    outcome: str,
    error: str | None,
    at: int,
    elapsed: float,
) -> list[Call]:
    """The rows of one `Destination.send`; one without an exchange if it made none."""
    one_each = len(exchanges) == len(batch.events)
    rows = []
    for index, exchange in enumerate(exchanges or [None]):
        key = batch.events[index].key if one_each else batch.key
        rows.append(
            Call(
                destination_id,
                exchange.at if exchange else at,
                round(exchange.duration_ms if exchange else elapsed, 3),
                _outcome_of(exchange, outcome) if one_each else outcome,
                exchange.status if exchange else None,
                1 if one_each else len(batch.events),
                batch.attempt,
                key,
                (exchange.error if exchange and exchange.error else error),
                pack_exchange(exchange),
            )
        )
    return rows


def _outcome_of(exchange: Exchange | None, outcome: str) -> str:
    taken = exchange is not None and exchange.status is not None and exchange.status < 300
    return "delivered" if taken else outcome


def pack_exchange(exchange: Exchange | None) -> bytes | None:
    """An exchange as the log of calls keeps it."""
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
