"""``/api/exports``: everything as files, and what has left so far."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate

from cdp.api.errors import wrong_fields
from cdp.api.fields import Moment
from cdp.api.room import Room, author, here, page_of
from cdp.events import format_time
from cdp.store.profiles import exports
from cdp.transfer.errors import TransferError
from cdp.transfer.exporting import TIMED, WHAT, check, export
from cdp.transfer.lines import Span
from cdp.transfer.writers import CONTENT_TYPES, FORMATS

room = Room("exports", "Everything as files; what was exported is noted.")


class ExportQuery(Schema):
    """How it is written."""

    format = fields.String(load_default="jsonl", validate=validate.OneOf(FORMATS))


class TimedQuery(ExportQuery):
    """How it is written, and of which time."""

    from_ = Moment(data_key="from", metadata={"description": "Events from this time on."})
    to = Moment(metadata={"description": "Events before this time."})


class ExportSchema(Schema):
    """An export that was made; ``rows`` is null where it broke off."""

    id = fields.Integer()
    at = fields.String()
    author = fields.String()
    what = fields.String()
    format = fields.String()
    target = fields.String()
    rows = fields.Integer(allow_none=True)
    finished_at = fields.String(allow_none=True)


@room.on("GET", "/exports", "activity:read", gives=page_of(ExportSchema))
def list_exports() -> dict[str, Any]:
    """List what was exported, newest first: a deletion can't reach into it."""
    with here().store.read() as tx:
        found = exports.exports_since(tx)
    rows = [
        {
            **row._asdict(),
            "at": format_time(row.at),
            "finished_at": format_time(row.finished_at) if row.finished_at else None,
        }
        for row in reversed(found)
    ]
    return {"data": rows, "next": None}


def _add(what: str, scope: str) -> None:
    timed = what in TIMED

    def view(query: dict[str, Any]) -> Response:
        span = Span(query.get("from_"), query.get("to"))
        format_ = query["format"]
        try:
            check(what, format_, span)
        except TransferError as error:
            raise wrong_fields({"format": [str(error)]}) from None
        pieces = export(here().store, what, format_, span, author(), "API")
        headers = {"Content-Disposition": f'attachment; filename="{what}.{format_}"'}
        return Response(pieces, content_type=CONTENT_TYPES[format_], headers=headers)

    view.__name__ = f"export_{what}"
    view.__doc__ = _ABOUT[what]
    room.on(
        "GET",
        f"/exports/{what}",
        scope,
        query=TimedQuery if timed else ExportQuery,
        streams=list(CONTENT_TYPES.values())[: 1 if what == "messages" else 3],
    )(view)


_ABOUT = {
    "people": "Every person: identifiers, traits, accounts.",
    "accounts": "Every account: identifiers and traits.",
    "objects": "Every object of another type: identifiers, traits, people and relationships.",
    "identifiers": "Every identifier that was named, and whose it is.",
    "events": "Every event by its time, and whose it is.",
    "messages": "The messages in the order of the history, which `cdp import` takes again exactly.",
}
for _what, _scope in WHAT.items():
    _add(_what, _scope)
