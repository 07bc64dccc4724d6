"""Live: the stream of events, newest first, and those that were refused."""

from __future__ import annotations

import secrets
from typing import Any, NamedTuple

import msgspec
from flask import abort, flash, make_response, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from cdp.console import layout
from cdp.console.context import console
from cdp.console.home import demo_state
from cdp.console.snippets import snippets
from cdp.console.whereabouts import whereabouts
from cdp.events import MalformedJSON, decode_json
from cdp.events.message import TYPES
from cdp.log import LogFull, LogUnavailable, Record
from cdp.store import config_rows, console_queries, faces, history
from cdp.store.console_queries import MINUTE_MS, LiveFilter
from cdp.store.faces import Face
from cdp.store.history import HistoryRow
from cdp.store.meta import next_number

PAGE = 50
#: A text is looked for in at most this many bodies for one page.
BODIES = 2_000


class Filter(NamedTuple):
    """What the address says about which events to show."""

    type: str = ""
    name: str = ""
    source: str = ""
    q: str = ""

    @classmethod
    def from_request(cls) -> Filter:
        """Read the filter from the address."""
        return cls(*(request.args.get(key, "").strip() for key in cls._fields))

    @property
    def args(self) -> dict[str, str]:
        """The filter as it stands in an address."""
        return {key: value for key, value in self._asdict().items() if value}


class Event(NamedTuple):
    """An event as a row of the list shows it."""

    seq: int
    type: str
    name: str
    t: int
    received_at: int | None
    source: str
    historical: bool
    face: Face | None
    gist: str


class Page(NamedTuple):
    """Some events; below position ``reached`` nobody has looked yet."""

    events: list[Event]
    reached: int | None


def index() -> str:
    """The list; with ``open=<position>`` beside it the event."""
    wanted = Filter.from_request()
    before = layout.number_arg("before")
    with console().store.read() as tx:
        page = find(tx, wanted, PAGE, before=before)
        context: dict[str, Any] = {
            "page": page,
            "filter": wanted,
            "before": before,
            "after": next_number(tx, "seq") - 1,
            "types": TYPES,
            "names": console_queries.event_names(tx, 200),
            "sources": config_rows.all_sources(tx),
            "started": console_queries.any_event(tx),
        }
        number = layout.number_arg("open")
        context["open"] = detail(tx, number) if number is not None else None
    source = next((s for s in context["sources"] if s.enabled), None)
    context["snippets"] = snippets(source.write_key) if source else []
    context["demo"] = demo_state()
    return render_template("console/live.html", **context)


def rows() -> Response:
    """The rows above position ``after``; 204 if there are none."""
    after = layout.number_arg("after") or 0
    wanted = Filter.from_request()
    with console().store.read() as tx:
        newest = next_number(tx, "seq") - 1
        page = find(tx, wanted, 100, after=after) if newest > after else Page([], None)
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


def rejected() -> str:
    """What was refused, grouped by reason."""
    code = request.args.get("code", "")
    before = layout.number_arg("before")
    now_minute = console().now() // MINUTE_MS
    days = console().settings.rejected_days
    with console().store.read() as tx:
        groups = console_queries.refused_by_code(tx, now_minute - days * 24 * 60)
        found = console_queries.newest_rejected(tx, PAGE, before, code or None)
        sources = {source.id: source for source in config_rows.all_sources(tx)}
        number = layout.number_arg("open")
        opened = console_queries.one_rejected(tx, number) if number is not None else None
    return render_template(
        "console/rejected.html",
        groups=groups,
        code=code,
        found=found,
        sources=sources,
        days=days,
        more=found[-1].id if len(found) == PAGE else None,
        open=_rejected_detail(opened, sources) if opened is not None else None,
    )


def rejected_one(number: int) -> str:
    """One refused message: the reason and the body as it was sent."""
    with console().store.read() as tx:
        row = console_queries.one_rejected(tx, number)
        sources = {source.id: source for source in config_rows.all_sources(tx)}
    if row is None:
        abort(404, "Refused messages are kept for a time only; this one is gone.")
    name = "rejected_drawer.html" if layout.is_partial() else "rejected_one.html"
    return render_template(f"console/{name}", **_rejected_detail(row, sources))


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
        numbers = console_queries.name_numbers(tx, wanted.type or None, wanted.name or None)
        narrow = narrow._replace(name_ids=numbers)
    if wanted.source:
        ids = [s.id for s in config_rows.all_sources(tx) if s.key == wanted.source]
        narrow = narrow._replace(source_id=ids[0] if ids else -1)
    people = faces.profiles_of_value(tx, wanted.q, 10) if wanted.q else []
    if people:
        narrow = narrow._replace(node_ids=faces.nodes_of(tx, people))
    if wanted.q and not people:
        return _find_text(tx, narrow, wanted.q, limit, before, after)
    scan = console_queries.live_rows(tx, narrow, limit, before=before, after=after)
    return Page(as_events(tx, scan.rows), scan.reached)


def _find_text(
    tx: Connection,
    narrow: LiveFilter,
    text: str,
    limit: int,
    before: int | None,
    after: int | None,
) -> Page:
    scan = console_queries.live_rows(tx, narrow, BODIES, before=before, after=after)
    needle = msgspec.json.encode(text)[1:-1].decode().casefold()
    bodies = history.bodies_of(tx, scan.rows)
    hits = [
        row
        for row in scan.rows
        if row.seq in bodies and needle in bodies[row.seq].raw.decode(errors="replace").casefold()
    ]
    reached = hits[limit - 1].seq if len(hits) > limit else scan.reached
    return Page(as_events(tx, hits[:limit]), reached)


def as_events(tx: Connection, rows: list[HistoryRow]) -> list[Event]:
    """Rows of the history with the words that a list shows."""
    names = history.all_names(tx)
    sources = {source.id: source.name for source in config_rows.all_sources(tx)}
    people = faces.faces_of_nodes(tx, [row.node for row in rows])
    bodies = history.bodies_of(tx, rows)
    events = []
    for row in rows:
        type_, name = names.get(row.name, ("", ""))
        body = msgspec.json.decode(bodies[row.seq].raw) if row.seq in bodies else {}
        events.append(
            Event(
                row.seq,
                type_,
                name or title_of(type_),
                row.t,
                None,
                sources.get(row.source, "unknown"),
                bool(row.flags & 1),
                people.get(row.node),
                gist(body),
            )
        )
    return events


def title_of(type_: str) -> str:
    """What an event without a name is called in lists."""
    return {"page": "Page viewed", "screen": "Screen viewed", "identify": "Identify"}.get(
        type_, type_.capitalize()
    )


def gist(body: dict[str, Any], size: int = 4) -> str:
    """The first few properties or traits on one line."""
    values = body.get("properties") or body.get("traits") or {}
    pieces = []
    for key, value in list(values.items())[:size] if isinstance(values, dict) else []:
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        pieces.append(f"{key[:40]}: {text[:40]}")
    return " · ".join(pieces)


def detail(tx: Connection, seq: int) -> dict[str, Any] | None:
    """What the page of the event at position ``seq`` shows; None if there is none."""
    row = console_queries.one_row(tx, seq)
    if row is None:
        return None
    bodies = history.bodies_of(tx, [row])
    body = bodies.get(row.seq)
    raw = msgspec.json.decode(body.raw) if body else {}
    added = msgspec.json.decode(body.added) if body else None
    sources = {source.id: source for source in config_rows.all_sources(tx)}
    return {
        "event": as_events(tx, [row])[0],
        "source": sources.get(row.source),
        "body": raw,
        "added": added,
        "went": whereabouts(tx, row),
    }


def _rejected_detail(row: Any, sources: dict[int, Any]) -> dict[str, Any]:
    try:
        value = decode_json(row.body)
    except MalformedJSON:
        value = None
    text = row.body.decode("utf-8", "replace")
    source = sources.get(row.source_id)
    return {"row": row, "value": value, "text": text, "source": source}
