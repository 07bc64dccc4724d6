"""Deleting a person, and giving them what is known of them."""

from __future__ import annotations

import tempfile

from flask import abort, flash, g, redirect, request, send_file, url_for
from werkzeug.wrappers import Response

from cdp.console.auth import author
from cdp.console.context import console
from cdp.console.persons import profile_or_404
from cdp.identity import public_id
from cdp.pipeline import forget
from cdp.store.privacy.dossier import take_out
from cdp.store.profiles import people
from cdp.store.profiles.regulations import DELETE_ONLY, SUPPRESS_WITH_DELETE
from cdp.store.tables import USERS


def access(profile: str) -> Response:
    """Everything that is known of a person, as a ZIP."""
    if not g.visitor.can_change:
        abort(403, "Your role may not take people's data out.")
    here = console()
    file = tempfile.TemporaryFile()  # noqa: SIM115  closed with the answer
    with here.store.read() as tx:
        found = profile_or_404(tx, profile)
    take_out(here.store, found, here.now(), author(), "console", file)
    name = public_id(found.collection, found.anchor)
    file.seek(0)
    return send_file(file, "application/zip", as_attachment=True, download_name=f"{name}.zip")


def delete(profile: str) -> Response:
    """Begin to delete a person, if one of their identifiers was typed."""
    here = console()
    with here.store.read() as tx:
        found = profile_or_404(tx, profile)
        own = [(row.type, row.value) for row in people.identifiers_of(tx, found.id)]
    if found.collection != USERS:
        abort(400, "Only people can be deleted, not accounts.")
    user_ids = [item for item in own if item[0] == "user_id"]
    typed = request.form.get("confirm", "").strip()
    if typed not in [value for _, value in own]:
        flash("That is none of their identifiers; nobody was deleted.", "bad")
        return redirect(url_for("console.person_tab", profile=profile, tab="identifiers"), 303)
    refuse = bool(request.form.get("suppress")) and bool(user_ids)
    hours = here.settings.delete_within_hours
    forget.regulate(
        here.store,
        SUPPRESS_WITH_DELETE if refuse else DELETE_ONLY,
        user_ids or own[:1],
        author(),
        here.now(),
        hours,
    )
    flash(f"They are gone from here in a moment, and to the last byte within {hours:g} h.", "good")
    return redirect(url_for("console.deletions"), 303)
