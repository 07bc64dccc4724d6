"""Versions of a journey: what each changed, in words and drawn; and the way back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from flask import abort, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from cdp.console import layout
from cdp.console.auth import author
from cdp.console.conditions import as_sentence
from cdp.console.context import console
from cdp.console.defined import shown_versions
from cdp.console.journeys.overview import TONES, find
from cdp.console.journeys.said import KIND, canvas
from cdp.definitions import DefinitionError
from cdp.journeys import Read, Step
from cdp.store.config_rows import NameTaken
from cdp.store.defined import defining
from cdp.store.defined.defining import NoSuchDefinition, StillUsed
from cdp.store.journeys import drafts as journey_drafts
from cdp.store.journeys import runs as journey_runs
from cdp.store.journeys.launched import STOPPED


def index(key: str) -> str:
    """All versions, the newest first."""
    inside = Counter[int]()
    with console().store.read() as tx:
        found = find(tx, key)
        kept = shown_versions(tx, (KIND, key))
        if found.row is not None:
            for at in journey_runs.standings(tx, found.row.id):
                inside[at.version] += at.n
    return render_template(
        "console/journey_versions.html", found=found, versions=kept, inside=inside, tones=TONES,
        tab="versions",
    )  # fmt: skip


def compare(key: str) -> str:
    """Two versions, or a version and the draft, drawn one beside the other."""
    one, other = layout.number_arg("from"), layout.number_arg("to")
    with console().store.read() as tx:
        found = find(tx, key)
        bodies = {v.version: v.body for v, _ in shown_versions(tx, (KIND, key)) if v.body}
        if other is None and found.draft is not None:
            after: Mapping[str, Any] | None = found.draft.body
        else:
            after = bodies.get(other or 0)
        before = bodies.get(one or 0)
        if before is None or after is None:
            abort(404, "There are no such versions to compare.")
        marked = marks(key, before, after)
        given = [canvas(tx, key, body, editable=False) for body in (before, after)]
    for side, mark in zip(given, marked, strict=True):
        for name in ("counts", "edit"):
            side["addresses"].pop(name, None)
        side["marks"] = mark
    return render_template(
        "console/journey_compare.html", found=found, given=given, one=one, other=other,
        marks=marked,
    )  # fmt: skip


def marks(
    key: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> tuple[dict[str, str], dict[str, str]]:
    """What is removed, added or changed, by where it stands in either body."""
    old, new = (Read(key, body).steps for body in (before, after))
    gone = {
        step.field: "changed" if id_ in new else "removed"
        for id_, step in old.items()
        if id_ not in new or _own(new[id_]) != _own(step)
    }
    come = {
        step.field: "changed" if id_ in old else "added"
        for id_, step in new.items()
        if id_ not in old or _own(old[id_]) != _own(step)
    }
    rest = [{n: v for n, v in body.items() if n != "steps"} for body in (before, after)]
    if rest[0] != rest[1]:
        gone["start"] = come["start"] = "changed"
    return gone, come


def _own(step: Step) -> tuple[str, Any]:
    """What a step says itself, without the steps inside of it."""

    def bare(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {
                name: True if name in _INNER and isinstance(item, list) else bare(item)
                for name, item in value.items()
            }
        return [bare(item) for item in value] if isinstance(value, list) else value

    return step.kind.name, bare(step.spec)


#: Fields of steps in which further steps stand.
_INNER = frozenset({"then", "else", "on_timeout", "on_error", "on_reject"})


def remove(key: str) -> Response:
    """Remove a journey that runs no more, once its key was typed."""
    back = redirect(url_for("console.journey_versions", key=key), 303)
    if not layout.confirmed(key):
        return back
    try:
        with console().store.write() as tx:
            found = find(tx, key)
            if found.row is not None and found.row.state != STOPPED:
                flash("Not removed: stop it first.", "bad")
                return back
            if found.version is not None:
                defining.remove(tx, console().now(), (KIND, key), author())
            journey_drafts.drop(tx, key)
    except StillUsed as error:
        flash(f"Not removed: {'; '.join(error.users)}.", "bad")
        return back
    flash("Removed. Its versions and runs are kept.", "good")
    return redirect(url_for("console.journeys"), 303)


def revert(key: str) -> Response:
    """Make an older version the newest; what runs stays until it is launched."""
    to = layout.number_arg("to") or 0
    try:
        with console().store.write() as tx:
            defining.revert(tx, console().now(), (KIND, key), to, author())
            journey_drafts.drop(tx, key)
    except (NoSuchDefinition, DefinitionError, NameTaken, StillUsed) as error:
        flash(as_sentence(f"version {to} can't come back: {error}"), "bad")
        return redirect(url_for("console.journey_versions", key=key), 303)
    flash(f"Version {to} is the newest again. Launch it to let people in by it.", "good")
    return redirect(url_for("console.journey", key=key), 303)
