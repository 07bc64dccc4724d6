"""Uploaded lists that conditions ask: how large they are, who asks, and other values for them."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import NamedTuple

from flask import abort, flash, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from cdp.conditions.lists import BrokenList, read_values
from cdp.console import layout
from cdp.console.auth import author
from cdp.console.conditions import as_sentence
from cdp.console.context import console
from cdp.definitions import KINDS, Id, title_of
from cdp.store import config_rows, definitions
from cdp.store.audiences import lists
from cdp.store.audiences.lists import Listed, ListInUse, NoSuchList


class User(NamedTuple):
    """Who asks for a list: what it is, what it is called, and its page."""

    kind: str
    name: str
    address: str


class Draft(NamedTuple):
    """What was typed, and what is wrong with it by field."""

    key: str = ""
    text: str = ""
    wrong: Mapping[str, str] = {}


def index() -> str:
    """All lists, and the form for another."""
    return _index(Draft())


def _index(draft: Draft) -> str:
    with console().store.read() as tx:
        found = lists.all_lists(tx)
        used = {item.key: len(lists.users_of(tx, item.key)) for item in found}
    return render_template("console/lists.html", lists=found, used=used, draft=draft)


def create() -> Response | tuple[str, int]:
    """Keep a new list."""
    key = request.form.get("key", "").strip()
    wrong = {}
    if lists.KEY.fullmatch(key) is None:
        wrong["key"] = "Small letters, digits and _, a letter first, 60 characters at most."
    elif _there(key) is not None:
        wrong["key"] = f"There is a list {key} already: replace its values on its own page."
    made = _put(key, wrong)
    if isinstance(made, Draft):
        return _index(made), 422
    flash(f"{made.size:,} values are kept. Conditions can ask for them at once.", "good")
    return redirect(url_for("console.list_one", key=key), 303)


def one(key: str) -> str:
    """One list."""
    return _one(key, Draft())


def _one(key: str, draft: Draft) -> str:
    with console().store.read() as tx:
        try:
            found = lists.find(tx, key)
        except NoSuchList:
            abort(404, f"There is no list {key}. It may have been removed.")
        users = [_user(tx, id_) for id_ in lists.users_of(tx, key)]
        before = lists.before(tx, key)
    return render_template("console/list.html", one=found, users=users, before=before, draft=draft)


def _user(tx: Connection, id_: Id) -> User:
    kind, key = id_
    if kind == "destination":
        address = url_for("console.destination", key=key)
        row = config_rows.destination_by_key(tx, key)
        return User(kind, row.name if row else key, address)
    found = definitions.current(tx, kind, key)
    name = title_of(key, (found.body or {}) if found else {})
    if kind == "journey":
        return User(kind, name, url_for("console.journey", key=key))
    plural = KINDS[kind].plural
    return User(KINDS[kind].title, name, url_for("console.defined_one", plural=plural, key=key))


def replace(key: str) -> Response | tuple[str, int]:
    """Let a list have other values, and no others."""
    old = _there(key)
    if old is None:
        abort(404, f"There is no list {key}. It may have been removed.")
    made = _put(key, {})
    if isinstance(made, Draft):
        return _one(key, made), 422
    same = made.version == old.version
    told = "It had these values already." if same else f"It has these {made.size:,} values now."
    flash(told, "wait" if same else "good")
    return redirect(url_for("console.list_one", key=key), 303)


def revert(key: str) -> Response:
    """Let the values before the last upload hold again."""
    try:
        with console().store.write() as tx:
            made = lists.revert(tx, console().now(), key, author())
        flash(f"The {made.size:,} values of before hold again.", "good")
    except NoSuchList as error:
        flash(f"Nothing changed: {error}.", "bad")
    return redirect(url_for("console.list_one", key=key), 303)


def remove(key: str) -> Response:
    """Remove a list that nobody asks for, once its key was typed."""
    here = url_for("console.list_one", key=key)
    if not layout.confirmed(key):
        return redirect(here, 303)
    try:
        lists.remove(console().store, console().now(), key, author())
    except NoSuchList:
        abort(404, "It is gone already.")
    except ListInUse as error:
        flash(f"Not removed: {error}.", "bad")
        return redirect(here, 303)
    flash("Removed.", "good")
    return redirect(url_for("console.lists"), 303)


def _there(key: str) -> Listed | None:
    with console().store.read() as tx:
        return next((item for item in lists.all_lists(tx) if item.key == key), None)


def _put(key: str, wrong: dict[str, str]) -> Listed | Draft:
    """Keep the values of the form, of the file or as typed; or what is wrong with them."""
    text, file = request.form.get("values", ""), request.files.get("file")
    there = file is not None and bool(file.filename)
    try:
        if there and text.strip():
            raise BrokenList("choose a file or type the values, not both")
        stream = file.stream if file is not None and there else BytesIO(text.encode())
        values = read_values(stream)
    except BrokenList as error:
        wrong["file" if there else "values"] = f"Nothing changed. {as_sentence(str(error))}"
        return Draft(key, text, wrong)
    if wrong:
        return Draft(key, text, wrong)
    return lists.put(console().store, console().now(), key, values, author())
