"""``/api/imports``: people and accounts from a table file."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from flask import Flask, current_app, request
from marshmallow import Schema, fields, validate
from sqlalchemy import Connection

from cdp.api.errors import ApiError, not_found, sentence, wrong_fields
from cdp.api.fields import Empty, PageQuery, Words, following, place
from cdp.api.masking import personal
from cdp.api.room import EXTENSION, Here, Room, author, here, page_of
from cdp.events import format_time
from cdp.store.profiles import imports
from cdp.store.profiles.imports import Import
from cdp.store.tables import ACCOUNTS, USERS
from cdp.transfer import importing
from cdp.transfer.background import Background, folder
from cdp.transfer.errors import TransferError
from cdp.transfer.importing import Options, Plan

room = Room("imports", "People and accounts from a table file, and taking them back.")

#: Larger files are for the command line, which reads them where they are.
MAX_UPLOAD = 256 * 1024 * 1024
FORMATS = ("csv", "jsonl", "parquet")


class ImportSchema(Schema):
    """An import and how far it is."""

    id = fields.Integer()
    at = fields.String()
    author = fields.String()
    file = fields.String()
    format = fields.String()
    as_ = fields.String(data_key="as")
    columns = fields.Dict(metadata=personal("no", "What each column is."))
    dry_run = fields.Boolean()
    state = fields.String(
        validate=validate.OneOf(["waiting", "running", "done", "failed", "undoing", "undone"])
    )
    error = fields.String(allow_none=True)
    share = fields.Float(metadata={"description": "How much of the file is read, from 0 to 1."})
    rows = fields.Integer(metadata={"description": "Rows that are good, so far."})
    taken = fields.Integer(metadata={"description": "Rows that have reached profiles."})
    refused = fields.Integer()
    suppressed = fields.Integer(metadata={"description": "Rows about suppressed people."})
    result = fields.Dict(
        allow_none=True, metadata={"description": "What a dry run found: counts and examples."}
    )
    finished_at = fields.String(allow_none=True)


class FileQuery(Schema):
    """What the file is; what is not said is found out."""

    as_ = fields.String(
        data_key="as", load_default="people", validate=validate.OneOf(["people", "accounts"])
    )
    name = Words(metadata={"description": "The file's name, where it is sent as the body."})
    format = fields.String(validate=validate.OneOf(FORMATS))
    encoding = Words()
    delimiter = Words()
    mapping = fields.String(
        validate=validate.Length(max=100_000),
        metadata={
            "description": 'JSON: `{"Column": "traits.plan", "Age": {"to": …, "type": "number"}}`. '
            "May be a field of the form as well. Columns that it does not name are ignored."
        },
    )


class ImportQuery(FileQuery):
    """What the file is, and what to do with it."""

    dry_run = fields.Boolean(
        load_default=False, metadata={"description": "Find out what would happen; write nothing."}
    )
    again = fields.Boolean(
        load_default=False, metadata={"description": "Bring in a file that was brought before."}
    )


class ColumnSchema(Schema):
    """What a column is taken for."""

    column = fields.String()
    to = fields.String()
    type = fields.String()
    format = fields.String(allow_none=True)
    examples = fields.List(fields.String(), metadata=personal("no"))


class PreviewSchema(Schema):
    """What a file is taken for."""

    file = fields.String()
    format = fields.String()
    encoding = fields.String(allow_none=True)
    delimiter = fields.String(allow_none=True)
    columns = fields.List(fields.Nested(ColumnSchema))


class RefusalSchema(Schema):
    """A line that was not taken."""

    line = fields.Integer()
    column = fields.String(allow_none=True)
    reason = fields.String()


def install(app: Flask, found: Here) -> None:
    """Let the app work on imports, and go on with those that a killed server left."""
    background = Background(found.store, found.settings)
    app.extensions[EXTENSION + ".imports"] = background
    background.resume()


def _background() -> Background:
    found: Background = current_app.extensions[EXTENSION + ".imports"]
    return found


def _shown(tx: Connection, item: Import) -> dict[str, Any]:
    finished = item.finished_at
    counts = imports.taken(tx, item.source_id)
    return {
        "id": item.id,
        "at": format_time(item.at),
        "author": item.author,
        "file": item.name,
        "format": item.format,
        "as_": "accounts" if item.collection == ACCOUNTS else "people",
        "columns": item.mapping["columns"],
        "dry_run": item.dry_run,
        "state": item.state,
        "error": item.error,
        "share": item.share,
        "rows": item.rows,
        "taken": counts["taken"],
        "suppressed": counts["suppressed"],
        "refused": item.refused,
        "result": item.result,
        "finished_at": format_time(finished) if finished is not None else None,
    }


def _find(tx: Connection, number: int) -> Import:
    item = imports.by_id(tx, number) if number < 2**31 else None
    if item is None:
        raise not_found(f"There is no import {number}.")
    return item


@contextmanager
def _uploaded(query: dict[str, Any]) -> Iterator[Plan]:
    """The file of the request, kept in the data folder while in use, unless it was moved."""
    path = folder(here().settings) / f"upload-{secrets.token_hex(8)}"
    try:
        name = query.get("name") or _save(path)
        if not path.exists():
            _save(path)
        mapping = query.get("mapping") or request.form.get("mapping")
        columns = None
        if mapping:
            try:
                columns = msgspec.json.decode(mapping)
            except msgspec.DecodeError as error:
                raise wrong_fields({"mapping": [str(error)]}) from None
        kind = ACCOUNTS if query["as_"] == "accounts" else USERS
        options = Options(
            kind, query.get("format"), query.get("encoding"), query.get("delimiter"), columns
        )
        try:
            yield importing.plan(path, name, options)
        except TransferError as error:
            raise wrong_fields({"file": [str(error)]}) from None
    finally:
        path.unlink(missing_ok=True)


def _save(path: Path) -> str:
    """Put the upload into a file; returns the name that it came with."""
    sent = request.files.get("file")
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        if sent is not None:
            sent.save(out, 1 << 20)
            return (sent.filename or "upload").rpartition("/")[2][:200]
        if request.mimetype == "multipart/form-data":
            raise wrong_fields({"file": ["The form has no file called file."]})
        while piece := request.stream.read(1 << 20):
            out.write(piece)
    return "upload"


_FILE = {
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {
                    "file": {"type": "string", "format": "binary"},
                    "mapping": {"type": "string"},
                },
                "required": ["file"],
            }
        },
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
    }
}


@room.on(
    "POST",
    "/imports/preview",
    "profiles:write",
    query=FileQuery,
    gives=PreviewSchema,
    takes=_FILE,
    max_body=MAX_UPLOAD,
)
def preview_import(query: dict[str, Any]) -> dict[str, Any]:
    """Say what a file would be taken for; nothing is kept."""
    with _uploaded(query) as found:
        return importing.preview(found)


@room.on(
    "POST",
    "/imports",
    "profiles:write",
    query=ImportQuery,
    gives=ImportSchema,
    status=202,
    takes=_FILE,
    max_body=MAX_UPLOAD,
)
def start_import(query: dict[str, Any]) -> dict[str, Any]:
    """Bring people or accounts in from a file, as the body or a form's file.

    It goes on in the background. The same file with the same mapping is brought in
    once: a second time answers with the import that did. Its messages are history,
    which starts and sends nothing.
    """
    where = here()
    dry_run = query["dry_run"]
    with _uploaded(query) as found:
        item = _background().begin(found, author(), where.now(), dry_run, query["again"])
    with where.store.read() as tx:
        return _shown(tx, _find(tx, item.id))


@room.on("GET", "/imports", "profiles:read", query=PageQuery, gives=page_of(ImportSchema))
def list_imports(query: dict[str, Any]) -> dict[str, Any]:
    """List imports, newest first."""
    limit = query["limit"]
    with here().store.read() as tx:
        items = imports.all_imports(tx, limit, place(query))
        data = [_shown(tx, item) for item in items]
    return {"data": data, "next": following(items, limit, items[-1].id if items else None)}


@room.on("GET", "/imports/<int:number>", "profiles:read", gives=ImportSchema)
def get_import(number: int) -> dict[str, Any]:
    """One import."""
    with here().store.read() as tx:
        return _shown(tx, _find(tx, number))


@room.on(
    "GET",
    "/imports/<int:number>/refused",
    "profiles:read",
    query=PageQuery,
    gives=page_of(RefusalSchema),
)
def list_refused_lines(query: dict[str, Any], number: int) -> dict[str, Any]:
    """List the lines that were not taken, with column and reason; never their values."""
    limit = query["limit"]
    with here().store.read() as tx:
        _find(tx, number)
        rows = imports.refusals(tx, number, place(query) or 0, limit)
    last = rows[-1].line if rows else None
    return {"data": [row._asdict() for row in rows], "next": following(rows, limit, last)}


@room.on(
    "POST",
    "/imports/<int:number>/undo",
    "profiles:write",
    body=Empty,
    gives=ImportSchema,
    status=202,
)
def undo_import(_body: dict[str, Any], number: int) -> dict[str, Any]:
    """Take all back that an import brought, as if it had never been there; in the background."""
    where = here()
    with where.store.read() as tx:
        item = _find(tx, number)
    try:
        _background().undo(item, author(), where.now())
    except TransferError as error:
        raise ApiError(409, "conflict", sentence(error)) from None
    with where.store.read() as tx:
        return _shown(tx, _find(tx, number))
