"""People from a file: upload, say what its columns are, try, bring in, take back."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from flask import Response, abort, flash, g, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug import Response as Answer

from cdp.conditions.lists import MAX_BYTES
from cdp.console.auth import author
from cdp.console.context import console
from cdp.console.layout import number_arg
from cdp.store.profiles import imports
from cdp.store.profiles.imports import Import
from cdp.store.tables import ACCOUNTS, USERS
from cdp.transfer import drafts, importing
from cdp.transfer.background import Background
from cdp.transfer.drafts import Draft
from cdp.transfer.errors import TransferError
from cdp.transfer.mapping import CUSTOM, IDS, IGNORE, TIME, trait_name

PAGE = 50
#: Larger files are for the command line, which reads them where they are.
MAX_UPLOAD = 256 * 1024 * 1024
#: What a form of the console has at most otherwise.
MAX_FORM, MAX_IMAGES = 4 * 1024 * 1024, 32 * 1024 * 1024
MAX_LIST = 2 * MAX_BYTES
TRAIT, OWN_ID = "trait", "custom"

#: What a column can be, in words.
TARGETS = (
    (TRAIT, "A trait"),
    ("email", "E-mail address, an identifier"),
    ("user_id", "User id, an identifier"),
    ("phone", "Phone number, an identifier"),
    ("anonymous_id", "Anonymous id, an identifier"),
    ("group_id", "Account id, an identifier"),
    (OWN_ID, "Another identifier"),
    (TIME, "When the row was true"),
    (IGNORE, "Leave it out"),
)
#: How its cells are read: a type, or a date's pattern.
READ_AS = (
    ("auto", "As it is found"),
    ("text", "Text"),
    ("number", "Number"),
    ("boolean", "Yes or no"),
    ("date", "Date, 2026-01-31"),
    ("date:%d.%m.%Y", "Date, 31.01.2026"),
    ("date:%d/%m/%Y", "Date, 31/01/2026"),
    ("date:%m/%d/%Y", "Date, 01/31/2026"),
)


class Line(NamedTuple):
    """A column in the form: what it is now, and some of its cells."""

    column: str
    to: str
    name: str
    read_as: str
    examples: list[str]


def limit_upload() -> None:
    """Before anything of a form is read: how large it may be."""
    uploads = {
        "console.import_upload": MAX_UPLOAD,
        "console.image_upload": MAX_IMAGES,
        "console.list_create": MAX_LIST,
        "console.list_replace": MAX_LIST,
    }
    request.max_content_length = uploads.get(str(request.endpoint), MAX_FORM)


def index() -> str:
    """The list."""
    with console().store.read() as tx:
        found = imports.all_imports(tx, PAGE, number_arg("before"))
        taken = {item.id: imports.taken(tx, item.source_id) for item in found}
    more = found[-1].id if len(found) == PAGE else None
    return render_template("console/imports.html", imports=found, taken=taken, more=more)


def new(wrong: str | None = None) -> str:
    """The form for a file."""
    if not g.visitor.can_change:
        abort(403, "Your role may not bring people in.")
    return render_template("console/import_new.html", wrong=wrong, form=request.form)


def upload() -> Answer | tuple[str, int]:
    """Keep the file until it is said what its columns are."""
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        return new("Choose a file first."), 422

    def save(out: BinaryIO) -> None:
        sent.save(out, 1 << 20)

    here = console()
    made = drafts.keep(
        here.settings,
        save,
        sent.filename.replace("\\", "/").rpartition("/")[2].replace("\0", "")[:200],
        ACCOUNTS if request.form.get("as") == "accounts" else USERS,
        request.form.get("encoding") or None,
        request.form.get("delimiter") or None,
        here.now(),
    )
    try:
        made.plan(checked=False)
    except TransferError as error:
        drafts.drop(here.settings, made.token)
        return new(_sentence(error)), 422
    return redirect(url_for("console.import_draft", token=made.token), 303)


def draft(token: str) -> str:
    """What the file is taken for, to be changed."""
    if not g.visitor.can_change:
        abort(403, "Your role may not bring people in.")
    waiting = _draft_or_404(token)
    columns = None
    with console().store.read() as tx:
        tried = imports.by_id(tx, number_arg("tried") or 0)
    if tried is not None:
        columns = tried.mapping["columns"]
    try:
        preview = importing.preview(waiting.plan(columns, checked=False))
    except TransferError as error:
        abort(400, _sentence(error))
    return _mapping_page(waiting, preview, _lines(preview))


def decide(token: str) -> str | Answer | tuple[str, int]:
    """Try the file, or bring it in, with the columns as the form has them."""
    here, waiting = console(), _draft_or_404(token)
    what = request.form.get("what", "")
    if what == "drop":
        drafts.drop(here.settings, token)
        flash("The file is thrown away; nothing was brought in.", "good")
        return redirect(url_for("console.imports"), 303)
    if what not in ("try", "start"):
        abort(400, "Unknown change.")
    with here.store.read() as tx:
        tried = imports.by_id(tx, number_arg("tried") or 0)
    columns = tried.mapping["columns"] if tried is not None else None
    preview = importing.preview(waiting.plan(columns, checked=False))
    lines = _typed(preview)
    try:
        found = waiting.plan({line.column: _told(line) for line in lines})
    except TransferError as error:
        return _mapping_page(waiting, preview, lines, _sentence(error)), 422
    try:
        importing.refuse_if_forgotten(here.store, waiting.at)
    except TransferError as error:
        drafts.drop(here.settings, token)
        return new(_sentence(error)), 422
    working = Background(here.store, here.settings)
    if what == "try":
        item = working.begin(found, author(), here.now(), dry_run=True, keeps=True)
        return redirect(url_for("console.import_one", number=item.id, draft=token), 303)
    # As of when it was handed over: who is deleted meanwhile does not come back with it.
    item = working.begin(found, author(), waiting.at)
    if item.state == "done":
        flash("This very file was brought in before, by this import.", "bad")
    drafts.drop(here.settings, token)
    return redirect(url_for("console.import_one", number=item.id), 303)


def one(number: int) -> str:
    """One import: how far it is, what it did, what was refused."""
    here = console()
    with here.store.read() as tx:
        item = _find(tx, number)
        waiting = drafts.find(here.settings, request.args.get("draft", ""))
        context = {
            "item": item,
            "taken": imports.taken(tx, item.source_id),
            "refusals": imports.refusals(tx, number, limit=20),
            "draft": waiting if item.dry_run else None,
            "active": item.state in imports.ACTIVE,
            "lines": _stored(item),
        }
    name = "import_state.html" if "HX-Target" in request.headers else "import.html"
    return render_template(f"console/{name}", **context)


def refused(number: int) -> Response:
    """The lines that were refused, as CSV: line, column, reason; never their values."""
    here = console()
    with here.store.read() as tx:
        _find(tx, number)

    def rows() -> Iterator[str]:
        with here.store.read() as tx:
            yield "line,column,reason\n"
            for row in imports.all_refusals(tx, number):
                out = io.StringIO()
                csv.writer(out, lineterminator="\n").writerow(row)
                yield out.getvalue()

    headers = {"Content-Disposition": f'attachment; filename="refused-{number}.csv"'}
    return Response(rows(), content_type="text/csv; charset=utf-8", headers=headers)


def undo(number: int) -> Answer:
    """Take an import back."""
    here = console()
    with here.store.read() as tx:
        item = _find(tx, number)
    if request.form.get("confirm", "").strip() != item.name:
        flash("The name didn't match; nothing was taken back.", "bad")
        return redirect(url_for("console.import_one", number=number), 303)
    try:
        Background(here.store, here.settings).undo(item, author(), here.now())
    except TransferError as error:
        flash(_sentence(error), "bad")
    return redirect(url_for("console.import_one", number=number), 303)


def _find(tx: Connection, number: int) -> Import:
    item = imports.by_id(tx, number) if number < 2**31 else None
    if item is None:
        abort(404, f"There is no import {number}.")
    return item


def _draft_or_404(token: str) -> Draft:
    found = drafts.find(console().settings, token)
    if found is None:
        abort(404, "This file is not here any more: it waits for two hours. Upload it again.")
    return found


def _mapping_page(
    waiting: Draft, preview: dict[str, Any], lines: list[Line], wrong: str | None = None
) -> str:
    targets = [
        (key, word) for key, word in TARGETS if key != "group_id" or waiting.collection == ACCOUNTS
    ]
    return render_template(
        "console/import_draft.html",
        draft=waiting,
        preview=preview,
        lines=lines,
        wrong=wrong,
        targets=targets,
        read_as=READ_AS,
    )


def _lines(preview: dict[str, Any]) -> list[Line]:
    """The form's lines for what a file is taken for."""
    return [
        Line(
            item["column"],
            *_as_shown(item["column"], item["to"]),
            f"date:{item['format']}" if item.get("format") else item["type"],
            item["examples"],
        )
        for item in preview["columns"]
    ]


def _as_shown(column: str, to: str) -> tuple[str, str]:
    """What a target is in the form, and the name beside it."""
    if to.startswith("traits."):
        return TRAIT, to.removeprefix("traits.")
    if to.startswith(CUSTOM):
        return OWN_ID, to.removeprefix(CUSTOM)
    return to, trait_name(column)


def _typed(preview: dict[str, Any]) -> list[Line]:
    """The form's lines as they were sent; what was not sent stays as it was guessed."""
    lines = []
    for number, line in enumerate(_lines(preview)):
        to = request.form.get(f"to.{number}", line.to)
        name = request.form.get(f"name.{number}", line.name).strip()
        read_as = request.form.get(f"as.{number}", line.read_as)
        lines.append(line._replace(to=to, name=name, read_as=read_as))
    return lines


def _told(line: Line) -> dict[str, Any]:
    """A line as a mapping has it."""
    type_, _, pattern = line.read_as.partition(":")
    to = line.to
    if to == TRAIT:
        to = f"traits.{line.name or trait_name(line.column)}"
    elif to == OWN_ID:
        to = f"{CUSTOM}{line.name.lower()}"
    elif to not in (*IDS, TIME, IGNORE):
        abort(400, "Unknown kind of column.")
    return {"to": to, "type": type_, **({"format": pattern} if pattern else {})}


def _stored(item: Import) -> list[tuple[str, str]]:
    """What the columns of an import were taken for."""
    return [(name, column["to"]) for name, column in item.mapping["columns"].items()]


def _sentence(error: TransferError) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."
