"""What templates, layouts and snippets have in common: versions, the way back, removal."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from cdp.console import layout
from cdp.console.auth import author
from cdp.console.context import console
from cdp.console.defined import shown_versions
from cdp.definitions import DefinitionError, Id, title_of
from cdp.store.config_rows import NameTaken
from cdp.store.defined import defining
from cdp.store.defined.defining import NoSuchDefinition, StillUsed


def versions(key: str, kind: str = "template") -> str:
    """What it said before, with the way back."""
    with console().store.read() as tx:
        kept = shown_versions(tx, (kind, key))
    if not kept:
        abort(404, f"There is no such {kind}.")
    return versions_page((kind, key), kept)


def versions_page(id_: Id, kept: list[Any]) -> str:
    """The page of what `shown_versions` found."""
    kind, key = id_
    last = next(version for version, _ in kept if version.body is not None)
    return render_template(
        "console/written_versions.html",
        kind=kind,
        key=key,
        name=title_of(key, last.body or {}),
        gone=kept[0][0].body is None,
        versions=kept,
        revert_address=url_for(f"console.{kind}_revert", key=key),
    )


def revert(key: str, kind: str = "template") -> Response:
    """Make an older version hold again."""
    to = layout.number_arg("to") or 0
    try:
        with console().store.write() as tx:
            defining.revert(tx, console().now(), (kind, key), to, author())
        flash(f"Version {to} holds again.", "good")
    except (NoSuchDefinition, DefinitionError, NameTaken, StillUsed) as error:
        flash(f"Version {to} can't hold again: {error}.", "bad")
    return redirect(url_for(f"console.{kind}_versions", key=key), 303)


def remove(key: str, kind: str = "template") -> Response:
    """Remove one that nobody uses, once its key was typed."""
    if not layout.confirmed(key):
        return redirect(url_for(f"console.{kind}_versions", key=key), 303)
    try:
        with console().store.write() as tx:
            defining.remove(tx, console().now(), (kind, key), author())
    except NoSuchDefinition:
        abort(404, "It is gone already.")
    except StillUsed as error:
        flash(f"Not removed: {'; '.join(error.users)}.", "bad")
        return redirect(url_for(f"console.{kind}_versions", key=key), 303)
    flash("Removed. Its versions are kept, so that it can come back.", "good")
    return redirect(url_for(f"console.{kind}_versions", key=key), 303)
