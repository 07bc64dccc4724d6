"""``/api/sources``: where messages come from, and their write keys."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate
from sqlalchemy import Connection

from cdp.api.errors import not_found
from cdp.api.fields import Empty, Key, Name
from cdp.api.room import Room, author, here, page_of
from cdp.events import format_time
from cdp.store import config_rows
from cdp.store.config_rows import Source
from cdp.store.events import console_queries
from cdp.store.events.console_queries import MINUTE_MS, SourceCount
from cdp.store.keys import new_write_key

room = Room("sources", "Where messages come from, and their write keys.", plain=True)

_DAY = 24 * 60


class SourceSchema(Schema):
    """A source, with what it sent in the last 24 hours."""

    key = fields.String()
    name = fields.String()
    write_key = fields.String()
    enabled = fields.Boolean()
    created_at = fields.String()
    taken = fields.Integer(metadata={"description": "Messages of the last 24 hours."})
    refused = fields.Integer(metadata={"description": "Refused ones of the last 24 hours."})
    last_at = fields.String(
        allow_none=True,
        metadata={"description": "The minute of the last message of these 24 hours."},
    )


class NewSource(Schema):
    """What a new source is made of."""

    key = Key(required=True)
    name = Name()
    write_key = fields.String(
        validate=validate.Regexp(r"^[A-Za-z0-9_.-]{8,200}\Z"),
        metadata={"description": "A write key of your own; random if unset."},
    )


class SourceChange(Schema):
    """What may be changed."""

    name = Name()
    enabled = fields.Boolean()


def find(tx: Connection, key: str) -> Source:
    """The source called ``key``, or 404."""
    for source in config_rows.all_sources(tx):
        if source.key == key:
            return source
    raise not_found(f"There is no source called {key}.")


def _shown(tx: Connection, items: list[Source]) -> list[dict[str, Any]]:
    counts = console_queries.counts_by_source(tx, here().now() // MINUTE_MS - _DAY)
    rows = []
    for item in items:
        count = counts.get(item.id, SourceCount(0, 0, None))
        last = count.last_minute
        rows.append(
            {
                "key": item.key,
                "name": item.name,
                "write_key": item.write_key,
                "enabled": item.enabled,
                "created_at": format_time(item.created_at),
                "taken": count.taken,
                "refused": count.refused,
                "last_at": format_time(last * MINUTE_MS) if last is not None else None,
            }
        )
    return rows


@room.on("GET", "/sources", "sources:read", gives=page_of(SourceSchema))
def list_sources() -> dict[str, Any]:
    """List sources."""
    with here().store.read() as tx:
        return {"data": _shown(tx, config_rows.own_sources(tx)), "next": None}


@room.on("POST", "/sources", "sources:write", body=NewSource, gives=SourceSchema, status=201)
def add_source(body: dict[str, Any]) -> dict[str, Any]:
    """Add a source."""
    key = body["key"]
    name, write_key = body.get("name", key), body.get("write_key") or new_write_key()
    with here().store.write() as tx:
        known = [s for s in config_rows.all_sources(tx) if s.write_key == write_key]
        if known:
            raise config_rows.NameTaken("a source has this write key already")
        made = config_rows.add_source(tx, here().now(), key, name, write_key, author())
        return _shown(tx, [made])[0]


@room.on("GET", "/sources/<key>", "sources:read", gives=SourceSchema)
def get_source(key: str) -> dict[str, Any]:
    """One source."""
    with here().store.read() as tx:
        return _shown(tx, [find(tx, key)])[0]


@room.on("PATCH", "/sources/<key>", "sources:write", body=SourceChange, gives=SourceSchema)
def change_source(body: dict[str, Any], key: str) -> dict[str, Any]:
    """Rename, enable or disable a source."""
    with here().store.write() as tx:
        config_rows.change_source(tx, here().now(), find(tx, key), author(), **body)
        return _shown(tx, [find(tx, key)])[0]


@room.on("POST", "/sources/<key>/rotate", "sources:write", body=Empty, gives=SourceSchema)
def rotate_source(_body: dict[str, Any], key: str) -> dict[str, Any]:
    """Give a source another write key; the old one ends within a second."""
    with here().store.write() as tx:
        source = find(tx, key)
        fresh = new_write_key()
        config_rows.change_source(tx, here().now(), source, author(), write_key=fresh)
        return _shown(tx, [find(tx, key)])[0]
