"""Templates of messages: the list, the form, its versions."""

from __future__ import annotations

from typing import Any, NamedTuple

from flask import abort, flash, make_response, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from cdp.console import defined, layout, security, trials
from cdp.console.context import console
from cdp.console.defined import Form, key_of, shown_versions, version_or_404
from cdp.console.messages import CHANNELS, DAY_MS
from cdp.console.sources import author
from cdp.definitions import KINDS, DefinitionError, title_of
from cdp.messaging.templates import names
from cdp.store import broadcasts, defining, definitions, message_reads
from cdp.store.config_rows import NameTaken
from cdp.store.defining import NoSuchDefinition, StillUsed
from cdp.store.definitions import Version
from cdp.store.message_reads import Which

KIND = KINDS["template"]
_DAYS = 30
_USERS = 2000
#: The form of each channel, beside the name: what is typed most comes first.
FIELDS: dict[str, tuple[str, ...]] = {
    "email": ("subject", "preheader", "body", "format", "layout", "from", "reply_to", "text"),
    "sms": ("body", "from"),
    "push": ("title", "body", "link", "image"),
    "in_app": ("title", "body", "format", "form", "link", "image", "expires_after"),
    "webhook": ("url", "method", "body"),
    "slack": ("to", "body"),
}
_ALL = ("name", "description", "topic", "missing")
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
    """The broadcasts of each template, the newest first, as keys with names."""
    found: dict[str, list[tuple[str, str]]] = {}
    for row in broadcasts.page(tx, None, _USERS):
        body = row.body
        used = [body.get("template"), *(one.get("template") for one in body.get("variants") or [])]
        for key in dict.fromkeys(filter(None, used)):
            found.setdefault(key, []).append((row.key or str(row.id), row.name))
    return found


def new() -> Response | str:
    """The choice of a channel, then an empty form."""
    channel = request.args.get("channel", "")
    if channel not in CHANNELS:
        return render_template("console/template_new.html", channel_words=CHANNELS)
    return _page(Form({"channel": channel, "name": request.args.get("name", "")[:100]}))


def create() -> Response | str:
    """Make one, or show how it would look."""
    channel = request.form.get("channel", "")
    if channel not in CHANNELS:
        abort(400, "Choose which way it goes.")
    values = _typed({"channel": channel})
    key = request.form.get("key", "").strip() or key_of(values.get("name", ""))
    tried = _tried(key or "new", values, None)
    if tried is not None:
        return tried
    answer = defined.put(KIND, key, values, 0)
    if isinstance(answer, Form):
        return _page(answer._replace(values={**answer.values, "key": key}), status=422)
    flash(f"{title_of(key, answer)} is saved and can be used.", "good")
    return redirect(url_for("console.template", key=key), 303)


def edit(key: str) -> Response | str:
    """The form of one."""
    with console().store.read() as tx:
        kept = shown_versions(tx, (KIND.name, key))
        if kept and kept[0][0].body is None:
            return _versions(key, kept)
        version = version_or_404(tx, (KIND.name, key))
    return _page(Form(dict(version.body or {}), {}, version.version), key)


def change(key: str) -> Response | str:
    """Another version, or how it would look."""
    seen = layout.number_arg("seen") or 0
    with console().store.read() as tx:
        old = version_or_404(tx, (KIND.name, key)).body or {}
    values = _typed(old)
    tried = _tried(key, values, seen)
    if tried is not None:
        return tried
    answer = defined.put(KIND, key, values, seen)
    if isinstance(answer, Form):
        return _page(answer, key, status=422)
    flash("Saved. The next message says it.", "good")
    return redirect(url_for("console.template", key=key), 303)


def versions(key: str) -> str:
    """What it said before, with the way back."""
    with console().store.read() as tx:
        kept = shown_versions(tx, (KIND.name, key))
    if not kept:
        abort(404, "There is no such template.")
    return _versions(key, kept)


def _versions(key: str, kept: list[Any]) -> str:
    last = next(version for version, _ in kept if version.body is not None)
    return render_template(
        "console/template_versions.html",
        key=key,
        name=title_of(key, last.body or {}),
        gone=kept[0][0].body is None,
        versions=kept,
        revert_address=url_for("console.template_revert", key=key),
    )


def revert(key: str) -> Response:
    """Make an older version hold again."""
    to = layout.number_arg("to") or 0
    try:
        with console().store.write() as tx:
            defining.revert(tx, console().now(), (KIND.name, key), to, author())
        flash(f"Version {to} holds again.", "good")
    except (NoSuchDefinition, DefinitionError, NameTaken, StillUsed) as error:
        flash(f"Version {to} can't hold again: {error}.", "bad")
    return redirect(url_for("console.template_versions", key=key), 303)


def remove(key: str) -> Response:
    """Remove one that nobody uses, once its key was typed."""
    if request.form.get("confirm", "").strip() != key:
        flash(f"Not removed: type {key} to go on.", "bad")
        return redirect(url_for("console.template_versions", key=key), 303)
    try:
        with console().store.write() as tx:
            defining.remove(tx, console().now(), (KIND.name, key), author())
    except NoSuchDefinition:
        abort(404, "It is gone already.")
    except StillUsed as error:
        flash(f"Not removed: {'; '.join(error.users)}.", "bad")
        return redirect(url_for("console.template_versions", key=key), 303)
    flash("Removed. Its versions are kept, so that it can come back.", "good")
    return redirect(url_for("console.template_versions", key=key), 303)


def _typed(old: dict[str, Any]) -> dict[str, Any]:
    """The body that the form says; what it does not show stays as it is."""
    shown = (*_ALL, *FIELDS[old["channel"]])
    kept = {name: value for name, value in old.items() if name not in shown}
    given = {name: request.form.get(name, "").replace("\r\n", "\n").strip() for name in shown}
    if given["missing"] != "fallback":
        kept.pop("fallbacks", None)
    return {**kept, **{name: value for name, value in given.items() if value}}


def _tried(key: str, values: dict[str, Any], seen: int | None) -> Response | str | None:
    """The answer to who does not save, but looks or sends a test; None if it is to be saved."""
    wanted = request.form.get("do", "save")
    if wanted == "save":
        return None
    if wanted not in ("preview", "test"):
        abort(400, "Unknown action.")
    # A test is written down before its message is looked at.
    tested = trials.send(key, values) if wanted == "test" else None
    if layout.is_partial() and wanted == "test":
        return render_template("console/template_tested.html", tested=tested)
    if layout.is_partial():
        return render_template(
            "console/template_preview.html",
            trial=trials.trial(key, values),
            swapped="go" in request.form,
        )
    form = Form(values, {}, seen or 0)
    if seen is None:
        form.values["key"] = request.form.get("key", "").strip()
    return _page(form, None if seen is None else key, tested=tested)


def _page(form: Form, key: str | None = None, status: int = 200, tested: Any = None) -> Response:
    channel = form.values["channel"]
    shown = (*_ALL, *FIELDS[channel], "key")
    with console().store.read() as tx:
        topics, layouts = (
            [(one.key, title_of(one.key, one.body or {})) for one in found]
            for found in (
                definitions.all_current(tx, "topic"), definitions.all_current(tx, "layout"),
            )
        )  # fmt: skip
        picks = trials.picks(tx)
    text = render_template(
        "console/template_form.html",
        key=key,
        form=form,
        channel=channel,
        channel_words=CHANNELS,
        fields=FIELDS[channel],
        needed={several[0] for several in names.NEEDED[channel] if len(several) == 1},
        values={name: form.values.get(name, "") for name in shown},
        wrong={name: form.wrong.get(name) for name in shown},
        # What is wrong where the form has no field.
        elsewhere=[text for name, text in form.wrong.items() if name not in shown],
        topics=topics,
        layouts=layouts,
        picks=picks,
        methods=[(name, name) for name in names.METHODS if name != "POST"],
        trial=trials.trial(key or "new", form.values),
        tested=tested,
        to=trials.TO.get(channel),
        swapped=False,
    )
    answer = make_response(text, status)
    answer.headers["Content-Security-Policy"] = POLICY
    return answer
