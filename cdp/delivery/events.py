"""From history rows to the events that a destination gets."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from sqlalchemy import Connection

from cdp.events import decode_json
from cdp.plugin import Event
from cdp.plugin.manager import deep_merge
from cdp.store import config_rows
from cdp.store.destinations import streams as delivery
from cdp.store.events import history
from cdp.store.events.history import HistoryRow
from cdp.store.tables import HISTORICAL, SECONDARY

#: Rows and bytes of bodies in one batch at most.
MAX_ROWS, MAX_BYTES = 1000, 4 << 20
#: Rows whose bodies are read at once.
PORTION = 250
#: Event names that a reader remembers at most.
MAX_NAMES = 20_000

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Names:
    """Event names and source keys by number, looked up when an unknown one turns up."""

    def __init__(self) -> None:
        self._names: dict[int, tuple[str, str]] = {}
        self._sources: dict[int, str] = {}

    def names(self, tx: Connection, numbers: set[int]) -> dict[int, tuple[str, str]]:
        """(type, name) of events by number, of ``numbers`` at least."""
        if len(self._names) + len(numbers) > MAX_NAMES:
            self._names = {}
        self._names.update(history.names_of(tx, numbers - self._names.keys()))
        return self._names

    def source(self, tx: Connection, number: int) -> str:
        """The key of a source."""
        if number not in self._sources:
            self._sources = {s.id: s.key for s in config_rows.all_sources(tx)}
        return self._sources.get(number, str(number))


def read_events(
    tx: Connection, rows: list[HistoryRow], key_prefix: str, names: Names
) -> list[Event]:
    """The events of ``rows``, in order; what enrichers added is merged in.

    Ends early, with the events so far, when their bodies fill `MAX_BYTES`.
    """
    rows = [row for row in rows if not row.flags & SECONDARY]
    events: list[Event] = []
    size = 0
    for start in range(0, len(rows), PORTION):
        part = rows[start : start + PORTION]
        found, more = _read_part(tx, part, key_prefix, names)
        events += found
        size += more
        if size >= MAX_BYTES:
            break
    return events


def was_cut(rows: list[HistoryRow], events: list[Event]) -> bool:
    """Whether `read_events` left some of ``rows`` out, as the bodies were too large."""
    return any(row.seq > events[-1].seq and not row.flags & SECONDARY for row in rows)


def _read_part(
    tx: Connection, rows: list[HistoryRow], key_prefix: str, names: Names
) -> tuple[list[Event], int]:
    size = 0
    bodies = history.bodies_of(tx, rows)
    called = names.names(tx, {row.name for row in rows})
    people = delivery.profiles_of_nodes(tx, sorted({row.node for row in rows}))
    events: list[Event] = []
    for row in rows:
        stored = bodies.get(row.seq)
        if stored is None:
            continue
        size += len(stored.raw)
        body = decode_json(stored.raw)
        message_id = body["messageId"]  # an enricher can't change it, nor the key
        if stored.added != b"null":
            deep_merge(body, _decode(stored.added))
        type_, name = called[row.name]
        events.append(
            Event(
                id=message_id,
                type=type_,
                name=name,
                body=body,
                key=f"{key_prefix}{row.source}-{message_id}",
                source=names.source(tx, row.source),
                t=row.t,
                seq=row.seq,
                live=not row.flags & HISTORICAL,
                person=people.get(row.node, row.node),
            )
        )
    return events, size


def allowed(body: dict[str, Any], names: tuple[str, ...]) -> bool:
    """Whether the event's ``integrations`` object lets it go to a destination.

    A name beats ``All``, whose default is true; an object counts as true
    (segment.com: filtering with the integrations object).
    """
    wishes = body.get("integrations")
    if not isinstance(wishes, dict):
        return True
    for name in names:
        if name in wishes:
            return wishes[name] is not False and wishes[name] is not None
    return wishes.get("All") is not False


def to_payload(event: Event) -> bytes:
    """An event as the outbox keeps it."""
    parts = [
        event.id, event.type, event.name, event.body, event.key, event.source, event.t, event.seq,
        event.live, event.person,
    ]  # fmt: skip
    return _encode(parts)


def from_payload(payload: bytes) -> Event:
    """The event that `to_payload` wrote."""
    return Event(*json.loads(payload))
