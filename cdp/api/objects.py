"""``/api/object-types``: accounts, and the other types of objects that messages named."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from cdp.api.errors import not_found
from cdp.api.fields import Name
from cdp.api.room import Room, author, here, page_of
from cdp.events import format_time
from cdp.store.profiles import object_types
from cdp.store.profiles.object_types import ObjectType

room = Room("object-types", "Types of objects: accounts, and those that messages named.")


class ObjectTypeSchema(Schema):
    """A type of objects."""

    key = fields.String(metadata={"description": "The `objectTypeId` of messages."})
    collection = fields.String(metadata={"description": "Its name in addresses."})
    name = fields.String()
    created_at = fields.String(allow_none=True)


class ObjectTypeChange(Schema):
    """What can be changed of a type."""

    name = Name(required=True)


def _shown(row: ObjectType) -> dict[str, Any]:
    return {
        "key": row.key,
        "collection": row.word,
        "name": row.name,
        "created_at": format_time(row.created_at) if row.created_at is not None else None,
    }


@room.on("GET", "/object-types", "profiles:read", gives=page_of(ObjectTypeSchema))
def list_object_types() -> dict[str, Any]:
    """Every type of objects, accounts first."""
    with here().store.read() as tx:
        rows = object_types.all_types(tx)
    return {"data": [_shown(row) for row in rows], "next": None}


@room.on(
    "PATCH",
    "/object-types/<key>",
    "profiles:write",
    body=ObjectTypeChange,
    gives=ObjectTypeSchema,
)
def rename_object_type(body: dict[str, Any], key: str) -> dict[str, Any]:
    """Call a type by another name."""
    with here().store.write() as tx:
        made = object_types.rename(tx, here().now(), key, body["name"].strip(), author())
    if made is None:
        raise not_found(f"There is no object type {key!r}.")
    return _shown(made)
