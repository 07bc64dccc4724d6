"""``/api/suppressions``: addresses that nothing is sent to."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from marshmallow import Schema, fields, validate

from cdp.api import cursors
from cdp.api.errors import not_found, wrong_fields
from cdp.api.fields import Empty, PageQuery, Words
from cdp.api.masking import personal
from cdp.api.room import Room, author, here, need_personal, page_of
from cdp.delivery.messages import suppressions as kept
from cdp.delivery.messages.suppressions import CHANNELS, BadAddress
from cdp.store.messages import preferences

room = Room("suppressions", "Addresses that nothing is sent to.")
_CSV = {
    "required": True,
    "description": "A column address, email or phone, and channel, reason, detail; or one a line.",
    "content": {"text/csv": {"schema": {"type": "string"}}},
}
MAX_CSV = 20 << 20
_SEARCH = "How the address begins; needs the scope personal:read."


class SuppressionSchema(Schema):
    """An address; null is that of a person who was deleted."""

    channel = fields.String()
    address = fields.String(allow_none=True, metadata=personal("value"))
    reason = fields.String(validate=validate.OneOf(kept.REASONS))
    detail = fields.String(allow_none=True, metadata=personal("dots"))
    at = fields.String()
    author = fields.String(allow_none=True)
    message = fields.String(allow_none=True, metadata={"description": "That led to it."})


class SuppressionQuery(PageQuery):
    """Which addresses."""

    search = Words(
        load_default="",
        metadata={"description": _SEARCH},
    )


class SuppressionBody(Schema):
    """An address to send nothing to."""

    channel = fields.String(load_default="email", validate=validate.OneOf(CHANNELS))
    address = Words(required=True)
    detail = Words(load_default="")


class ImportQuery(Schema):
    """Of the lines that name none."""

    channel = fields.String(load_default="email", validate=validate.OneOf(CHANNELS))


class ImportedSchema(Schema):
    """What became of the lines."""

    taken = fields.Integer()
    refused = fields.List(fields.Dict(), metadata={"description": "line and text, of 100 at most"})


@room.on(
    "GET", "/suppressions", "messages:read",
    query=SuppressionQuery, gives=page_of(SuppressionSchema),
)  # fmt: skip
def list_suppressions(query: dict[str, Any]) -> dict[str, Any]:
    """List addresses that nothing is sent to, newest first."""
    if query["search"]:
        need_personal()
    before: tuple[int, str] | None = None
    if query.get("next"):
        try:
            at, hash_ = cursors.decode(query["next"], int, str)
        except cursors.BadCursor as error:
            raise wrong_fields({"next": [str(error)]}) from None
        before = (at, hash_)
    limit = query["limit"]
    with here().store.read() as tx:
        found = preferences.addresses(tx, limit, before, query["search"])
        data = kept.shown(tx, found)
    last = found[-1] if len(found) == limit else None
    return {"data": data, "next": cursors.encode(last.at, last.hash) if last else None}


@room.on("POST", "/suppressions", "messages:write", body=SuppressionBody, gives=Empty, status=201)
def add_suppression(body: dict[str, Any]) -> dict[str, Any]:
    """Send nothing to an address from here on; the first reason stays."""
    where = here()
    try:
        with where.store.write() as tx:
            kept.add(
                tx, body["channel"], body["address"], "manual", author(), where.now(),
                body["detail"],
            )  # fmt: skip
    except BadAddress as error:
        raise wrong_fields({"address": [f"{error}"]}) from None
    return {}


@room.on("DELETE", "/suppressions/<channel>/<path:address>", "messages:write", gives=Empty)
def remove_suppression(channel: str, address: str) -> dict[str, Any]:
    """Let messages go to an address again."""
    with here().store.write() as tx:
        if not preferences.unsuppress_address(tx, channel, address):
            raise not_found("This address is not on the list.")
    return {}


@room.on(
    "POST", "/suppressions/import", "messages:write",
    query=ImportQuery, takes=_CSV, gives=ImportedSchema, max_body=MAX_CSV,
)  # fmt: skip
def import_suppressions(query: dict[str, Any]) -> dict[str, Any]:
    """Add the addresses of a CSV; lines that can't be are told, the others are taken."""
    where = here()
    try:
        text = request.get_data().decode("utf-8")
    except UnicodeDecodeError:
        raise wrong_fields({"file": ["It must be text in UTF-8."]}) from None
    made = kept.take_csv(where.store, text, query["channel"], author(), where.now())
    return {
        "taken": made.taken,
        "refused": [{"line": line, "text": text} for line, text in made.refused[:100]],
    }


@room.on("GET", "/suppressions.csv", "messages:read", streams=["text/csv"])
def export_suppressions() -> Response:
    """The whole list as CSV."""
    return Response(kept.as_csv(here().store), content_type="text/csv; charset=utf-8")
