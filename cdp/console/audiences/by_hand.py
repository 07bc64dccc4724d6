"""Lists that are kept by hand: putting people on them and taking them off; members as CSV."""

from __future__ import annotations

from flask import Response, abort, flash, redirect, request, url_for
from werkzeug.wrappers import Response as Answer

from cdp.console import auth
from cdp.console.auth import author
from cdp.console.context import console
from cdp.events import format_time
from cdp.store.audiences import membership
from cdp.store.defined import by_hand
from cdp.transfer.members import export_members, named

#: Types of identifiers that the form offers.
TYPES = ("user_id", "email", "anonymous_id", "group_id")


def change(plural: str, key: str) -> Answer:
    """Put people on a list, or take them off."""
    back = redirect(url_for("console.defined_one", plural=plural, key=key), 303)
    type_ = request.form.get("type", TYPES[0])
    text = request.form.get("people", "")
    file = request.files.get("file")
    if file is not None and file.filename:
        try:
            text = f"{text}\n{file.read().decode()}"
        except UnicodeDecodeError:
            flash("The file is no text in UTF-8. Save it as CSV in UTF-8.", "bad")
            return back
    names = named(text, type_ if type_ in TYPES else TYPES[0])
    if not names or len(names) > by_hand.MOST:
        flash(f"Name somebody, one a line; {by_hand.MOST:,} at most at once.", "bad")
        return back
    off = request.form.get("what") == "remove"
    try:
        with console().store.write() as tx:
            add, remove = ([], names) if off else (names, [])
            done = by_hand.change(tx, key, add, remove, console().now())
    except by_hand.NoSuchList:
        abort(404, f"There is no list {key} that is kept by hand.")
    n = done.removed if off else done.added
    flash(f"{n:,} {'taken off' if off else 'put on it'}.", "good" if n else "wait")
    if done.unknown:
        some = ", ".join(done.unknown[:5]) if auth.current().sees_personal else "names"
        flash(f"{len(done.unknown):,} are known of nobody: {some[:300]}.", "wait")
    return back


def export(key: str) -> Response:
    """The members as CSV."""
    if not auth.current().sees_personal:
        abort(403, "Your role does not see personal data, and may not take it away either.")
    store = console().store
    with store.read() as tx:
        state = membership.states(tx, "audience", key).get(key)
    if state is None:
        abort(404, f"There is no audience {key} that is worked out.")

    name = f"{key}-{format_time(console().now())[:10]}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    pieces = export_members(store, state, author(), "console")
    return Response(pieces, mimetype="text/csv", headers=headers)
