"""Who is told of audiences and computed traits, as the definitions say it."""

from __future__ import annotations

from sqlalchemy import Connection

from cdp.audiences import AUDIENCE, COMPUTED_TRAIT
from cdp.definitions.sending import Sending, sendings
from cdp.store.definitions import Version
from cdp.store.destinations import connections


def connect(tx: Connection, versions: list[Version], now: int) -> frozenset[str]:
    """Begin and end connections; returns the computed traits of which somebody is told.

    From this transaction on each change of those is noted.
    """
    wanted: dict[tuple[str, str], list[Sending]] = {}
    for item in versions:
        body = item.body or {}
        if item.kind in (AUDIENCE, COMPUTED_TRAIT) and not body.get("archived"):
            wanted[item.kind, item.key] = sendings(body)
    return connections.reconcile(tx, wanted, now)
