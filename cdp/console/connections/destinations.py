"""Connections: destinations, what waits, what failed, what was called."""

from __future__ import annotations

from typing import Any, NamedTuple

from flask import abort, flash, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from cdp.console import kinds
from cdp.console.auth import author
from cdp.console.conditions import told
from cdp.console.context import console
from cdp.console.kinds import Kind
from cdp.console.layout import is_partial, number_arg
from cdp.console.live.events import as_events
from cdp.console.names import name_trouble, slug
from cdp.profiles.consent import MAX_CATEGORIES
from cdp.profiles.consent import MAX_NAME as MAX_CATEGORY
from cdp.store import config_rows
from cdp.store.catalogue import reads as catalogue_reads
from cdp.store.config_rows import Destination, NameTaken
from cdp.store.destinations import health as delivery_health
from cdp.store.destinations.health import Call, Health
from cdp.store.events import console_queries

PAGE = 50
TABS = ("overview", "calls", "failed", "settings")
OUTCOMES = ("delivered", "retry", "rejected", "stopped")


class Line(NamedTuple):
    """A destination in the list."""

    destination: Destination
    health: Health
    kind: Kind | None
    failing: Call | None


def index() -> str:
    """The list."""
    with console().store.read() as tx:
        lines = [
            Line(
                d,
                delivery_health.destination_health(tx, d.id),
                kinds.kind(d.plugin),
                kinds.failing(tx, d),
            )
            for d in config_rows.all_destinations(tx)
        ]
    return render_template("console/destinations.html", lines=lines)


def catalogue_page() -> str:
    """What can be connected."""
    return render_template("console/destination_catalogue.html", kinds=kinds.kinds())


def page(key: str, tab: str = "overview") -> str:
    """One destination."""
    if tab not in TABS:
        abort(404, f"A destination's page has no part called {tab}.")
    with console().store.read() as tx:
        destination = destination_or_404(tx, key)
        context = page_context(tx, destination, tab)
        if tab == "calls":
            context |= _calls(tx, destination)
        elif tab == "failed":
            before = number_arg("before")
            items = delivery_health.outbox_items(tx, destination.id, ("dead",), PAGE, before)
            rows = console_queries.rows_at(tx, [i.seq for i in items if i.seq is not None])
            context["items"] = items
            context["events"] = {event.seq: event for event in as_events(tx, rows)}
            context["groups"] = delivery_health.error_groups(tx, destination.id)
            context["more"] = items[-1].id if len(items) == PAGE else None
        elif tab == "overview":
            context["groups"] = delivery_health.error_groups(tx, destination.id, 5)
            context["calls"] = delivery_health.newest_calls(tx, destination.id, 8)
    if tab == "settings":
        context["values"] = kinds.shown(context["kind"], destination.settings)
    return render_template("console/destination.html", **context)


def new(plugin: str) -> str:
    """The form for another destination of a kind."""
    return _new_form(kind_or_404(plugin))


def create(plugin: str) -> Response | tuple[str, int]:
    """Make a destination, if its settings hold."""
    kind = kind_or_404(plugin)
    name = request.form.get("name", "").strip()
    source_key = request.form.get("source", "")
    settings, wrong = kinds.read_form(kind, request.form, {})
    if trouble := name_trouble(name):
        wrong["name"] = trouble
    filter_ = _typed_filter(wrong)
    here, key = console(), slug(name)
    if not wrong:
        try:
            with here.store.write() as tx:
                sources = {s.key: s.id for s in config_rows.all_sources(tx)}
                if source_key and source_key not in sources:
                    abort(400, "This source does not exist any more.")
                source_id = sources.get(source_key)
                config_rows.add_destination(
                    tx, here.now(), key, name, kind.key, source_id, settings, author(),
                    _typed_categories(), filter=filter_,
                )  # fmt: skip
        except NameTaken:
            wrong["name"] = f"There is a destination with the key {key} already."
    if wrong:
        return _new_form(kind, wrong), 422
    flash(f"{name} gets every event from now on. Test it to be sure.", "good")
    return redirect(url_for("console.destination", key=key), 303)


def change(key: str) -> Response | tuple[str, int]:
    """Other settings or another name."""
    here = console()
    name = request.form.get("name", "").strip()
    with here.store.write() as tx:
        destination = destination_or_404(tx, key)
        kind = kinds.kind(destination.plugin)
        if kind is None:
            abort(400, "Its plugin is not loaded, so its settings can't be checked.")
        settings, wrong = kinds.read_form(kind, request.form, destination.settings)
        if trouble := name_trouble(name):
            wrong["name"] = trouble
        filter_ = _typed_filter(wrong)
        if not wrong:
            config_rows.change_destination(
                tx, here.now(), destination, author(),
                name=name, settings=settings, filter=filter_,
                consent_categories=_typed_categories(),
            )  # fmt: skip
        context = page_context(tx, destination, "settings")
        context["consent"] = _consent(tx, _typed_categories())
    if wrong:
        values = kinds.typed(kind, request.form, destination.settings)
        context |= {"values": values, "wrong": wrong}
        context |= {"filter_text": filter_, "told": told(filter_)}
        return render_template("console/destination.html", **context), 422
    flash("Saved. It works with the new settings within a second.", "good")
    return redirect(url_for("console.destination_tab", key=key, tab="settings"), 303)


def test(key: str) -> str | Response:
    """Send one sample event for real and show the exchange."""
    with console().store.read() as tx:
        destination = destination_or_404(tx, key)
        context = page_context(tx, destination, "overview")
        context["groups"] = delivery_health.error_groups(tx, destination.id, 5)
        context["calls"] = delivery_health.newest_calls(tx, destination.id, 8)
    kind = context["kind"]
    if kind is None:
        abort(400, "Its plugin is not loaded.")
    context["tested"] = kinds.test(kind, destination)
    return render_template("console/destination.html", **context)


def replay(key: str) -> Response:
    """Try failed items again: one, those of an error, or all."""
    here = console()
    item = number_arg("item")
    error = request.form.get("error")
    with here.store.write() as tx:
        destination = destination_or_404(tx, key)
        n = delivery_health.replay_dead(
            tx, here.now(), destination, author(), item=item, error=error
        )
    flash(f"{n:,} will be sent again now." if n else "There was nothing left to replay.", "good")
    return redirect(url_for("console.destination_tab", key=key, tab="failed"), 303)


def set_state(key: str) -> Response:
    """Enable or disable; or try anew at once."""
    here = console()
    what = request.form.get("what", "")
    if what not in ("enable", "disable", "retry"):
        abort(400, "Unknown change.")
    with here.store.write() as tx:
        destination = destination_or_404(tx, key)
        on = destination.enabled if what == "retry" else what == "enable"
        config_rows.change_destination(tx, here.now(), destination, author(), enabled=on)
    words = {"enable": "is enabled", "disable": "is disabled", "retry": "tries again now"}
    flash(f"{destination.name} {words[what]}.", "good")
    return redirect(url_for("console.destination", key=key), 303)


def delete(key: str) -> Response:
    """Remove a destination and what waits for it, if its name was typed."""
    here = console()
    with here.store.write() as tx:
        destination = destination_or_404(tx, key)
        holds = request.form.get("confirm", "").strip() == destination.name
        if holds:
            config_rows.delete_destination(tx, here.now(), destination, author())
    if not holds:
        flash("The name didn't match; nothing was deleted.", "bad")
        return redirect(url_for("console.destination_tab", key=key, tab="settings"), 303)
    flash(f"{destination.name} is deleted.", "good")
    return redirect(url_for("console.destinations"), 303)


def destination_or_404(tx: Connection, key: str) -> Destination:
    """The destination called ``key``."""
    destination = config_rows.destination_by_key(tx, key)
    if destination is None:
        abort(404, f"There is no destination called {key}.")
    return destination


def kind_or_404(plugin: str) -> Kind:
    """The kind of destination that ``plugin`` names."""
    kind = kinds.kind(plugin)
    if kind is None:
        abort(404, f"No plugin called {plugin} is loaded.")
    return kind


def page_context(tx: Connection, destination: Destination, tab: str) -> dict[str, Any]:
    """What every part of a destination's page shows."""
    sources = {source.id: source for source in config_rows.all_sources(tx)}
    return {
        "destination": destination,
        "health": delivery_health.destination_health(tx, destination.id),
        "kind": kinds.kind(destination.plugin),
        "failing": kinds.failing(tx, destination),
        "source": sources.get(destination.source_id or 0),
        "tab": tab,
        "filter_text": destination.filter,
        "told": told(destination.filter),
        "tested": None,
        "wrong": {},
        "consent": _consent(tx, destination.consent_categories),
    }


class Consent(NamedTuple):
    """The categories of consent in the form: those that are offered, chosen, and were seen."""

    offered: list[str]
    chosen: tuple[str, ...]
    seen: list[str]


def _consent(tx: Connection, chosen: tuple[str, ...]) -> Consent:
    seen = catalogue_reads.consent_categories(tx)
    return Consent([*seen, *(word for word in chosen if word not in seen)], chosen, seen)


def _typed_categories() -> tuple[str, ...]:
    """The categories that a form asks for, each once."""
    typed = request.form.get("consent_more", "").split(",")
    words = (word.replace("\0", "").strip() for word in (*request.form.getlist("consent"), *typed))
    return tuple(dict.fromkeys(word[:MAX_CATEGORY] for word in words if word))[:MAX_CATEGORIES]


def _typed_filter(wrong: dict[str, str]) -> str:
    """The filter that a form asks for; what is wrong with it goes into ``wrong``."""
    text = request.form.get("filter", "").replace("\r\n", "\n").strip()
    if trouble := told(text).wrong:
        wrong["filter"] = trouble
    return text


def _calls(tx: Connection, destination: Destination) -> dict[str, Any]:
    before = number_arg("before")
    outcome = request.args.get("outcome", "")
    calls = delivery_health.newest_calls(
        tx, destination.id, PAGE, before, outcome if outcome in OUTCOMES else None
    )
    number = number_arg("open")
    return {
        "calls": calls,
        "more": calls[-1].id if len(calls) == PAGE else None,
        "outcome": outcome,
        "outcomes": OUTCOMES,
        "open": _one_call(tx, destination, number) if number is not None else None,
    }


def _one_call(tx: Connection, destination: Destination, number: int) -> Call | None:
    found = delivery_health.one_call(tx, destination.id, number)
    if found is None or found.exchange is None:
        return found
    return found._replace(exchange=kinds.exchange_view(found.exchange))


def call(key: str, number: int) -> str:
    """One call with its request and response."""
    with console().store.read() as tx:
        destination = destination_or_404(tx, key)
        found = _one_call(tx, destination, number)
    if found is None:
        abort(404, "Only the newest calls are kept; this one is gone.")
    name = "call_drawer.html" if is_partial() else "call.html"
    return render_template(f"console/{name}", destination=destination, call=found)


def _new_form(kind: Kind, wrong: dict[str, str] | None = None) -> str:
    with console().store.read() as tx:
        sources = config_rows.own_sources(tx)
        consent = _consent(tx, _typed_categories())
    return render_template(
        "console/destination_new.html",
        consent=consent,
        kind=kind,
        values=kinds.typed(kind, request.form, {}) if wrong else kinds.shown(kind, {}),
        wrong=wrong or {},
        sources=sources,
        filter_text=request.form.get("filter", ""),
        told=told(request.form.get("filter", "")),
        name=request.form.get("name", kind.name if not wrong else ""),
        source=request.form.get("source", ""),
    )
