"""Drawing a journey: the draft on the canvas, kept as one works, as text, and what it sends."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import msgspec
from flask import (
    Response,
    abort,
    flash,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from sqlalchemy import Connection
from werkzeug.wrappers import Response as Answer

from cdp.console import auth
from cdp.console.auth import author
from cdp.console.context import console
from cdp.console.journeys.overview import TONES, Found, find
from cdp.console.journeys.said import KIND, canvas, said
from cdp.console.messages import stationery, trials
from cdp.definitions.kind import KEY
from cdp.delivery.messages.trial import Known
from cdp.events import MalformedJSON, decode_json
from cdp.folder import remarks
from cdp.folder.reading import loader, plain
from cdp.folder.remarks import Remark
from cdp.journeys.steps import STEPS
from cdp.store.defined import defining
from cdp.store.journeys import drafts as journey_drafts
from cdp.store.journeys.drafts import StaleDraft

#: The largest draft (bytes of JSON).
MOST = 1_000_000


def edit(key: str) -> Response:
    """The canvas with the draft, or with the version that was saved last."""
    with console().store.read() as tx:
        found = find(tx, key)
        body, rev = _drawn(found)
        given = canvas(tx, key, body, rev=rev, editable=auth.current().can_change)
    text = render_template("console/journey_edit.html", found=found, given=given, tones=TONES)
    answer = make_response(text)
    answer.headers["Content-Security-Policy"] = stationery.POLICY  # messages are shown there
    return answer


def _drawn(found: Found) -> tuple[dict[str, Any], int]:
    if found.draft is not None:
        return found.draft.body, found.draft.rev
    return found.body, 0


def draft(key: str) -> Response:
    """Keep the draft; what is said of it, or the draft of somebody else who changed it."""
    given = given_json()
    body, rev = given.get("body"), given.get("rev")
    if not isinstance(body, dict) or not isinstance(rev, int) or not KEY.fullmatch(key):
        abort(400, "A draft is a body and the revision that it was made from.")
    try:
        with console().store.write() as tx:
            kept = keep(tx, key, body, rev)
            told = said(tx, key, body)
    except StaleDraft as error:
        now = error.now
        with console().store.read() as tx:
            theirs, their_rev = _drawn(find(tx, key))
        by = now.author if now else "Somebody"
        return _in_order(author=by, body=theirs, rev=their_rev)
    return jsonify(rev=kept.rev, **told)


def keep(tx: Connection, key: str, body: dict[str, Any], rev: int) -> journey_drafts.Draft:
    """Keep a draft in the name of who is looking."""
    from cdp.store import definitions

    version = definitions.current(tx, KIND, key)
    seen = version.version if version is not None else 0
    return journey_drafts.put(tx, key, body, seen, rev, author(), console().now())


def text(key: str) -> Response:
    """A body as YAML, or YAML as a body; what can't be read says where."""
    given = given_json()
    if isinstance(given.get("body"), dict):
        out = io.StringIO()
        loader().dump(given["body"], out)
        return jsonify(text=out.getvalue())
    written = given.get("text")
    if not isinstance(written, str):
        abort(400, "There is neither a body nor a text.")
    return _in_order(**_read(key, written))


def _read(key: str, written: str) -> dict[str, Any]:
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        body = plain(loader().load(written))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"Line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        return {"wrong": f"{where}{error.problem or error.context}"}
    except (YAMLError, ValueError, RecursionError) as error:
        return {"wrong": str(error).splitlines()[0] if str(error) else "nested too deeply"}
    if not isinstance(body, dict):
        return {"wrong": "A journey is lines of name: value."}
    # A whole file may be pasted as it is.
    if body.pop("kind", KIND) != KIND:
        return {"wrong": "This is the file of something else than a journey."}
    body.pop("key", None)
    body.pop("state", None)
    _keep_comments(body, remarks.read(written))
    return {"body": body}


def _keep_comments(body: dict[str, Any], found: Sequence[Remark]) -> None:
    """Comments that were typed become notes of their steps; others what the journey is for."""
    for remark in found:
        text = remark.text.lstrip("#").strip()
        if not text:
            continue
        holder, name = body, "description"
        at: Any = body
        for part in remark.path:
            at = at[part]
            if isinstance(part, int) and isinstance(at, dict) and not STEPS.keys().isdisjoint(at):
                holder, name = at, "note"
        before = holder.get(name)
        holder[name] = f"{before}\n{text}" if isinstance(before, str) and before else text


def discard(key: str) -> Answer:
    """Forget the draft; what was saved stays."""
    with console().store.write() as tx:
        found = find(tx, key)
        journey_drafts.drop(tx, key)
    if found.version is None and found.row is None:
        flash(f"The draft of {found.name} is thrown away.", "good")
        return redirect(url_for("console.journeys"), 303)
    flash("The changes are thrown away. What was saved last stays.", "good")
    return redirect(url_for("console.journey", key=key), 303)


def letter(template: str) -> Response:
    """What a template says to somebody, as JSON; the address says to whom, and of which event."""
    if not auth.current().sees_personal:
        abort(404, "Who may not see personal values does not see messages.")
    with console().store.read() as tx:
        try:
            shown = trials.look(tx, Known(tx, template), "")
        except defining.NoSuchDefinition:
            abort(404, f"There is no template {template}.")
    seen, wrong = shown.seen, shown.sample.wrong
    return jsonify(
        label=shown.face.label if shown.face is not None else "",
        person=shown.person,
        nobody=shown.nobody,
        fields=seen.fields,
        html=seen.html,
        text=seen.text,
        error=seen.error,
        missing=wrong,
        event=shown.sample.event,
    )


def _in_order(**said: Any) -> Response:
    """JSON with all fields in the order in which they were written."""
    return Response(msgspec.json.encode(said), mimetype="application/json")


def given_json() -> dict[str, Any]:
    """The JSON object that the canvas sent."""
    if (request.content_length or 0) > MOST:
        abort(413, "A journey of this size can't be kept.")
    try:
        given = decode_json(request.get_data())
    except MalformedJSON as error:
        abort(400, f"This is not JSON: {error}")
    if not isinstance(given, dict):
        abort(400, "This is no draft.")
    return given
