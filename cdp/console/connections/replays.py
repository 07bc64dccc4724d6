"""Sending past events to one destination once more: first what it would do, then do it."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from cdp.console.auth import author
from cdp.console.connections.destinations import destination_or_404, page_context
from cdp.console.context import console
from cdp.delivery import replay
from cdp.store.destinations import health as delivery_health
from cdp.store.events import console_queries
from cdp.store.events.console_queries import MINUTE_MS


def page(key: str) -> str:
    """The form; with ``from`` and ``to`` in the address also what would be sent."""
    start, end = _time("from"), _time("to")
    with console().store.read() as tx:
        destination = destination_or_404(tx, key)
        context = page_context(tx, destination, "replays")
        context["replays"] = delivery_health.replays(tx, destination.id)
        about = None
        if start is not None and end is not None and start <= end:
            counts = console_queries.events_by_minute(
                tx, start // MINUTE_MS, end // MINUTE_MS, destination.source_id
            )
            about = sum(counts.values())
    return render_template(
        "console/destination.html",
        **context,
        about=about,
        start=request.args.get("from", ""),
        end=request.args.get("to", ""),
        backwards=start is not None and end is not None and start > end,
    )


def start(key: str) -> Response:
    """Begin the replay."""
    begin, end = _time("from"), _time("to")
    if begin is None or end is None or begin > end:
        abort(400, "A replay needs a time to begin and a later one to end.")
    here = console()
    with here.store.write() as tx:
        destination = destination_or_404(tx, key)
        name = replay.start(tx, here.now(), begin, end, destination, author())
    flash(f"{name} has begun. Its progress is shown here.", "good")
    return redirect(url_for("console.destination_replays", key=key), 303)


def _time(name: str) -> int | None:
    """A time in UTC as a form's ``datetime-local`` writes it, in ms; None for anything else."""
    try:
        moment = datetime.fromisoformat(request.values.get(name, ""))
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)
