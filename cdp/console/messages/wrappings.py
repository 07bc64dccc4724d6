"""Layouts and snippets: what emails stand in, and what many messages say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from flask import flash, make_response, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from cdp.console import defined, layout
from cdp.console.context import console
from cdp.console.defined import Form, key_of, shown_versions, version_or_404
from cdp.console.messages import template_form, trials, written
from cdp.console.messages.block_form import Done
from cdp.console.messages.stationery import POLICY
from cdp.console.messages.trials import Trial
from cdp.console.messages.written import versions_page
from cdp.definitions import KINDS, DefinitionError, title_of
from cdp.delivery.messages.trial import Known
from cdp.messaging.templates import TemplateError, compile_template
from cdp.messaging.templates.names import format_of
from cdp.store.defined import defining
from cdp.store.definitions import Version

#: The fields of each in its form.
FIELDS = {
    "layout": ("name", "description", "body", "format"),
    "snippet": ("name", "description", "body"),
}
#: What stands in a layout, or around a snippet, where no template of yours is chosen.
_SAMPLE = "# A heading\n\nWhat a message says stands here, [with a link](https://example.org/)."
_SAMPLE_MJML = (
    "<mj-section><mj-column><mj-text>What a message says stands here.</mj-text>"
    "</mj-column></mj-section>"
)
_START = {
    "layout": "<!doctype html>\n<html>\n<body>\n{{ content }}\n"
    '<p><a href="{% unsubscribe_url %}">Unsubscribe</a></p>\n</body>\n</html>\n',
    "snippet": "",
}


class Line(NamedTuple):
    """A layout or snippet in its list, with the keys and names of what uses it."""

    key: str
    name: str
    users: list[tuple[str, str, str]]
    version: Version


def index(kind: str) -> str:
    """All of a kind, by name."""
    with console().store.read() as tx:
        everything = defining.load(tx, "template", "layout", "snippet")
    lines = [
        Line(key, title_of(key, version.body or {}), _users(everything, (of, key)), version)
        for (of, key), version in everything.items()
        if of == kind
    ]
    lines.sort(key=lambda line: line.name.casefold())
    return render_template("console/wrappings.html", kind=kind, lines=lines)


def _users(everything: dict[Any, Version], id_: tuple[str, str]) -> list[tuple[str, str, str]]:
    """The kinds, keys and names of what says it."""
    found = dict.fromkeys(user.id for user in defining.links(everything)[id_].used_by)
    return [(kind, key, title_of(key, everything[kind, key].body or {})) for kind, key in found]


def new(kind: str) -> Response:
    """An empty form."""
    return _page(kind, Form({"body": _START[kind]}))


def create(kind: str) -> Response | str:
    """Make one, or show how it would look."""
    values = _typed(kind, {})
    key = request.form.get("key", "").strip() or key_of(values.get("name", ""))
    tried = _tried(kind, key or "new", values, None)
    if tried is not None:
        return tried
    answer = defined.put(KINDS[kind], key, template_form.whole(values), 0)
    if isinstance(answer, Form):
        return _page(kind, answer._replace(values={**values, "key": key}), status=422)
    flash(f"{title_of(key, answer)} is saved and can be used.", "good")
    return redirect(url_for(f"console.{kind}", key=key), 303)


def edit(key: str, kind: str) -> Response | str:
    """The form of one."""
    with console().store.read() as tx:
        kept = shown_versions(tx, (kind, key))
        if kept and kept[0][0].body is None:
            return versions_page((kind, key), kept)
        version = version_or_404(tx, (kind, key))
    return _page(kind, Form(dict(version.body or {}), {}, version.version), key)


def change(key: str, kind: str) -> Response | str:
    """Another version, or how it would look."""
    seen = layout.number_arg("seen") or 0
    with console().store.read() as tx:
        old = version_or_404(tx, (kind, key)).body or {}
    values = _typed(kind, old)
    tried = _tried(kind, key, values, seen)
    if tried is not None:
        return tried
    answer = defined.put(KINDS[kind], key, template_form.whole(values), seen)
    if isinstance(answer, Form):
        return _page(kind, answer._replace(values=values), key, status=422)
    flash("Saved. The next message has it.", "good")
    return redirect(url_for(f"console.{kind}", key=key), 303)


def _typed(kind: str, old: dict[str, Any]) -> dict[str, Any]:
    """What the form says."""
    form = request.form
    values: dict[str, Any] = {
        name: text
        for name in FIELDS[kind]
        if (text := form.get(name, "").replace("\r\n", "\n").strip())
    }
    if "locales" not in form.getlist("parts"):
        return {**({"locales": old["locales"]} if "locales" in old else {}), **values}
    said = {
        name: form.get(f"locales.{name}.body", "").replace("\r\n", "\n").strip()
        for name in list(dict.fromkeys(form.getlist("language")))[:100]
    }
    values["locales"] = {name: {"body": text} if text else {} for name, text in said.items()}
    return values


def _tried(kind: str, key: str, values: dict[str, Any], seen: int | None) -> Response | str | None:
    """The answer to who does not save, but looks; None if it is to be saved."""
    order = request.form.get("edit", "")
    if not order and request.form.get("do", "save") == "save":
        return None
    if layout.is_partial() and not order:
        with console().store.read() as tx:
            trial = _trial(tx, kind, key, values)
        return render_template(
            "console/template_preview.html", trial=trial, swapped="go" in request.form
        )
    form = Form(values, {}, seen or 0)
    if seen is None:
        form.values["key"] = request.form.get("key", "").strip()
    done = template_form.carry_out(values, order) if order not in ("", "show") else Done()
    return _page(kind, form, None if seen is None else key, done=done)


def _trial(tx: Connection, kind: str, key: str, values: dict[str, Any]) -> Trial:
    """What a message with it says: one of the templates that use it, or a sample."""
    given = template_form.whole({n: v for n, v in values.items() if v and n != "key"})
    if not given.get("body"):
        return trials.look(tx, None, "")
    try:
        body = KINDS[kind].read(key, given).body
    except DefinitionError as error:
        return trials.look(tx, None, str(error))
    known = Known(tx, "sample", {"channel": "email", "subject": "Sample"})
    {"layout": known.layouts, "snippet": known.snippets}[kind][key] = body
    shown_in = request.values.get("shown_in", "")
    used = {name for of, name, _ in _around(tx, kind, key) if of == "template"}
    if shown_in in used:
        known.body = Known(tx, shown_in).body
    else:
        known.body = _sample(known, kind, key, body)
    made = trials.look(tx, known, "")
    # A sample is no message that could be better.
    plain = ("no_preheader", "no_unsubscribe") if shown_in not in used else ()
    return made._replace(findings=[one for one in made.findings if one["code"] not in plain])


def _around(tx: Connection, kind: str, key: str) -> list[tuple[str, str, str]]:
    everything = defining.load(tx, "template", "layout", "snippet")
    return _users(everything, (kind, key)) if (kind, key) in everything else []


def _sample(known: Known, kind: str, key: str, body: dict[str, Any]) -> dict[str, Any]:
    # A message is in the languages that it says itself.
    languages = {name: {"subject": "Sample"} for name in body.get("locales") or {}}
    sample = {"channel": "email", "subject": "Sample", "locales": languages}
    if kind == "snippet":
        format_ = format_of(str(body["body"]), None)
        return {**sample, "body": f'{{{{ snippets["{key}"] }}}}', "format": format_}
    made = {**sample, "body": _SAMPLE, "format": "markdown", "layout": key}
    try:
        compile_template("sample", made, known.layouts, known.snippets).check()
    except TemplateError:
        return {**made, "body": _SAMPLE_MJML, "format": "mjml"}
    return made


def _page(
    kind: str, form: Form, key: str | None = None, status: int = 200, done: Done | None = None
) -> Response:
    shown, values = (*FIELDS[kind], "key"), form.values
    done = done or Done()
    languages = list(values.get("locales") or {})
    wanted = done.focus.partition(":")[2] if done.focus.startswith("language:") else ""
    language = wanted or request.values.get("lang", "")
    with console().store.read() as tx:
        trial = _trial(tx, kind, key or "new", values)
        users = _around(tx, kind, key) if key else []
        picks = trials.picks(tx)
    partial = layout.is_partial()
    text = render_template(
        "console/wrapping_fields.html" if partial else "console/wrapping_form.html",
        kind=kind,
        key=key,
        form=form,
        values={name: values.get(name, "") for name in shown},
        locales=values.get("locales") or {},
        wrong={name: form.wrong.get(name) for name in (*shown, "locales")},
        elsewhere=[said for name, said in form.wrong.items() if name not in (*shown, "locales")],
        languages=[(code, template_form.language_name(code)) for code in languages],
        language=language if language in languages else "",
        common=[pair for pair in template_form.all_languages() if pair[0] not in languages],
        picks=picks,
        as_it_looks=template_form.as_it_looks,
        users=users,
        shown_in=request.values.get("shown_in", ""),
        trial=trial,
        swapped=False,
        done=done,
    )
    answer = make_response(text, status)
    answer.headers["Content-Security-Policy"] = POLICY
    if partial:
        answer.headers["HX-Trigger-After-Settle"] = "redrawn"
    return answer


#: The pages of layouts and of snippets, with {} for which.
PAGES: tuple[tuple[str, str, str, Callable[..., Any]], ...] = (
    ("GET", "", "{}s", index),
    ("GET", "/-new", "{}_new", new),
    ("POST", "/-new", "{}_create", create),
    ("GET", "/<key>", "{}", edit),
    ("POST", "/<key>", "{}_change", change),
    ("GET", "/<key>/versions", "{}_versions", written.versions),
    ("POST", "/<key>/versions", "{}_revert", written.revert),
    ("POST", "/<key>/remove", "{}_remove", written.remove),
)
