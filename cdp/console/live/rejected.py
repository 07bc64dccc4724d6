"""Live: what was refused, grouped by reason."""

from __future__ import annotations

from typing import Any, NamedTuple

from flask import abort, render_template, request

from cdp.console import layout
from cdp.console.context import console
from cdp.events import MalformedJSON, decode_json
from cdp.store import config_rows
from cdp.store.events import console_queries
from cdp.store.events.console_queries import MINUTE_MS

PAGE = 50

#: What a reason's code means; the detail of each message says the rest.
REASONS = {
    "no_user_anon_id": "Names nobody",
    "unknown_type": "Unknown type of call",
    "no_event": "Track call without an event name",
    "no_groupId": "Group call without a groupId",
    "no_userId": "Alias call without a userId",
    "no_previousId": "Alias call without a previousId",
    "wrong_type": "A field of the wrong type",
    "id_too_long": "An id that is too long",
    "not_an_object": "Not a JSON object",
    "no_batch": "A batch without its list",
    "invalid_json": "Not valid JSON",
    "invalid_utf8": "Not valid UTF-8",
    "invalid_data": "A pixel without readable data",
    "invalid_gzip": "Can't be unpacked",
    "unknown_encoding": "Packed in an unknown way",
    "incomplete_body": "Came only in part",
    "messageId_too_long": "A message id that is too long",
    "message_too_large": "A message of more than 32 KB",
    "batch_too_large": "A batch of more than 500 KB",
    "too_large": "A body of more than 5 MB",
    "no_write_key": "No write key",
    "unknown_write_key": "Unknown write key",
    "source_disabled": "The source is disabled",
    "trait_dropped": "Taken without some of its traits",
    "object_dropped": "Taken without its object",
}


class Sent(NamedTuple):
    """A body as it was sent: its JSON value (None if it is none) and its text."""

    value: Any
    text: str


def reason(code: str) -> str:
    """A reason's code in words."""
    return REASONS.get(code) or code.replace("_", " ").capitalize()


def index() -> str:
    """What was refused, grouped by reason."""
    code = request.args.get("code", "")
    before = layout.number_arg("before")
    now_minute = console().now() // MINUTE_MS
    days = console().settings.rejected_days
    with console().store.read() as tx:
        groups = console_queries.refused_by_code(tx, now_minute - days * 24 * 60)
        found = console_queries.newest_rejected(tx, PAGE, before, code or None)
        sources = {source.id: source for source in config_rows.all_sources(tx)}
        number = layout.number_arg("open")
        opened = console_queries.one_rejected(tx, number) if number is not None else None
    return render_template(
        "console/rejected.html",
        groups=groups,
        code=code,
        found=found,
        sources=sources,
        days=days,
        more=found[-1].id if len(found) == PAGE else None,
        open=_detail(opened, sources) if opened is not None else None,
    )


def one(number: int) -> str:
    """One refused message: the reason and the body as it was sent."""
    with console().store.read() as tx:
        row = console_queries.one_rejected(tx, number)
        sources = {source.id: source for source in config_rows.all_sources(tx)}
    if row is None:
        abort(404, "Refused messages are kept for a time only; this one is gone.")
    name = "rejected_drawer.html" if layout.is_partial() else "rejected_one.html"
    return render_template(f"console/{name}", **_detail(row, sources))


def _detail(row: Any, sources: dict[int, Any]) -> dict[str, Any]:
    try:
        value = decode_json(row.body)
    except MalformedJSON:
        value = None
    text = row.body.decode("utf-8", "replace")
    source = sources.get(row.source_id)
    return {"row": row, "sent": Sent(value, text), "source": source}
