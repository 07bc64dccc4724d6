"""Audiences, computed traits and virtual events: making, changing, and taking back.

All three are forms over `cdp.store.defined.defining`; what only audiences have is in
`cdp.console.audiences.overview`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, NamedTuple

from flask import abort, flash, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from cdp.console import layout
from cdp.console.auth import author
from cdp.console.conditions import as_sentence
from cdp.console.context import console
from cdp.definitions import KINDS, DefinitionError, Fault, Id, Kind, title_of
from cdp.definitions.computed_trait import DAILY
from cdp.definitions.difference import Change, difference
from cdp.definitions.sending import sendings
from cdp.store import config_rows, definitions
from cdp.store.audiences import membership, query_runs
from cdp.store.config_rows import NameTaken
from cdp.store.defined import defining
from cdp.store.defined.defining import Links, NoSuchDefinition, StaleVersion, StillUsed
from cdp.store.definitions import Version
from cdp.store.destinations import connections
from cdp.store.events import console_queries

#: Parts of a form, each a field of the body.
FIELDS = {
    "audience": ("name", "description", "of", "who"),
    "computed_trait": ("name", "description", "of", "value", "sql", "every", "warehouse", "reads"),
    "virtual_event": ("name", "description", "event", "where"),
}
#: The field with the condition, and where it stands.
CONDITION = {"audience": "who", "computed_trait": "value", "virtual_event": "where"}
BY_PLURAL = {kind.plural: kind for kind in KINDS.values() if kind.name in FIELDS}


class Line(NamedTuple):
    """A definition in a list."""

    key: str
    name: str
    body: dict[str, Any]
    prose: str
    used_by: int
    version: Version


class Form(NamedTuple):
    """What stands in a form, what is wrong with it, and from which version it was made."""

    values: dict[str, Any]
    wrong: Mapping[str, str] = {}
    seen: int = 0
    #: What somebody else changed meanwhile, and who.
    meanwhile: tuple[str, list[Change]] | None = None


def kind_or_404(plural: str) -> Kind:
    """The kind whose address it is."""
    kind = BY_PLURAL.get(plural)
    if kind is None:
        abort(404, f"Nothing is defined at {plural}.")
    return kind


def version_or_404(tx: Connection, id_: Id) -> Version:
    """A definition as it holds."""
    try:
        return defining.find(tx, id_)
    except NoSuchDefinition as error:
        abort(404, f"{as_sentence(str(error))} It may have been removed.")


def lines(tx: Connection, kind: Kind) -> list[Line]:
    """All definitions of a kind, by name."""
    everything = defining.load(tx)
    links = defining.links(everything)
    found = [
        _line(version, links[id_]) for id_, version in everything.items() if id_[0] == kind.name
    ]
    return sorted(found, key=lambda line: line.name.casefold())


def _line(version: Version, links: Links) -> Line:
    body = version.body or {}
    name = title_of(version.key, body)
    return Line(version.key, name, body, prose(version), len(links.used_by), version)


def prose(version: Version) -> str:
    """A definition in plain English."""
    body = version.body or {}
    if "sql" in body:
        of = f" of the warehouse {body['warehouse']}" if "warehouse" in body else ""
        return f"What a query{of} says of each, asked every {body.get('every', DAILY)}."
    said = KINDS[version.kind].prose(body)
    if said is None:
        return "A list kept by hand." if body.get("static") else ""
    return as_sentence(f"“{body['event']}” where {said}" if "event" in body else said)


def index(plural: str) -> str:
    """The definitions of a kind."""
    kind = kind_or_404(plural)
    with console().store.read() as tx:
        found = lines(tx, kind)
    return render_template("console/defined_list.html", kind=kind, plural=plural, lines=found)


def new(plural: str) -> str:
    """The form for a new one; the address may have values for it."""
    kind = kind_or_404(plural)
    values = {name: request.args.get(name, "")[:5000] for name in FIELDS[kind.name]}
    return form_page(kind, Form(values))


def create(plural: str) -> Response | tuple[str, int]:
    """Make one."""
    kind = kind_or_404(plural)
    values = typed(kind)
    key = request.form.get("key", "").strip() or key_of(values.get("name", ""))
    answer = put(kind, key, values, 0)
    if isinstance(answer, Form):
        return form_page(kind, answer._replace(values={**answer.values, "key": key})), 422
    flash(f"{title_of(key, answer)} is there and can be used at once.", "good")
    return redirect(url_for("console.defined_one", plural=plural, key=key), 303)


def edit(plural: str, key: str) -> str:
    """The form for a change."""
    kind = kind_or_404(plural)
    with console().store.read() as tx:
        version = version_or_404(tx, (kind.name, key))
    return form_page(kind, Form(dict(version.body or {}), {}, version.version), key)


def change(plural: str, key: str) -> Response | tuple[str, int]:
    """Another version."""
    kind = kind_or_404(plural)
    seen = layout.number_arg("seen") or 0
    with console().store.read() as tx:
        old = version_or_404(tx, (kind.name, key)).body or {}
    # What the form does not show stays as it is.
    shown = (*FIELDS[kind.name], "send_to")
    kept = {name: value for name, value in old.items() if name not in shown}
    if old.get("static"):
        kept["static"] = True
    answer = put(kind, key, {**kept, **typed(kind)}, seen)
    if isinstance(answer, Form):
        return form_page(kind, answer, key), 422
    flash("Saved. It holds within a second.", "good")
    return redirect(url_for("console.defined_one", plural=plural, key=key), 303)


def revert(plural: str, key: str) -> Response:
    """Make an older version hold again."""
    kind, to = kind_or_404(plural), layout.number_arg("to") or 0
    try:
        with console().store.write() as tx:
            defining.revert(tx, console().now(), (kind.name, key), to, author())
        flash(f"Version {to} holds again.", "good")
    except (NoSuchDefinition, DefinitionError, NameTaken, StillUsed) as error:
        flash(f"Version {to} can't hold again: {error}.", "bad")
    return redirect(url_for("console.defined_tab", plural=plural, key=key, tab="versions"), 303)


def archive(plural: str, key: str) -> Response:
    """Keep an audience and no longer work it out; or work it out again."""
    kind, on = kind_or_404(plural), request.form.get("what") == "archive"
    with console().store.write() as tx:
        version = version_or_404(tx, (kind.name, key))
        body = {**(version.body or {}), "archived": on}
        try:
            defining.put(tx, console().now(), (kind.name, key), body, author(), version.version)
        except DefinitionError as error:
            abort(400, str(error))
    flash("Archived. Nobody is in it until you use it again." if on else "In use again.", "good")
    return redirect(url_for("console.defined_one", plural=plural, key=key), 303)


def remove(plural: str, key: str) -> Response:
    """Remove one that nobody uses, once its key was typed."""
    kind = kind_or_404(plural)
    back = url_for("console.defined_tab", plural=plural, key=key, tab="definition")
    if not layout.confirmed(key):
        return redirect(back, 303)
    try:
        with console().store.write() as tx:
            defining.remove(tx, console().now(), (kind.name, key), author())
    except NoSuchDefinition:
        abort(404, "It is gone already.")
    except StillUsed as error:
        flash(f"Not removed: {'; '.join(error.users)}.", "bad")
        return redirect(back, 303)
    flash("Removed. Its versions are kept, so that it can come back.", "good")
    return redirect(url_for("console.defined_one", plural=plural, key=key), 303)


def context_of(tx: Connection, id_: Id) -> dict[str, Any]:
    """What the page of one definition shows, whatever its kind."""
    version = version_or_404(tx, id_)
    everything = defining.load(tx)
    links = defining.links(everything)[id_]
    refs = [*links.uses, *(user.id for user in links.used_by)]
    return {
        "kind": KINDS[id_[0]],
        "plural": KINDS[id_[0]].plural,
        "key": id_[1],
        "version": version,
        "body": version.body or {},
        "name": title_of(id_[1], version.body or {}),
        "prose": prose(version),
        "text": _text(version),
        "going": None,
        "uses": links.uses,
        "used_by": list(dict.fromkeys(user.id for user in links.used_by)),
        "archived": {ref for ref in refs if (everything[ref].body or {}).get("archived")},
        "told": {item.destination: item for item in connections.progress(tx, *id_)},
        "sent": sendings(version.body or {}),
        "names": {ref: title_of(ref[1], everything[ref].body or {}) for ref in refs},
        "plurals": {kind.name: kind.plural for kind in KINDS.values()},
        "titles": {kind.name: kind.title for kind in KINDS.values()},
    }


def _text(version: Version) -> str:
    """The condition, or the query."""
    body = version.body or {}
    text: str = body.get(CONDITION[version.kind]) or body.get("sql", "")
    return text


def ask_again(plural: str, key: str) -> Response:
    """Have the query of a computed trait asked at once."""
    kind = kind_or_404(plural)
    with console().store.write() as tx:
        if "sql" not in (version_or_404(tx, (kind.name, key)).body or {}):
            abort(404, "No query works it out.")
        query_runs.want(tx, key)
    flash("It is asked within a few seconds.", "good")
    return redirect(url_for("console.defined_one", plural=plural, key=key), 303)


def page(plural: str, key: str, tab: str = "definition") -> str:
    """One computed trait or virtual event."""
    kind = kind_or_404(plural)
    if tab not in ("definition", "versions"):
        abort(404, f"There is no part called {tab}.")
    with console().store.read() as tx:
        if removed := gone(tx, (kind.name, key)):
            return removed
        context = context_of(tx, (kind.name, key))
        context["versions"] = shown_versions(tx, (kind.name, key))
        context["computed"] = kind.name == "computed_trait" and "value" in context["body"]
        if context["computed"]:
            context["state"] = membership.states(tx, kind.name, key, waiting=True).get(key)
        if "sql" in context["body"]:
            context["going"] = query_runs.going(tx, key, context["body"])
    return render_template("console/defined_one.html", tab=tab, **context)


def gone(tx: Connection, id_: Id) -> str | None:
    """The page of one that was removed, with the way back; None if it holds."""
    kept = shown_versions(tx, id_)
    if not kept or kept[0][0].body is not None:
        return None
    last = next(version for version, _ in kept if version.body is not None)
    kind = KINDS[id_[0]]
    return render_template(
        "console/defined_gone.html",
        kind=kind,
        plural=kind.plural,
        key=id_[1],
        name=title_of(id_[1], last.body or {}),
        versions=kept,
    )


def shown_versions(tx: Connection, id_: Id) -> list[tuple[Version, list[Change]]]:
    """Versions, the newest first, each with what it changed."""
    found = definitions.versions(tx, *id_)
    older = [*found[1:], None][: len(found)]
    return [
        (v, difference(o.body if o else None, v.body)) for v, o in zip(found, older, strict=True)
    ]


def key_of(name: str) -> str:
    """The key that is made from a name: small letters, digits and _."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    key = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    return (key if key[:1].isalpha() else f"a_{key}".rstrip("_"))[:60] if key else ""


def typed(kind: Kind) -> dict[str, Any]:
    """The fields of the form that say something."""
    found: dict[str, Any] = {
        name: request.form.get(name, "").replace("\r\n", "\n").strip() for name in FIELDS[kind.name]
    }
    if "reads" in found:
        found["reads"] = [text.strip() for text in found["reads"].split("\n") if text.strip()]
    if not found.get("sql"):
        for name in ("every", "reads", "warehouse"):
            found.pop(name, None)
    if request.form.get("static"):
        found["static"] = True
        found.pop("who", None)
    if "send_to" in kind.schema().fields:
        found["send_to"] = [
            {"destination": name.removeprefix("to:"), "as": ways.split(" ")}
            for name, ways in request.form.items()
            if name.startswith("to:") and ways
        ]
    return {name: value for name, value in found.items() if value}


def put(kind: Kind, key: str, body: dict[str, Any], seen: int) -> dict[str, Any] | Form:
    """Put a version; the form with what is wrong if that can't be."""
    try:
        with console().store.write() as tx:
            made = defining.put(tx, console().now(), (kind.name, key), body, author(), seen)
            return made.version.body or {}
    except DefinitionError as error:
        return Form(body, by_field(kind, error.faults), seen)
    except NameTaken as error:
        return Form(body, {"name": f"{as_sentence(str(error))} Choose another name or key."}, seen)
    except StillUsed as error:
        return Form(body, {"name": as_sentence(str(error))}, seen)
    except StaleVersion as error:
        by = error.now.author if error.now else "Somebody"
        now = error.now.version if error.now else 0
        return Form(body, {}, now, (by, error.difference))


def by_field(kind: Kind, faults: list[Fault]) -> dict[str, str]:
    """What is wrong, at the fields of the form."""
    shown = FIELDS.get(kind.name) or tuple(kind.schema().fields)
    wrong: dict[str, str] = {}
    for fault in faults:
        at = fault.field.partition(".")[0]
        field = at if at in (*shown, "key", "send_to") else "name"
        inside = fault.field.partition(".")[2] if at in ("locales", "headers") else ""
        text = as_sentence(f"{inside}: {fault.located}" if inside else fault.located)
        wrong[field] = f"{wrong[field]} {text}" if field in wrong else text
    return wrong


def form_page(kind: Kind, form: Form, key: str | None = None, tried: Any = None) -> str:
    """The form; ``tried`` is what came of trying its query (`cdp.console.audiences.queries`)."""
    shown = (*FIELDS[kind.name], "key", "static", "send_to")
    with console().store.read() as tx:
        events = console_queries.event_names(tx, 200)
        destinations = config_rows.all_destinations(tx)
    return render_template(
        "console/defined_form.html",
        kind=kind,
        plural=kind.plural,
        key=key,
        form=form,
        values={name: form.values.get(name, "") for name in shown},
        wrong={name: form.wrong.get(name) for name in shown},
        tried=tried,
        warehouses=sorted(console().settings.warehouses),
        events=events,
        destinations=destinations if "send_to" in kind.schema().fields else [],
        sent={item.destination: " ".join(item.ways) for item in sendings(form.values)},
    )
