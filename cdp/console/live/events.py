"""An event as lists and its own page show it."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from cdp.console.format import plural
from cdp.console.live.whereabouts import whereabouts
from cdp.pipeline.story import kept_apart
from cdp.store import config_rows
from cdp.store.events import console_queries, history
from cdp.store.events.history import HistoryRow
from cdp.store.profiles import faces
from cdp.store.profiles.faces import Face


class Event(NamedTuple):
    """An event as a row of the list shows it."""

    seq: int
    type: str
    name: str
    t: int
    source: str
    historical: bool
    face: Face | None
    #: The message as it was sent; lists show its `gist`.
    body: dict[str, Any]

    @property
    def gist(self) -> str:
        """The first few properties or traits on one line."""
        return gist(self.body)


def as_events(tx: Connection, rows: list[HistoryRow]) -> list[Event]:
    """Rows of the history with the words that a list shows."""
    names = history.names_of(tx, [row.name for row in rows])
    sources = {source.id: source.name for source in config_rows.all_sources(tx)}
    people = faces.faces_of_nodes(tx, [row.node for row in rows])
    bodies = history.bodies_of(tx, rows)
    events = []
    for row in rows:
        type_, name = names.get(row.name, ("", ""))
        body = msgspec.json.decode(bodies[row.seq].raw) if row.seq in bodies else {}
        events.append(
            Event(
                row.seq,
                type_,
                name or title_of(type_),
                row.t,
                sources.get(row.source, "unknown"),
                bool(row.flags & 1),
                people.get(row.node),
                body,
            )
        )
    return events


def title_of(type_: str) -> str:
    """What an event without a name is called in lists."""
    return {"page": "Page viewed", "screen": "Screen viewed", "identify": "Identify"}.get(
        type_, type_.capitalize()
    )


def gist(body: dict[str, Any], size: int = 4) -> str:
    """The first few properties or traits on one line."""
    values = body.get("properties") or body.get("traits") or {}
    pieces = []
    for key, value in list(values.items())[:size] if isinstance(values, dict) else []:
        pieces.append(f"{key[:40]}: {_in_short(value)}")
    return " · ".join(pieces)


def _in_short(value: Any) -> str:
    """A value in a few words; of an object or a list only how much is in it."""
    if isinstance(value, list):
        return plural(len(value), "item")
    if isinstance(value, dict):
        return plural(len(value), "field")
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= 40 else text[:39] + "…"


def detail(tx: Connection, seq: int) -> dict[str, Any] | None:
    """What the page of the event at position ``seq`` shows; None if there is none."""
    row = console_queries.one_row(tx, seq)
    if row is None:
        return None
    bodies = history.bodies_of(tx, [row])
    body = bodies.get(row.seq)
    raw = msgspec.json.decode(body.raw) if body else {}
    added = msgspec.json.decode(body.added) if body else None
    sources = {source.id: source for source in config_rows.all_sources(tx)}
    return {
        "event": as_events(tx, [row])[0],
        "source": sources.get(row.source),
        "body": raw,
        "added": added,
        "went": whereabouts(tx, row),
        "apart": kept_apart(tx, row.node),
    }
