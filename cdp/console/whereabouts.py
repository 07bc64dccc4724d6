"""Where an event went: for each destination what became of it."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection

from cdp.store import config_rows, delivery_health
from cdp.store.config_rows import Destination
from cdp.store.history import HistoryRow
from cdp.store.tables import HISTORICAL


class Went(NamedTuple):
    """One destination and what became of the event there."""

    destination: Destination
    kind: str  # good wait bad or "" (not meant for it)
    word: str
    text: str


def whereabouts(tx: Connection, row: HistoryRow, body: dict[str, Any]) -> list[Went]:
    """What became of an event at each destination."""
    destinations = config_rows.all_destinations(tx)
    positions = delivery_health.stream_positions(tx)
    items = delivery_health.items_of_event(tx, row.seq, [d.id for d in destinations])
    return [
        Went(d, *_one(d, row, body, positions.get(d.id), items.get(d.id))) for d in destinations
    ]


def _one(
    destination: Destination,
    row: HistoryRow,
    body: dict[str, Any],
    position: tuple[int, str] | None,
    item: delivery_health.Item | None,
) -> tuple[str, str, str]:
    if item is not None:
        if item.state == "dead":
            return "bad", "Failed", item.error or ""
        return "wait", "Waiting for a retry", item.error or ""
    if destination.source_id not in (None, row.source):
        return "", "Not sent", "It takes events of another source."
    if row.flags & HISTORICAL:
        return "", "Not sent", "The event is historical; those go out by a replay only."
    if not _wanted(destination, body):
        return "", "Not sent", "The event's own integrations object leaves it out."
    if not destination.enabled:
        return "", "Not sent", "The destination is disabled."
    if position is None or position[0] <= row.seq:
        stalled = position is not None and position[1] != "running"
        return "wait", "Waiting", "The destination has stalled." if stalled else ""
    if row.t < destination.created_at and row.seq < position[0]:
        return "", "Passed", "It is older than the destination, or was passed on."
    return "good", "Passed on", "Delivered, unless the destination's filter leaves it out."


def _wanted(destination: Destination, body: dict[str, Any]) -> bool:
    """Segment's rule: an integration's own entry wins over ``All``."""
    integrations = body.get("integrations")
    if not isinstance(integrations, dict):
        return True
    for name in (destination.name, destination.key, destination.plugin):
        if name in integrations:
            return integrations[name] is not False
    return integrations.get("All") is not False
