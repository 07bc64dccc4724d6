"""``/api/catalogue``: which events, traits and context fields have been seen."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate
from sqlalchemy import Connection

from cdp.api import cursors
from cdp.api.errors import not_found
from cdp.api.fields import PageQuery, Words, place
from cdp.api.room import Room, here, page_of
from cdp.api.sources import find as find_source
from cdp.events import format_time
from cdp.events.message import TYPES
from cdp.protocols import Classes, field_name, root_of
from cdp.store import config_rows
from cdp.store.catalogue import reads as catalogue_reads
from cdp.store.catalogue.fields import load_classes
from cdp.store.catalogue.reads import CONTEXT, DAY_MS, SORTS, Entry, Field, Fields

room = Room("catalogue", "What has been seen: events, properties, traits, context.")

_DAYS = 90


def _says(text: str) -> dict[str, str]:
    return {"description": text}


class SampleSchema(Schema):
    """A value that was seen."""

    value = fields.Raw(allow_none=True, metadata=_says("Null where it is personal."))
    personal = fields.String(allow_none=True, metadata=_says("The kind of personal data."))
    count = fields.Integer(metadata=_says("How often, among the messages looked into."))


class TypeSchema(Schema):
    """One of the types of a field."""

    type = fields.String()
    count = fields.Integer()
    share = fields.Float()


class FieldSchema(Schema):
    """A property, trait or field of the context, as the messages looked into had it."""

    path = fields.String(metadata=_says("Nested with dots; [] marks an array's items."))
    count = fields.Integer(metadata=_says("Messages looked into that had it."))
    share = fields.Float(metadata=_says("Of the messages looked into, 0 to 1."))
    types = fields.List(fields.Nested(TypeSchema))
    conflict = fields.Boolean(metadata=_says("Senders disagree on its type."))
    samples = fields.List(fields.Nested(SampleSchema))
    field = fields.String(metadata=_says("Its name where it is decided whether it is personal."))
    personal = fields.Boolean(metadata=_says("Taken for a person's data."))
    confirmed = fields.Boolean(metadata=_says("A person said so; else it is by its look."))
    more_values = fields.Boolean(metadata=_says("There were other values than the samples."))
    first_seen = fields.String()
    last_seen = fields.String()
    sources = fields.List(fields.String())


class NameSchema(Schema):
    """An event, page or screen, or the calls of a type that have no names."""

    type = fields.String()
    name = fields.String(allow_none=True, metadata=_says("Null for calls without a name."))
    count = fields.Integer(metadata=_says("All messages, exact."))
    count_30_days = fields.Integer(metadata=_says("Of the last 30 days, exact."))
    share_30_days = fields.Float(metadata=_says("Of all messages of the last 30 days, 0 to 1."))
    first_seen = fields.String()
    last_seen = fields.String()
    looked_into = fields.Integer(metadata=_says("Messages whose fields were looked at."))
    sources = fields.List(fields.String())


class OfSourceSchema(Schema):
    """What one source sent of it."""

    source = fields.String()
    count = fields.Integer()
    first_seen = fields.String()
    last_seen = fields.String()
    looked_into = fields.Integer()


class DaySchema(Schema):
    """Messages of one day (UTC) of event time."""

    day = fields.String()
    count = fields.Integer()


class NameDetailSchema(NameSchema):
    """All that is known of an event."""

    sources = fields.List(fields.Nested(OfSourceSchema))
    days = fields.List(fields.Nested(DaySchema), metadata=_says(f"The last {_DAYS} days."))
    fields_ = fields.List(fields.Nested(FieldSchema), data_key="fields")
    beyond = fields.Integer(
        metadata=_says("Messages looked into that had more fields than are kept.")
    )


class CatalogueSchema(page_of(NameSchema)):  # type: ignore[misc]
    """Names, and how many messages are not among them."""

    total = fields.Integer(metadata=_says("Names that fit the query."))
    other = fields.Integer(metadata=_says("Messages whose names found no room in the catalogue."))


class FieldPageSchema(page_of(FieldSchema)):  # type: ignore[misc]
    """Fields, and of how many messages."""

    total = fields.Integer(metadata=_says("Fields that fit the query."))
    messages = fields.Integer(metadata=_says("All messages, exact."))
    looked_into = fields.Integer(metadata=_says("Messages whose fields were looked at."))
    beyond = fields.Integer(
        metadata=_says("Messages looked into that had more fields than are kept.")
    )


class _Query(PageQuery):
    q = Words(load_default="", metadata=_says("A part of the name or of a field's path."))
    source = Words(metadata=_says("Key of a source: what came from it alone."))


class NamesQuery(_Query):
    """Which events."""

    type = fields.String(validate=validate.OneOf(TYPES))
    sort = fields.String(load_default="volume", validate=validate.OneOf(SORTS))


class NameQuery(Schema):
    """Which event, where several have the name."""

    type = fields.String(validate=validate.OneOf(TYPES))
    source = Words(metadata=_says("Key of a source: what came from it alone."))


class TraitsQuery(_Query):
    """Whose traits."""

    of = Words(
        load_default="users",
        metadata=_says("`users`, `accounts`, or the key of another type of objects."),
    )


class ContextQuery(_Query):
    """Which fields."""


@room.on("GET", "/catalogue/events", "events:read", query=NamesQuery, gives=CatalogueSchema)
def list_seen_events(query: dict[str, Any]) -> dict[str, Any]:
    """List the events, pages, screens and calls that were ever seen."""
    start, limit = place(query) or 0, query["limit"]
    with here().store.read() as tx:
        source = _source(tx, query)
        found, lately = catalogue_reads.entries(
            tx, _today(), query["q"], query.get("type"), source, query["sort"]
        )
        other = catalogue_reads.other(tx)
        keys = _keys(tx)
    return {
        "data": [name_row(entry, lately, keys) for entry in found[start : start + limit]],
        "next": _next(start, limit, len(found)),
        "total": len(found),
        "other": other,
    }


@room.on(
    "GET",
    "/catalogue/events/<path:name>",
    "events:read",
    query=NameQuery,
    gives=NameDetailSchema,
)
def get_seen_event(query: dict[str, Any], name: str) -> dict[str, Any]:
    """One event with its fields; calls without a name go by their type."""
    with here().store.read() as tx:
        source = _source(tx, query)
        found = detail(tx, _today(), query.get("type"), name, source)
    if found is None:
        raise not_found(f"No event called {name!r:.100} has been seen.")
    return found


@room.on("GET", "/catalogue/traits", "events:read", query=TraitsQuery, gives=FieldPageSchema)
def list_seen_traits(query: dict[str, Any]) -> dict[str, Any]:
    """List the traits of people, of accounts or of other objects that were ever set."""
    with here().store.read() as tx:
        calls = catalogue_reads.traits_of(tx, query["of"])
    if calls is None:
        raise not_found(f"There is no type of objects called {query['of']!r:.100}.")
    return _field_page(query, *calls)


@room.on("GET", "/catalogue/context", "events:read", query=ContextQuery, gives=FieldPageSchema)
def list_seen_context(query: dict[str, Any]) -> dict[str, Any]:
    """List the fields of the context that were ever seen."""
    return _field_page(query, CONTEXT)


def _field_page(query: dict[str, Any], type_: str, name: str = "") -> dict[str, Any]:
    start, limit = place(query) or 0, query["limit"]
    with here().store.read() as tx:
        source = _source(tx, query)
        messages, found = catalogue_reads.fields_of(tx, type_, query["q"], source, name)
        keys, classes = _keys(tx), load_classes(tx)
    root = root_of(type_, name)
    return {
        "data": field_rows(found, keys, classes, root)[start : start + limit],
        "next": _next(start, limit, len(found.fields)),
        "total": len(found.fields),
        "messages": messages,
        "looked_into": found.looked,
        "beyond": found.beyond,
    }


def _today() -> int:
    return here().now() // DAY_MS


def _source(tx: Connection, query: dict[str, Any]) -> int | None:
    return find_source(tx, query["source"]).id if "source" in query else None


def _next(start: int, limit: int, total: int) -> str | None:
    return cursors.encode(start + limit) if start + limit < total else None


def _keys(tx: Connection) -> dict[int, str]:
    return {source.id: source.key for source in config_rows.all_sources(tx)}


def _key(keys: dict[int, str], source: int) -> str:
    return keys.get(source, f"deleted-{source}")


def name_row(entry: Entry, lately: int, keys: dict[int, str]) -> dict[str, Any]:
    """An entry as `NameSchema` has it; ``lately`` is the count of all of them."""
    return {
        "type": entry.type,
        "name": entry.name or None,
        "count": entry.n,
        "count_30_days": entry.lately,
        "share_30_days": round(entry.lately / lately, 4) if lately else 0.0,
        "first_seen": format_time(entry.first_t),
        "last_seen": format_time(entry.last_t),
        "looked_into": entry.looked,
        "sources": [_key(keys, source) for source in entry.sources],
    }


def detail(
    tx: Connection, today: int, type_: str | None, label: str, source: int | None = None
) -> dict[str, Any] | None:
    """A name with its fields as `NameDetailSchema` has them; None if it was never seen."""
    entry = catalogue_reads.entry(tx, today, type_, label, source)
    if entry is None:
        return None
    keys, classes = _keys(tx), load_classes(tx)
    lately = catalogue_reads.lately(tx, today, source)
    days = catalogue_reads.by_day(tx, today, [entry.id], _DAYS, source)[entry.id]
    found = catalogue_reads.fields(tx, entry.id, source=source)
    return {
        **name_row(entry, lately, keys),
        "sources": [
            {
                "source": _key(keys, number),
                "count": of.n,
                "first_seen": format_time(of.first_t),
                "last_seen": format_time(of.last_t),
                "looked_into": of.looked,
            }
            for number, of in entry.sources.items()
        ],
        "days": [
            {"day": format_time((today - _DAYS + 1 + index) * DAY_MS)[:10], "count": n}
            for index, n in enumerate(days)
        ],
        "fields_": field_rows(found, keys, classes, root_of(entry.type, entry.name)),
        "beyond": found.beyond,
    }


def field_rows(
    found: Fields, keys: dict[int, str], classes: Classes, root: str
) -> list[dict[str, Any]]:
    """Fields as `FieldSchema` has them; ``root`` is what their names begin with."""
    return [_field_row(field, keys, classes, root) for field in found.fields]


def _field_row(field: Field, keys: dict[int, str], classes: Classes, root: str) -> dict[str, Any]:
    total = sum(n for _, n in field.types) or 1
    name = f"{root}.{field.path}"
    decided = classes.decision(name)
    return {
        "path": field.path,
        "field": field_name(name),
        "personal": field.looks_personal(name) if decided is None else decided,
        "confirmed": decided is not None,
        "count": field.n,
        "share": round(field.share, 4),
        "types": [{"type": t, "count": n, "share": round(n / total, 4)} for t, n in field.types],
        "conflict": field.conflict,
        "samples": [
            {"value": sample.value, "personal": sample.personal, "count": sample.n}
            for sample in field.samples
        ],
        "more_values": field.more,
        "first_seen": format_time(field.first_t),
        "last_seen": format_time(field.last_t),
        "sources": [_key(keys, source) for source in field.sources],
    }
