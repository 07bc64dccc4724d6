"""Catalogue: which fields are personal, proposed by their look and decided by people."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from cdp.console import layout
from cdp.console.auth import author
from cdp.console.context import console
from cdp.console.format import plural
from cdp.protocols import NoField
from cdp.store.catalogue.fields import STATES, decide, known_fields

PAGE = 100
_SAID = {"personal": True, "open": False, "undecided": None}


def index() -> str:
    """The fields; first of all those that look personal and wait for somebody to say so."""
    state = request.args.get("state", STATES[0])
    if state not in STATES:
        abort(404, f"There are no fields called {state}.")
    q = request.args.get("q", "").strip()[:200].replace("\0", "")
    start = layout.number_arg("from") or 0
    with console().store.read() as tx:
        every = known_fields(tx)
        found = known_fields(tx, state, q) if q or state != "all" else every
    numbers = {
        "waiting": sum(item.waits for item in every),
        "personal": sum(item.personal for item in every),
        "open": sum(not item.personal for item in every),
        "all": len(every),
    }
    return render_template(
        "console/catalogue_personal.html",
        tab="personal",
        state=state,
        q=q,
        numbers=numbers,
        found=found[start : start + PAGE],
        total=len(found),
        start=start,
        more=start + PAGE if start + PAGE < len(found) else None,
    )


def change() -> Response:
    """Say of some fields that they are personal, are not, or are left to their look."""
    said, fields = request.form.get("said", ""), request.form.getlist("field")
    if said not in _SAID:
        abort(400, "Unknown change.")
    here = console()
    decisions: dict[str, Any] = dict.fromkeys(fields, _SAID[said])
    try:
        with here.store.write() as tx:
            keys = decide(tx, here.now(), decisions, author())
    except NoField as error:
        abort(400, str(error))
    if not keys:
        flash("No field was chosen; nothing was changed.", "bad")
    else:
        words = {
            "personal": "taken for personal, and masked for viewers",
            "open": "open to everybody who may log in",
            "undecided": "proposed by their look again",
        }
        verb = "is" if len(keys) == 1 else "are"
        flash(f"{plural(len(keys), 'field')} {verb} {words[said]}.", "good")
    return redirect(layout.back(url_for("console.catalogue_personal")).location, 303)
