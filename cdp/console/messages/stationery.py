"""Templates of messages: the list, the form, its versions."""

from __future__ import annotations

from typing import Any, NamedTuple

from flask import abort, flash, make_response, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from cdp.console import defined, layout, security
from cdp.console.context import console
from cdp.console.defined import Form, key_of, shown_versions, version_or_404
from cdp.console.messages import block_form, template_form, trials
from cdp.console.messages import extras as template_extras
from cdp.console.messages.block_form import Done
from cdp.console.messages.sent import CHANNELS, DAY_MS
from cdp.console.messages.template_form import FIELDS, OF_LANGUAGE, all_languages
from cdp.console.messages.written import versions_page
from cdp.definitions import KINDS, title_of
from cdp.messaging.templates import building, names
from cdp.store import definitions
from cdp.store.defined import defining
from cdp.store.definitions import Version
from cdp.store.messages import broadcasts
from cdp.store.messages import reads as message_reads
from cdp.store.messages.reads import Which

KIND = KINDS["template"]
_DAYS = 30
_USERS = 2000
#: Looser than other pages': what a message looks like is inline; the frame runs nothing.
POLICY = (
    security.POLICY.replace("img-src 'self' data:", "img-src 'self' data: https: http:")
    + "; style-src 'self' 'unsafe-inline'"
)


class Line(NamedTuple):
    """A template in the list: whom it serves, and how many were sent lately."""

    key: str
    name: str
    channel: str
    topic: str
    users: list[tuple[str, str]]
    sent: int
    version: Version


def index() -> str:
    """All templates, the last changed first."""
    since = console().now() - _DAYS * DAY_MS
    with console().store.read() as tx:
        found = definitions.all_current(tx, KIND.name)
        users = _users(tx)
        which = Which(state="sent", since=since)
        rows = message_reads.counts(tx, which, ("template", "origin"))
    sent: dict[str, int] = {}
    for row in rows:
        if row["origin"] != trials.ORIGIN:
            sent[row["template"]] = sent.get(row["template"], 0) + row["total"]
    lines = [
        Line(
            one.key, title_of(one.key, body), body["channel"], body.get("topic", ""),
            users.get(one.key, []), sent.get(one.key, 0), one,
        )
        for one in found
        if (body := one.body) is not None
    ]  # fmt: skip
    lines.sort(key=lambda line: -line.version.at)
    return render_template("console/templates.html", lines=lines, channel_words=CHANNELS)


def _users(tx: Connection) -> dict[str, list[tuple[str, str]]]:
    """The journeys, topics and broadcasts of each template, as addresses with names."""
    found: dict[str, list[tuple[str, str]]] = {}
    known = defining.load(tx, KIND.name, "topic", "journey")
    for (kind, key), links in defining.links(known).items():
        for user in dict.fromkeys(one.id for one in links.used_by if kind == KIND.name):
            at = url_for("console.topics") if user[0] == "topic" else None
            at = at or url_for("console.journey", key=user[1])
            found.setdefault(key, []).append((at, title_of(user[1], known[user].body or {})))
    for row in broadcasts.page(tx, None, _USERS):
        body = row.body
        several = [*(body.get("variants") or []), *(body.get("channels") or [])]
        used = [body.get("template"), *(one.get("template") for one in several)]
        for key in dict.fromkeys(filter(None, used)):
            at = url_for("console.broadcast", key=row.key or str(row.id))
            found.setdefault(key, []).append((at, row.name))
    return found


def new() -> Response | str:
    """The choice of a channel, then an empty form."""
    channel = request.args.get("channel", "")
    if channel not in CHANNELS:
        return render_template("console/template_new.html", channel_words=CHANNELS)
    values: dict[str, Any] = {"channel": channel, "name": request.args.get("name", "")[:100]}
    if channel == "email" and request.args.get("with") == "blocks":
        values["blocks"] = [dict(block) for block in block_form.START]
    return _page(Form(values))


def create() -> Response | str:
    """Make one, or show how it would look."""
    channel = request.form.get("channel", "")
    if channel not in CHANNELS:
        abort(400, "Choose which way it goes.")
    values, wrong = template_form.typed({"channel": channel})
    key = request.form.get("key", "").strip() or key_of(values.get("name", ""))
    tried = _tried(key or "new", values, None)
    if tried is not None:
        return tried
    answer = _put(key, values, wrong, 0)
    if isinstance(answer, Form):
        return _page(answer._replace(values={**answer.values, "key": key}), status=422)
    flash(f"{title_of(key, answer)} is saved and can be used.", "good")
    return redirect(url_for("console.template", key=key), 303)


def edit(key: str) -> Response | str:
    """The form of one."""
    with console().store.read() as tx:
        kept = shown_versions(tx, (KIND.name, key))
        if kept and kept[0][0].body is None:
            return versions_page((KIND.name, key), kept)
        version = version_or_404(tx, (KIND.name, key))
    return _page(Form(dict(version.body or {}), {}, version.version), key)


def change(key: str) -> Response | str:
    """Another version, or how it would look."""
    seen = layout.number_arg("seen") or 0
    with console().store.read() as tx:
        old = version_or_404(tx, (KIND.name, key)).body or {}
    values, wrong = template_form.typed(old)
    tried = _tried(key, values, seen)
    if tried is not None:
        return tried
    answer = _put(key, values, wrong, seen)
    if isinstance(answer, Form):
        return _page(answer, key, status=422)
    flash("Saved. The next message says it.", "good")
    return redirect(url_for("console.template", key=key), 303)


def _put(
    key: str, values: dict[str, Any], wrong: dict[str, str], seen: int
) -> dict[str, Any] | Form:
    if wrong:
        return Form(values, wrong, seen)
    answer = defined.put(KIND, key, template_form.whole(values), seen)
    # Rows that are empty yet stay where they are.
    return answer._replace(values=values) if isinstance(answer, Form) else answer


def _tried(key: str, values: dict[str, Any], seen: int | None) -> Response | str | None:
    """The answer to who does not save, but looks or sends a test; None if it is to be saved."""
    order = request.form.get("edit", "")
    wanted = "edit" if order else request.form.get("do", "save")
    if wanted == "save":
        return None
    if wanted not in ("preview", "test", "edit"):
        abort(400, "Unknown action.")
    # A test is written down before its message is looked at.
    tested = trials.send(key, template_form.whole(values)) if wanted == "test" else None
    if layout.is_partial() and wanted == "test":
        return render_template("console/template_tested.html", tested=tested)
    if layout.is_partial() and wanted == "preview":
        return render_template(
            "console/template_preview.html",
            trial=trials.trial(key, template_form.whole(values)),
            swapped="go" in request.form,
        )
    form = Form(values, {}, seen or 0)
    if seen is None:
        form.values["key"] = request.form.get("key", "").strip()
    if order == "fallbacks":
        values["missing"] = "fallback"
        trial = trials.trial(key, template_form.whole(values))
        done = template_form.with_fallbacks(values, trial.variables)
    else:
        done = template_form.carry_out(values, order) if order not in ("", "show") else Done()
    if layout.is_partial():
        context = _fields(form, None if seen is None else key, done)
        answer = make_response(render_template("console/template_fields.html", **context))
        answer.headers["HX-Trigger-After-Settle"] = "redrawn"
        return answer
    return _page(form, None if seen is None else key, tested=tested, done=done)


def _fields(form: Form, key: str | None, done: Done = Done()) -> dict[str, Any]:  # noqa: B008
    """What the form itself shows, without the preview beside it."""
    channel, values = form.values["channel"], form.values
    shown = (*template_form.shown(channel), "key")
    languages = list(values.get("locales") or {})
    language = request.values.get("lang", "")
    if done.focus.startswith("language:"):
        language = done.focus.partition(":")[2]
    with console().store.read() as tx:
        topics, layouts = (
            [(one.key, title_of(one.key, one.body or {})) for one in found]
            for found in (
                definitions.all_current(tx, "topic"), definitions.all_current(tx, "layout"),
            )
        )  # fmt: skip
        picks = trials.picks(tx)
    return {
        "key": key,
        "form": form,
        "channel": channel,
        "channel_words": CHANNELS,
        "fields": FIELDS[channel],
        "of_language": OF_LANGUAGE[channel],
        "extras": template_extras.EXTRAS[channel],
        "tracks": channel in template_extras.TRACKED,
        "written": template_extras.written,
        "as_lines": template_extras.as_lines,
        "as_it_looks": template_form.as_it_looks,
        "needed": {several[0] for several in names.NEEDED[channel] if len(several) == 1},
        "values": {name: values.get(name, "") for name in shown},
        "wrong": {name: form.wrong.get(name) for name in shown},
        # What is wrong where the form has no field.
        "elsewhere": [text for name, text in form.wrong.items() if name not in shown],
        "topics": topics,
        "layouts": layouts,
        "picks": picks,
        "methods": [(name, name) for name in names.METHODS if name != "POST"],
        "languages": [(code, template_form.language_name(code)) for code in languages],
        "language": language if language in languages else "",
        "common": [one for one in all_languages() if one[0] not in languages],
        "types": building.TYPES,
        "inner": building.INNER,
        "done": done,
    }


def _page(
    form: Form,
    key: str | None = None,
    status: int = 200,
    tested: Any = None,
    done: Done = Done(),  # noqa: B008
) -> Response:
    channel = form.values["channel"]
    text = render_template(
        "console/template_form.html",
        trial=trials.trial(key or "new", template_form.whole(form.values)),
        tested=tested,
        to=trials.TO.get(channel),
        swapped=False,
        **_fields(form, key, done),
    )
    answer = make_response(text, status)
    answer.headers["Content-Security-Policy"] = POLICY
    return answer
