"""``/api/catalogue/fields``: which fields hold personal data, proposed and decided."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from cdp.api import cursors
from cdp.api.errors import not_found, wrong_fields
from cdp.api.fields import PageQuery, Words, place
from cdp.api.room import Room, author, here, page_of
from cdp.events import format_time
from cdp.protocols import NoField
from cdp.store.catalogue.fields import STATES, Known, decide, known_fields

room = Room("personal", "Which fields hold personal data.")

#: Fields that one request decides of.
MAX_FIELDS = 1000


class KnownFieldSchema(Schema):
    """A field, and whether it is personal."""

    field = fields.String(
        metadata={"description": "Such as `traits.email`, `properties.card.number`, `context.ip`."}
    )
    personal = fields.Boolean(metadata={"description": "Taken for a person's data now."})
    state = fields.String(validate=validate.OneOf(["proposed", "confirmed"]))
    kind = fields.String(
        allow_none=True, metadata={"description": "The kind of personal data it looks like."}
    )
    by = fields.String(
        allow_none=True,
        validate=validate.OneOf(["name", "values"]),
        metadata={"description": "What it looks so by."},
    )
    author = fields.String(allow_none=True)
    at = fields.String(allow_none=True)
    types = fields.List(fields.String())
    names = fields.List(
        fields.String(), metadata={"description": "The events and calls that carry it."}
    )


class KnownFieldQuery(PageQuery):
    """Which fields."""

    q = Words(load_default="", metadata={"description": "A part of the field's name."})
    state = fields.String(
        load_default="all",
        validate=validate.OneOf(STATES),
        metadata={"description": "`waiting`: looks personal, and nobody has confirmed it."},
    )


class KnownFieldPage(page_of(KnownFieldSchema)):  # type: ignore[misc]
    """Fields by name."""

    total = fields.Integer()


class Decisions(Schema):
    """What is decided: field, then true, false, or null to leave it to its look again."""

    fields_ = fields.Dict(
        keys=fields.String(),
        values=fields.Boolean(allow_none=True, truthy={True}, falsy={False}),
        required=True,
        data_key="fields",
        validate=validate.Length(min=1, max=MAX_FIELDS),
    )


class Decided(Schema):
    """The fields as they are now."""

    data = fields.List(fields.Nested(KnownFieldSchema))


def shown(item: Known) -> dict[str, Any]:
    """A field as `KnownFieldSchema` has it."""
    return {
        "field": item.field,
        "personal": item.personal,
        "state": "proposed" if item.decided is None else "confirmed",
        "kind": item.kind,
        "by": item.by,
        "author": item.author,
        "at": format_time(item.at) if item.at is not None else None,
        "types": list(item.types),
        "names": [name or type_ for type_, name in item.names],
    }


@room.on("GET", "/catalogue/fields", "events:read", query=KnownFieldQuery, gives=KnownFieldPage)
def list_fields(query: dict[str, Any]) -> dict[str, Any]:
    """List every trait, property and field of the context, and whether it is personal."""
    start, limit = place(query) or 0, query["limit"]
    with here().store.read() as tx:
        found = known_fields(tx, query["state"], query["q"])
    more = start + limit < len(found)
    return {
        "data": [shown(item) for item in found[start : start + limit]],
        "next": cursors.encode(start + limit) if more else None,
        "total": len(found),
    }


@room.on("GET", "/catalogue/fields/<path:field>", "events:read", gives=KnownFieldSchema)
def get_field(field: str) -> dict[str, Any]:
    """One field."""
    with here().store.read() as tx:
        found = next((item for item in known_fields(tx, q=field) if item.field == field), None)
    if found is None:
        raise not_found(f"No field called {field!r:.100} has been seen.")
    return shown(found)


@room.on(
    "PATCH", "/catalogue/fields", "profiles:write", body=Decisions, gives=Decided, personal=True
)
def decide_fields(body: dict[str, Any]) -> dict[str, Any]:
    """Say of fields that they are personal or not; what is personal is kept out of samples."""
    with here().store.write() as tx:
        try:
            keys = decide(tx, here().now(), body["fields_"], author())
        except NoField as error:
            raise wrong_fields({"fields": [str(error)]}) from None
        known = {item.field: item for item in known_fields(tx)}
    return {"data": [shown(known[key]) for key in keys if key in known]}
