"""Where an event went: for each destination what became of it."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection

from cdp.conditions import ConditionError, compile_text
from cdp.console import kinds
from cdp.console.context import console
from cdp.delivery.events import Names, allowed, read_events
from cdp.events import parse_time
from cdp.plugin import Event
from cdp.profiles.consent import permits
from cdp.store import config_rows
from cdp.store.audiences.lists import lists_of
from cdp.store.config_rows import Destination
from cdp.store.destinations import health as delivery_health
from cdp.store.destinations.health import Call, Item
from cdp.store.events.history import HistoryRow


class Went(NamedTuple):
    """One destination and what became of the event there.

    ``kind`` is ``good``, ``wait``, ``bad``, or empty where it was not meant for it.
    """

    destination: Destination
    kind: str
    word: str
    text: str
    call: Call | None = None


def whereabouts(tx: Connection, row: HistoryRow) -> list[Went]:
    """What became of an event at each destination, as they are set now."""
    destinations = config_rows.all_destinations(tx)
    positions = delivery_health.stream_positions(tx)
    items = delivery_health.items_of_event(tx, row.seq, [d.id for d in destinations])
    found = []
    names = Names()
    for destination in destinations:
        read = read_events(tx, [row], f"{destination.id}-", names)
        if not read:
            continue
        event = read[0]
        went = _went(destination, row, event, positions.get(destination.id), items)
        if went.kind:
            call = delivery_health.latest_call(tx, destination.id, event.key)
            went = went._replace(call=call)
        found.append(went)
    return found


def _went(
    destination: Destination,
    row: HistoryRow,
    event: Event,
    position: tuple[int, str] | None,
    items: dict[int, Item],
) -> Went:
    item = items.get(destination.id)
    if item is not None and item.state == "dead":
        return Went(destination, "bad", "Failed", item.error or "")
    if item is not None:
        return Went(destination, "wait", "Waiting for a retry", item.error or "")
    if reason := _not_meant(destination, row, event):
        return Went(destination, "", "Not sent", reason)
    if position is not None and position[0] > row.seq:
        return Went(destination, "good", "Delivered", "")
    if not destination.enabled:
        return Went(destination, "", "Not sent", "It is disabled; a replay sends it.")
    held = position is not None and position[1] != "running"
    reason = f"The destination has {position[1]}." if position is not None and held else ""
    return Went(destination, "wait", "Waiting", reason)


def _not_meant(destination: Destination, row: HistoryRow, event: Event) -> str:
    """Why an event is not for a destination; empty if it is."""
    if destination.source_id not in (None, row.source):
        return "It takes events of another source."
    if not event.live:
        return "The event is historical; those go out by a replay only."
    received: Any = parse_time(event.body.get("receivedAt"))
    if received is not None and received < destination.created_at:
        return "It arrived before the destination was added; a replay sends it."
    if not allowed(event.body, (destination.name, destination.key)):
        return "The event's own integrations object leaves it out."
    if not permits(event.body, destination.consent_categories):
        return "The event does not agree to all that the destination needs consent for."
    if destination.filter and not _meets(destination.filter, event):
        return "It does not meet the destination's filter."
    kind = kinds.kind(destination.plugin)
    if kind is not None and not kinds.wants(kind, destination, event):
        return "The destination's settings leave it out."
    return ""


def _meets(text: str, event: Event) -> bool:
    try:
        return compile_text(text, lists_of(console().store))(event.body)
    except ConditionError:
        return False
