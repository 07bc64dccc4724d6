"""Sending what was stored once more, to a destination that is named."""

from __future__ import annotations

import json

from sqlalchemy import Connection

from cdp.store import meta
from cdp.store.config_rows import Destination, record_change
from cdp.store.destinations import streams as delivery


def start(
    tx: Connection, now: int, from_ms: int, to_ms: int, destination: Destination, author: str
) -> str:
    """Begin a replay of the events from ``from_ms`` to ``to_ms`` (event time) and name it.

    Historical events go along, a disabled destination receives them as well, and
    each event says in its ``integrations`` that it is for this destination alone
    (segment.com: replays). Keys are those of the first delivery, so that a receiver
    can tell what it has.
    """
    name = f"replay:{meta.take_numbers(tx, 'replay', 1)}"
    delivery.add_stream(
        tx,
        now,
        name=name,
        destination_id=destination.id,
        seq=1,
        until_seq=meta.next_number(tx, "seq"),
        selection=json.dumps([from_ms, to_ms]),
    )
    record_change(tx, now, author, "replay", name, "started", after={"to": destination.key})
    return name
