"""The fields of objects' files, read from their schemas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from marshmallow import Schema, fields

from cdp.definitions import KINDS
from cdp.folder.destinations import DestinationSchema
from cdp.folder.sources import SourceSchema
from cdp.messaging.broadcasts.schema import BroadcastBodySchema
from tests.docs.markdown import table

_TYPES: tuple[tuple[type[fields.Field[Any]], str], ...] = (
    (fields.Boolean, "`true` or `false`"),
    (fields.List, "list"),
    (fields.Dict, "mapping"),
    (fields.Nested, "mapping"),
    (fields.Integer, "whole number"),
    (fields.Float, "number"),
    (fields.String, "text"),
    (fields.Raw, "any"),
)


def _fields(schema: type[Schema], conditions: dict[str, str]) -> str:
    rows = []
    for name, field in schema().fields.items():
        kind = next(text for type_, text in _TYPES if isinstance(field, type_))
        default, name = field.load_default, field.data_key or name
        shown = f"`{str(default).lower()}`" if isinstance(default, bool) else ""
        if isinstance(default, str) and default:
            shown = f"`{default}`"
        about = field.metadata.get("description", "")
        rows.append(
            (
                f"`{name}`",
                conditions.get(name, kind),
                "required" if field.required else shown,
                about,
            )
        )
    return table(("Field", "Is", "Default", "Meaning"), rows)


def object_files() -> str:
    """A section a kind: its fields."""
    parts = []
    for kind in KINDS.values():
        conditions = {
            text.field: f"{'expression' if text.is_value else 'condition'} ({text.context.value})"
            for text in kind.texts
        }
        parts.append(f"### kind: {kind.name}\n\n{_fields(kind.schema, conditions)}")
    parts.append(f"### kind: source\n\n{_fields(SourceSchema, {})}")
    filter_ = {"filter": "condition (message)"}
    parts.append(f"### kind: destination\n\n{_fields(DestinationSchema, filter_)}")
    stated = Schema.from_dict(
        {
            "state": fields.String(
                load_default="draft",
                metadata={"description": "draft, or scheduled: it goes when it says."},
            ),
            **BroadcastBodySchema().fields,
        }
    )
    parts.append(f"### kind: broadcast\n\n{_fields(stated, {})}")
    return "\n\n".join(parts)


BLOCKS: dict[str, Callable[[], str]] = {"object-files": object_files}
