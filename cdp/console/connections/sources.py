"""Connections: sources, their snippets and their health."""

from __future__ import annotations

import secrets
from typing import NamedTuple

from flask import abort, flash, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from cdp.console.auth import author
from cdp.console.context import console
from cdp.console.names import name_trouble, slug
from cdp.console.snippets import snippets
from cdp.store import config_rows
from cdp.store.config_rows import NameTaken, Source
from cdp.store.events import console_queries
from cdp.store.events.console_queries import MINUTE_MS, SourceCount

#: A source that has been silent for longer is not looked up further back.
SILENT_DAYS = 30


class SourceLine(NamedTuple):
    """A source in the list, with what it sent in the last 24 h."""

    source: Source
    sent: SourceCount
    last: int | None
    points: list[int]


def index() -> str:
    """The list."""
    with console().store.read() as tx:
        lines = [_line(tx, source) for source in config_rows.own_sources(tx)]
    return render_template("console/sources.html", lines=lines)


def page(key: str) -> str:
    """One source: its health, its key, its snippets."""
    with console().store.read() as tx:
        source = source_or_404(tx, key)
        line = _line(tx, source)
    return render_template(
        "console/source.html", line=line, source=source, snippets=snippets(source.write_key)
    )


def new() -> str:
    """The form for another source."""
    return render_template("console/source_new.html", name="", wrong=None)


def create() -> Response | tuple[str, int]:
    """Make a source and show its snippets."""
    name = request.form.get("name", "").strip()
    wrong = name_trouble(name)
    key = slug(name)
    if wrong is None:
        here = console()
        try:
            with here.store.write() as tx:
                config_rows.add_source(tx, here.now(), key, name, new_write_key(), author())
        except NameTaken:
            wrong = f"There is a source with the key {key} already. Choose another name."
    if wrong is not None:
        return render_template("console/source_new.html", name=name, wrong=wrong), 422
    flash(f"{name} is ready. Paste a snippet into its app.", "good")
    return redirect(url_for("console.source", key=key), 303)


def change(key: str) -> Response:
    """Rename, enable, disable, or give another write key."""
    here = console()
    message: tuple[str, str]
    what = request.form.get("what", "")
    name = request.form.get("name", "").strip()
    with here.store.write() as tx:
        source = source_or_404(tx, key)
        if what == "rename":
            wrong = name_trouble(name)
            if wrong is None:
                config_rows.change_source(tx, here.now(), source, author(), name=name)
            message = (wrong, "bad") if wrong else (f"It is called {name} now.", "good")
        elif what in ("enable", "disable"):
            on = what == "enable"
            config_rows.change_source(tx, here.now(), source, author(), enabled=on)
            message = (f"{source.name} is {what}d.", "good")
        elif what == "rotate":
            if request.form.get("confirm", "").strip() != source.name:
                message = ("The name didn't match; the key stays.", "bad")
            else:
                fresh = new_write_key()
                config_rows.change_source(tx, here.now(), source, author(), write_key=fresh)
                message = ("The new write key works; the old one no longer does.", "good")
        else:
            abort(400, "Unknown change.")
    flash(*message)
    return redirect(url_for("console.source", key=key), 303)


def source_or_404(tx: Connection, key: str) -> Source:
    """The source called ``key``."""
    for source in config_rows.all_sources(tx):
        if source.key == key:
            return source
    abort(404, f"There is no source called {key}.")


def new_write_key() -> str:
    """A random write key."""
    return secrets.token_hex(16)


def _line(tx: Connection, source: Source) -> SourceLine:
    minute = console().now() // MINUTE_MS
    count = console_queries.counts_by_source(tx, minute - 24 * 60).get(
        source.id, SourceCount(0, 0, None)
    )
    last = count.last_minute
    if last is None:
        last = console_queries.last_minute(tx, source.id, minute - SILENT_DAYS * 24 * 60)
    by_minute = console_queries.events_by_minute(tx, minute - 24 * 60, minute, source.id)
    points = [0] * 24
    for at, n in by_minute.items():
        points[min(23, 23 - (minute - at) // 60)] += n
    return SourceLine(source, count, last * MINUTE_MS if last is not None else None, points)
