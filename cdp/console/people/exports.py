"""Everything as files, for those who may take it out; and what has left so far."""

from __future__ import annotations

from flask import Response, abort, g, render_template, request

from cdp.console.auth import author
from cdp.console.context import console
from cdp.events import parse_time
from cdp.store.profiles import exports
from cdp.transfer.errors import TransferError
from cdp.transfer.exporting import TIMED, WHAT, check, export
from cdp.transfer.lines import Span
from cdp.transfer.writers import CONTENT_TYPES, FORMATS

#: What can be exported, in words.
WORDS = {
    "people": ("People", "identifiers, traits, their accounts"),
    "accounts": ("Accounts", "identifiers and traits"),
    "objects": ("Other objects", "identifiers, traits, their people and relationships"),
    "identifiers": ("Identifiers", "each that was named, and whose it is"),
    "events": ("Events", "by their time, and whose each is"),
    "messages": ("Messages", "as they came, to be taken in by another space"),
}
FORMAT_WORDS = {"csv": "CSV, for spreadsheets", "jsonl": "JSON lines", "parquet": "Parquet"}
#: An export that has not ended is taken for broken off after so long.
RUNS_MS = 3_600_000
PAGE = 100


def index(wrong: str | None = None) -> str:
    """What can be exported, and every export so far: a deletion can't reach into those."""
    here = console()
    with here.store.read() as tx:
        found = exports.exports_since(tx)[-PAGE:]
    return render_template(
        "console/exports.html",
        found=found[::-1],
        words=WORDS,
        formats=FORMAT_WORDS,
        timed=TIMED,
        wrong=wrong,
        form=request.form,
        running_since=here.now() - RUNS_MS,
    )


def download() -> Response | tuple[str, int]:
    """Write one and hand it over as it is written; nothing of it is kept here."""
    what, format_ = request.form.get("what", ""), request.form.get("format", "")
    if what not in WHAT or format_ not in FORMATS:
        abort(400, "Unknown kind of export.")
    if not g.visitor.sees_personal:
        abort(403, "Your role may not take people's data out.")
    ends: list[int | None] = []
    for name in ("from", "to"):
        text = request.form.get(name, "").strip() if what in TIMED else ""
        at = parse_time(text) if text else None
        if text and at is None:
            return index(f"“{text[:40]}” can't be read as a day; write 2026-01-31."), 422
        ends.append(at)
    span = Span(*ends)
    try:
        check(what, format_, span)
    except TransferError as error:
        return index(f"{str(error)[:1].upper()}{str(error)[1:]}."), 422
    pieces = export(console().store, what, format_, span, author(), "console")
    headers = {"Content-Disposition": f'attachment; filename="{what}.{format_}"'}
    return Response(pieces, content_type=CONTENT_TYPES[format_], headers=headers)
