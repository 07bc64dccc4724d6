"""Home: what is going on, is it healthy, what can I do next."""

from __future__ import annotations

from typing import Any, NamedTuple

from flask import abort, flash, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from cdp.console import kinds, layout
from cdp.console.context import console
from cdp.console.format import plural, sentence
from cdp.console.live.rejected import reason
from cdp.console.snippets import snippets
from cdp.definitions import title_of
from cdp.demo.load import SOURCE
from cdp.store import config_rows, definitions
from cdp.store.destinations.health import destination_health
from cdp.store.events import console_queries
from cdp.store.events.activity import DAY_MS, activity
from cdp.store.events.console_queries import MINUTE_MS
from cdp.store.journeys import standstill
from cdp.store.meta import next_number
from cdp.store.tables import USERS

#: Beyond this many events or profiles, counting them is left to a second request.
COUNT_AT_ONCE = 100_000
#: The second request looks at this many of the newest events.
NEWEST = 500_000
DAYS, ACTIVE_DAYS = 30, 7


class Trouble(NamedTuple):
    """Something broken: what, since when (ms), and the page that mends it."""

    kind: str
    title: str
    text: str
    since: int | None
    address: str
    verb: str


def index() -> str | tuple[str, int]:
    """The page."""
    here = console()
    now_minute = here.now() // MINUTE_MS
    part = request.args.get("part")
    if part == "figures":
        return render_template("console/home_figures.html", **_figures(NEWEST))
    if part == "started":
        return _started()
    with here.store.read() as tx:
        started = console_queries.any_event(tx)
        sources = config_rows.all_sources(tx)
        # The sample data came in at once and says nothing about how busy it is.
        sample = next((s.id for s in sources if s.key == SOURCE), None)
        hour = console_queries.events_by_minute(tx, now_minute - 59, now_minute, without=sample)
        by_source = console_queries.counts_by_source(tx, now_minute - 24 * 60)
        day_ago = now_minute - 24 * 60
        before = console_queries.taken_between(tx, day_ago - 24 * 60, day_ago - 1, without=sample)
        troubles = _troubles(tx, now_minute)
        few = max(next_number(tx, "profile"), next_number(tx, "seq")) < COUNT_AT_ONCE
        destinations = config_rows.all_destinations(tx)
        delivered = sum(destination_health(tx, item.id).delivered for item in destinations)
    points = [hour.get(minute, 0) for minute in range(now_minute - 59, now_minute + 1)]
    source = next((s for s in sources if s.enabled), None)
    return render_template(
        "console/home.html",
        started=started,
        # The running minute is not over: the last whole one is what a rate means.
        points=points[:-1],
        rate=points[-2],
        hour=sum(points),
        day=sum(count.taken for id_, count in by_source.items() if id_ != sample),
        before=before,
        refused=sum(count.refused for count in by_source.values()),
        figures=_figures(COUNT_AT_ONCE) if few and started else None,
        troubles=troubles,
        destinations=len(destinations),
        delivered=delivered,
        source=source,
        snippets=snippets(source.write_key) if source else [],
        demo=console().demo_state(),
    )


def sample_data() -> Response:
    """Put the sample data in, or take it out."""
    demo = console().services.demo
    if demo is None:
        abort(404, "This server has no sample data.")
    if request.form.get("action") == "remove":
        demo.remove_demo()
        flash("The sample data is being removed.", "good")
    else:
        demo.start_demo()
        flash("Sample data is on its way: 5,000 people over 120 days.", "good")
    return layout.back(url_for("console.home"))


def _started() -> tuple[str, int]:
    """Whether the first event has come; 286 ends htmx's asking."""
    with console().store.read() as tx:
        started = console_queries.any_event(tx)
    return (render_template("console/home_started.html"), 286) if started else ("", 204)


def _figures(newest: int) -> dict[str, Any]:
    """The days up to today with their events, and who was active of late."""
    now = console().now()
    today = now // DAY_MS
    with console().store.read() as tx:
        people = console_queries.count_profiles(tx, USERS)
        found = activity(tx, (today - DAYS + 1) * DAY_MS, now, now - ACTIVE_DAYS * DAY_MS, newest)
    return {
        "days": [
            (day * DAY_MS, found.by_day.get(day, 0)) for day in range(today - DAYS + 1, today + 1)
        ],
        "active": found.people,
        "active_days": ACTIVE_DAYS,
        "people": people,
        "looked_at": None if found.whole else newest,
    }


def _troubles(tx: Connection, now_minute: int) -> list[Trouble]:
    """What is broken, the worst first."""
    found: list[Trouble] = []
    for destination in config_rows.all_destinations(tx):
        health = destination_health(tx, destination.id)
        lost = kinds.failing(tx, destination) if destination.enabled else None
        if lost is not None:
            address = url_for("console.destination", key=destination.key)
            title = f"{destination.name} carries no messages"
            text = sentence(lost.error or "")
            found.append(Trouble("bad", title, text, lost.at, address, "See its calls"))
            continue
        if not destination.enabled or health.state not in ("stalled", "stopped"):
            continue
        address = url_for("console.destination", key=destination.key)
        title = f"{destination.name} has {health.state}"
        found.append(
            Trouble(
                "bad", title, sentence(health.error or ""), health.since, address, "See its calls"
            )
        )
    for destination in config_rows.all_destinations(tx):
        dead = destination_health(tx, destination.id).dead
        if dead:
            address = url_for("console.destination_tab", key=destination.key, tab="failed")
            title = f"{plural(dead, 'event')} not delivered to {destination.name}"
            text = "They were refused or ran out of retries, and can be sent again."
            found.append(Trouble("bad", title, text, None, address, "See and replay"))
    found += _still(tx)
    refused = console_queries.refused_by_code(tx, now_minute - 24 * 60)
    if refused:
        total = sum(n for _, n, _ in refused)
        title = f"{plural(total, 'message')} refused in the last 24 h"
        text = ", ".join(f"{reason(code)} {n:,}" for code, n, _ in refused[:4])
        first = url_for("console.rejected")
        found.append(Trouble("wait", title, text, None, first, "See why"))
    for error in console_queries.all_plugin_errors(tx, 3):
        title = f"Plugin {error.plugin} failed {plural(error.n, 'time')} in {error.hook}"
        address = url_for("console.plugins")
        found.append(
            Trouble("wait", title, error.error, error.first_at, address, "See the traceback")
        )
    return found


def _still(tx: Connection) -> list[Trouble]:
    """Journeys that stand still by themselves."""
    found = []
    for one in standstill.all_standing(tx):
        version = definitions.current(tx, "journey", one.key)
        name = title_of(one.key, (version.body if version is not None else None) or {})
        address = url_for("console.journey", key=one.key)
        why = sentence(one.reason)
        found.append(Trouble("bad", f"{name} {one.title}", why, one.since, address, "Look at it"))
    return found
