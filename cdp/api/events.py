"""``/api/events`` and ``/api/rejected``: what came in, and what was refused and why."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate
from sqlalchemy import Connection

from cdp.api import cursors
from cdp.api.errors import not_found
from cdp.api.fields import PageQuery, Words, following, place
from cdp.api.masking import personal
from cdp.api.people import find as find_profile
from cdp.api.room import Room, here, page_of
from cdp.api.sources import find as find_source
from cdp.events import MalformedJSON, decode_json, format_time
from cdp.events.message import TYPES
from cdp.pipeline.story import kept_apart
from cdp.store import config_rows
from cdp.store.events import console_queries, history, timeline
from cdp.store.events.console_queries import MINUTE_MS, LiveFilter, RejectedRow
from cdp.store.events.history import HistoryRow
from cdp.store.profiles import people
from cdp.store.tables import HISTORICAL

room = Room("events", "What came in; what was refused, with the reason.")


class EventSchema(Schema):
    """A stored event."""

    seq = fields.Integer(metadata={"description": "Its place in the history."})
    type = fields.String()
    name = fields.String(metadata={"description": "The event, page or screen."})
    source = fields.String(allow_none=True)
    timestamp = fields.String()
    received_at = fields.String()
    historical = fields.Boolean(
        metadata={"description": "Too old when it came to start or send anything."}
    )
    message = fields.Dict(metadata=personal("message", "The normalised Segment message."))
    added = fields.Raw(allow_none=True, metadata=personal("message", "What enrichers added."))


class EventDetailSchema(EventSchema):
    """One stored event, and what was kept apart of its identifiers."""

    kept_apart = fields.List(
        fields.Dict(),
        metadata={
            "description": "Identifiers that a rule kept out of the profile: identifier, "
            "reason, because."
        },
    )


class EventQuery(PageQuery):
    """Which events."""

    type = fields.String(validate=validate.OneOf(TYPES))
    name = Words(metadata={"description": "The event, page or screen, exactly."})
    source = Words(metadata={"description": "Key of a source."})
    profile = Words(metadata={"description": "A public id, or type:value of an identifier."})


class RejectedSchema(Schema):
    """A message that was refused; ``body`` is its JSON, or the text as it came."""

    id = fields.Integer()
    at = fields.String()
    source = fields.String(allow_none=True)
    code = fields.String()
    reason = fields.String(metadata=personal("quoted"))
    type = fields.String(allow_none=True)
    name = fields.String(allow_none=True)
    message_id = fields.String(allow_none=True)
    body = fields.Raw(allow_none=True, metadata=personal("shape"))


class RejectedQuery(PageQuery):
    """Which of the refused."""

    code = Words()


class ReasonSchema(Schema):
    """Refused messages with the same reason."""

    code = fields.String()
    count = fields.Integer()
    last_at = fields.String()


class ReasonQuery(Schema):
    """Since when."""

    hours = fields.Integer(load_default=24, validate=validate.Range(1, 24 * 366))


def shown(tx: Connection, rows: list[HistoryRow]) -> list[dict[str, Any]]:
    """Rows of the history as `EventSchema` has them."""
    names = history.names_of(tx, [row.name for row in rows])
    sources = {s.id: s.key for s in config_rows.all_sources(tx)}
    bodies = history.bodies_of(tx, rows)
    found = []
    for row in rows:
        message = decode_json(bodies[row.seq].raw)
        type_, name = names[row.name]
        found.append(
            {
                "seq": row.seq,
                "type": type_,
                "name": name,
                "source": sources.get(row.source),
                "timestamp": message["timestamp"],
                "received_at": message["receivedAt"],
                "historical": bool(row.flags & HISTORICAL),
                "message": message,
                "added": decode_json(bodies[row.seq].added),
            }
        )
    return found


def _filter(tx: Connection, query: dict[str, Any]) -> LiveFilter:
    wanted = LiveFilter()
    type_, name = query.get("type"), query.get("name")
    if type_ or name:
        wanted = wanted._replace(type=type_, name=name)
    if "source" in query:
        wanted = wanted._replace(source_id=find_source(tx, query["source"]).id)
    if "profile" in query:
        nodes = people.nodes_of(tx, find_profile(tx, query["profile"]).id)
        wanted = wanted._replace(node_ids=[node.id for node in nodes])
    return wanted


@room.on("GET", "/events", "events:read", query=EventQuery, gives=page_of(EventSchema))
def list_events(query: dict[str, Any]) -> dict[str, Any]:
    """List events, newest arrivals first.

    With a filter a page may be short or empty and still have a ``next``: each looks
    at a bounded part of the history.
    """
    before = place(query)
    with here().store.read() as tx:
        found = console_queries.live_rows(tx, _filter(tx, query), query["limit"], before=before)
        more = found.reached
        return {
            "data": shown(tx, found.rows),
            "next": cursors.encode(more) if more is not None and more > 1 else None,
        }


@room.on(
    "GET",
    "/profiles/<rest:profile>/events",
    "profiles:read",
    query=PageQuery,
    gives=page_of(EventSchema),
)
def list_profile_events(query: dict[str, Any], profile: str) -> dict[str, Any]:
    """List the events of a profile by event time, newest first."""
    limit = query["limit"]
    at = cursors.decode(query["next"], int, int) if "next" in query else None
    with here().store.read() as tx:
        nodes = [node.id for node in people.nodes_of(tx, find_profile(tx, profile).id)]
        before = (at[0], at[1]) if at else None
        rows = timeline.rows_of_nodes(tx, nodes, before=before, limit=limit + 1)
        page = rows[:limit]
        data = shown(tx, page)
    more = len(rows) > limit
    return {"data": data, "next": cursors.encode(page[-1].t, page[-1].seq) if more else None}


@room.on("GET", "/events/<int:seq>", "events:read", gives=EventDetailSchema)
def get_event(seq: int) -> dict[str, Any]:
    """One event."""
    with here().store.read() as tx:
        row = console_queries.one_row(tx, seq) if seq < 2**63 else None
        if row is None:
            raise not_found(f"There is no event {seq}.")
        return {**shown(tx, [row])[0], "kept_apart": kept_apart(tx, row.node)}


@room.on("GET", "/rejected", "events:read", query=RejectedQuery, gives=page_of(RejectedSchema))
def list_rejected(query: dict[str, Any]) -> dict[str, Any]:
    """List refused messages, newest first, with the reason and the body."""
    before, limit = place(query), query["limit"]
    with here().store.read() as tx:
        rows = console_queries.newest_rejected(tx, limit, before, query.get("code"))
        full = [console_queries.one_rejected(tx, row.id) for row in rows]
        sources = {s.id: s.key for s in config_rows.all_sources(tx)}
    last = rows[-1].id if rows else None
    return {
        "data": [_rejected(row, sources) for row in full if row is not None],
        "next": following(rows, limit, last),
    }


@room.on("GET", "/rejected/<int:number>", "events:read", gives=RejectedSchema)
def get_rejected(number: int) -> dict[str, Any]:
    """One refused message."""
    with here().store.read() as tx:
        row = console_queries.one_rejected(tx, number) if number < 2**63 else None
        if row is None:
            raise not_found(f"There is no refused message {number}; they are kept for a time.")
        return _rejected(row, {s.id: s.key for s in config_rows.all_sources(tx)})


@room.on("GET", "/rejected/reasons", "events:read", query=ReasonQuery, gives=page_of(ReasonSchema))
def list_reasons(query: dict[str, Any]) -> dict[str, Any]:
    """Count refused messages by reason, the most frequent first."""
    since = here().now() // MINUTE_MS - query["hours"] * 60
    with here().store.read() as tx:
        groups = console_queries.refused_by_code(tx, since)
    rows = [
        {"code": code, "count": n, "last_at": format_time(last * MINUTE_MS)}
        for code, n, last in groups
    ]
    return {"data": rows, "next": None}


def _rejected(row: RejectedRow, sources: dict[int, str]) -> dict[str, Any]:
    try:
        body = decode_json(row.body)
    except MalformedJSON:
        body = row.body.decode("utf-8", "backslashreplace")
    return {
        "id": row.id,
        "at": format_time(row.at),
        "source": sources.get(row.source_id or 0),
        "code": row.code,
        "reason": row.detail,
        "type": row.type,
        "name": row.name,
        "message_id": row.message_id,
        "body": body,
    }
