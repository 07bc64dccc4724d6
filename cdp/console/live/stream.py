"""Live: the stream of events, newest first, and those that were refused."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from flask import abort, flash, make_response, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from cdp.conditions import compile_text
from cdp.console import layout
from cdp.console.conditions import told
from cdp.console.context import console
from cdp.console.live.events import Event, as_events, detail
from cdp.console.masker import message_mask
from cdp.console.persons import profiles_called
from cdp.console.snippets import snippets
from cdp.events.message import TYPES
from cdp.log import LogFull, LogUnavailable, Record
from cdp.plugin.manager import deep_merge
from cdp.store import config_rows
from cdp.store.audiences.lists import lists_of
from cdp.store.events import console_queries, history
from cdp.store.events.console_queries import MINUTE_MS, LiveFilter
from cdp.store.events.history import Body
from cdp.store.meta import next_number
from cdp.store.profiles import faces

Mask = Callable[[dict[str, Any]], dict[str, Any]]

PAGE = 50
#: A text or condition is looked for in at most this many bodies for one page.
BODIES = 2_000


class Filter(NamedTuple):
    """What the address says about which events to show."""

    type: str = ""
    name: str = ""
    source: str = ""
    person: str = ""
    q: str = ""
    #: A condition of the language.
    filter: str = ""

    @classmethod
    def from_request(cls) -> Filter:
        """Read the filter from the address."""
        return cls(*(request.args.get(key, "").strip() for key in cls._fields))

    @property
    def args(self) -> dict[str, str]:
        """The filter as it stands in an address."""
        return {key: value for key, value in self._asdict().items() if value}


class Page(NamedTuple):
    """Some events; below position ``reached`` nobody has looked yet."""

    events: list[Event]
    reached: int | None


def index() -> str:
    """The list; with ``open=<position>`` beside it the event."""
    wanted = Filter.from_request()
    said = told(wanted.filter)
    before = layout.number_arg("before")
    with console().store.read() as tx:
        page = Page([], None) if said.wrong else find(tx, wanted, PAGE, before=before)
        context: dict[str, Any] = {
            "page": page,
            "filter": wanted,
            "told": said,
            "before": before,
            "after": next_number(tx, "seq") - 1,
            "types": TYPES,
            "names": console_queries.event_names(tx, 200),
            "sources": config_rows.all_sources(tx),
            "started": console_queries.any_event(tx),
            "refused": refused_of_late(tx),
            "face": _face(tx, wanted.person),
            "everyone": wanted._replace(person="").args,
        }
        number = layout.number_arg("open")
        context["open"] = detail(tx, number) if number is not None else None
    source = next((s for s in context["sources"] if s.enabled), None)
    context["snippets"] = snippets(source.write_key) if source else []
    context["demo"] = console().demo_state()
    return render_template("console/live.html", **context)


def _face(tx: Connection, person: str) -> faces.Face | None:
    """Whom the filter names."""
    people = profiles_called(tx, person, 1) if person else []
    return faces.faces_of_profiles(tx, people)[0] if people else None


def refused_of_late(tx: Connection) -> int:
    """How many messages were refused in the last 24 hours."""
    since = console().now() // MINUTE_MS - 24 * 60
    return sum(n for _, n, _ in console_queries.refused_by_code(tx, since))


def rows() -> Response:
    """The rows above position ``after``; 204 if there are none."""
    after = layout.number_arg("after") or 0
    wanted = Filter.from_request()
    with console().store.read() as tx:
        newest = next_number(tx, "seq") - 1
        looks = newest > after and not told(wanted.filter).wrong
        page = find(tx, wanted, 100, after=after) if looks else Page([], None)
    if page.events:
        response = make_response(
            render_template("console/live_rows.html", events=page.events, filter=wanted)
        )
    else:
        response = make_response("", 204)
    response.headers["X-After"] = str(newest)
    return response


def event(seq: int) -> str:
    """One event: who, where it went, the whole JSON."""
    with console().store.read() as tx:
        found = detail(tx, seq)
    if found is None:
        abort(404, "No event has this number. It may have been deleted with its person.")
    name = "console/event_drawer.html" if layout.is_partial() else "console/event.html"
    return render_template(name, **found)


def send_test() -> Response:
    """Send an event through the log, as an app would."""
    here = console()
    if here.services.append is None:
        abort(404, "This server takes no events.")
    with here.store.read() as tx:
        sources = [source for source in config_rows.all_sources(tx) if source.enabled]
    key = request.form.get("source")
    source = next((s for s in sources if s.key == key), sources[0] if sources else None)
    if source is None:
        flash("There is no enabled source to send it from.", "bad")
        return layout.back(url_for("console.connections"))
    message = {
        "type": "track",
        "event": "Test Event",
        "userId": "test-person",
        "messageId": f"console-{secrets.token_hex(8)}",
        "properties": {"sent_from": "the console"},
        "context": {"library": {"name": "headwater-console"}},
    }
    record = Record(here.now(), source.id, "track", msgspec.json.encode(message))
    try:
        here.services.append(record)
    except (LogFull, LogUnavailable) as error:
        flash(f"The event could not be kept: {error}", "bad")
    else:
        flash(f"“Test Event” was sent from {source.name}. It shows up within a second.", "good")
    return layout.back(url_for("console.live"))


def find(
    tx: Connection,
    wanted: Filter,
    limit: int,
    *,
    before: int | None = None,
    after: int | None = None,
) -> Page:
    """Events that the filter lets through, newest first."""
    narrow = LiveFilter()
    if wanted.type or wanted.name:
        narrow = narrow._replace(type=wanted.type or None, name=wanted.name or None)
    if wanted.source:
        ids = [s.id for s in config_rows.all_sources(tx) if s.key == wanted.source]
        narrow = narrow._replace(source_id=ids[0] if ids else -1)
    if wanted.person:
        people = profiles_called(tx, wanted.person, 10)
        narrow = narrow._replace(node_ids=faces.nodes_of(tx, people))
    elif wanted.q:
        people = profiles_called(tx, wanted.q, 10)
        if people:
            wanted = wanted._replace(q="")
            narrow = narrow._replace(node_ids=faces.nodes_of(tx, people))
    if wanted.q or wanted.filter:
        tests = _tests(wanted, message_mask(tx))
        return _find_in_bodies(tx, narrow, tests, limit, before, after)
    scan = console_queries.live_rows(tx, narrow, limit, before=before, after=after)
    return Page(as_events(tx, scan.rows), scan.reached)


def _tests(wanted: Filter, mask: Mask | None) -> list[Callable[[Body], bool]]:
    """What the body of an event must pass, as its visitor may see it."""
    tests: list[Callable[[Body], bool]] = []
    if wanted.q:
        # Both what stands in a value and a piece of the JSON itself.
        whole, escaped = wanted.q, msgspec.json.encode(wanted.q)[1:-1].decode()
        needles = {whole.casefold(), escaped.casefold()}

        def has_text(body: Body) -> bool:
            text = body.raw.decode(errors="replace").casefold()
            if mask is not None and any(needle in text for needle in needles):
                text = msgspec.json.encode(_message(body, mask)).decode().casefold()
            return any(needle in text for needle in needles)

        tests.append(has_text)
    if wanted.filter:
        meets = compile_text(wanted.filter, lists_of(console().store))
        tests.append(lambda body: meets(_message(body, mask)))
    return tests


def _message(body: Body, mask: Mask | None) -> dict[str, Any]:
    """The message as destinations get it, with what enrichers added; masked for some visitors."""
    message: dict[str, Any] = msgspec.json.decode(body.raw)
    if body.added != b"null":
        deep_merge(message, msgspec.json.decode(body.added))
    return message if mask is None else mask(message)


def _find_in_bodies(
    tx: Connection,
    narrow: LiveFilter,
    tests: list[Callable[[Body], bool]],
    limit: int,
    before: int | None,
    after: int | None,
) -> Page:
    scan = console_queries.live_rows(tx, narrow, BODIES, before=before, after=after)
    bodies = history.bodies_of(tx, scan.rows)
    hits = []
    for row in scan.rows:
        body = bodies.get(row.seq)
        if body is not None and all(test(body) for test in tests):
            hits.append(row)
    reached = hits[limit - 1].seq if len(hits) > limit else scan.reached
    return Page(as_events(tx, hits[:limit]), reached)
