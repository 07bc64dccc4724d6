"""People: search, and one person's whole story."""

from __future__ import annotations

from typing import Any

from flask import abort, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from cdp.console import layout
from cdp.console.audiences import reasons
from cdp.console.context import console
from cdp.console.journeys import people as journey_people
from cdp.console.live.events import as_events, detail, title_of
from cdp.console.messages import sent as messages
from cdp.console.messages import wishes
from cdp.console.people import traits
from cdp.console.persons import Subject, find_people, person_subject
from cdp.console.snippets import host
from cdp.pipeline.story import story
from cdp.store import config_rows
from cdp.store.events import activity, history, timeline
from cdp.store.profiles import faces, object_types, objects, people
from cdp.store.profiles.faces import Face
from cdp.store.profiles.objects import Link
from cdp.store.tables import USERS

PAGE = 50
RECENT = 30
TABS = (
    "timeline",
    "traits",
    "audiences",
    "journeys",
    "messages",
    "identifiers",
    "accounts",
    "links",
)


def index() -> str:
    """The search, and whom something was learnt about last."""
    text = request.args.get("q", "").strip()[:500]
    with console().store.read() as tx:
        kinds = object_types.all_types(tx)
        wanted = request.args.get("kind")
        kind = next((row.id for row in kinds if row.word == wanted), USERS)
        if text:
            found = find_people(tx, text, PAGE)
        else:
            found = faces.faces_of_profiles(tx, faces.newest_profiles(tx, kind, RECENT))
        seen = faces.updated_at(tx, [face.profile for face in found])
    name = "people_found.html" if "HX-Target" in request.headers else "people.html"
    return render_template(
        f"console/{name}",
        found=found,
        q=text,
        seen=seen,
        kind=kind,
        kinds=kinds,
        words={row.id: row.name for row in kinds},
    )


def person(profile: str, tab: str = "timeline") -> str | Response:
    """One person or account; an id that was merged away leads to the one it is now."""
    if tab not in TABS:
        abort(404, f"A person's page has no part called {tab}.")
    with console().store.read() as tx:
        subject = person_subject(tx, profile)
        if subject.id != profile:
            kept: dict[str, Any] = {k: v for k, v in request.args.items() if k != "tab"}
            if tab != TABS[0]:
                kept["tab"] = tab
            endpoint = "console.person_tab" if "tab" in kept else "console.person"
            return redirect(url_for(endpoint, **{**kept, "profile": subject.id}))
        known = traits.current_traits(tx, subject.profile.id)
        kinds = {row.id: row for row in object_types.all_types(tx)}
        context: dict[str, Any] = {
            "subject": subject,
            "tab": tab,
            "is_account": subject.profile.collection != USERS,
            "kinds": kinds,
            "kind": kinds.get(subject.profile.collection),
            "sources": {s.id: s for s in config_rows.all_sources(tx)},
            "traits": traits.shown(known),
            "host": host(),
            "open": None,
        }
        node_ids = [node.id for node in subject.nodes]
        newest = timeline.rows_of_nodes(tx, node_ids, limit=1)
        context["last_t"] = newest[0].t if newest else None
        if tab == "timeline":
            context |= _timeline(tx, node_ids)
        elif tab == "traits":
            context |= traits.tab(tx, subject.profile, known)
        elif tab == "audiences":
            context |= reasons.of_person(tx, subject.profile.id)
        elif tab == "journeys":
            context |= journey_people.of_person(tx, subject.profile.id)
        elif tab == "messages":
            context |= messages.of_person(tx, subject.profile.id)
            if subject.profile.collection == USERS:
                context |= wishes.of_person(tx, subject.profile.id)
        elif tab == "identifiers":
            context["story"] = story(tx, subject.profile)
            context["last_named"] = people.last_named(tx, subject.nodes)
        elif tab == "accounts":
            context["bonds"] = _bonds(tx, subject)
    return render_template("console/person.html", **context)


def _timeline(tx: Connection, node_ids: list[int]) -> dict[str, Any]:
    cursor = request.args.get("before", "").split("-")
    before = (int(cursor[0]), int(cursor[1])) if _is_cursor(cursor) else None
    numbers = None
    wanted = request.args.get("name", "")
    counts = activity.names_of_nodes(tx, node_ids)
    names = history.names_of(tx, counts)
    if wanted:
        numbers = [n for n, pair in names.items() if wanted in pair]
    rows = timeline.rows_of_nodes(tx, node_ids, before=before, limit=PAGE, name_ids=numbers)
    last = rows[-1] if len(rows) == PAGE else None
    number = layout.number_arg("open")
    return {
        "events": as_events(tx, rows),
        "more": f"{last.t}-{last.seq}" if last else None,
        "first_page": before is None,
        "wanted": wanted,
        "kinds": _kinds(names, counts),
        "total": sum(counts.values()),
        "open": detail(tx, number) if number is not None else None,
    }


def _kinds(names: dict[int, tuple[str, str]], counts: dict[int, int]) -> list[tuple[str, str, int]]:
    """The names of somebody's events: (what the address says, words, how many), most first."""
    found: dict[str, tuple[str, int]] = {}
    for number, n in counts.items():
        type_, name = names.get(number, ("", ""))
        key = name or type_
        found[key] = (name or title_of(type_), found.get(key, ("", 0))[1] + n)
    return sorted(((key, *rest) for key, rest in found.items()), key=lambda kind: -kind[2])


def _is_cursor(parts: list[str]) -> bool:
    return len(parts) == 2 and all(p.isascii() and p.isdigit() and len(p) < 19 for p in parts)


def _bonds(tx: Connection, subject: Subject) -> list[tuple[Face, Link]]:
    links = objects.links(tx, subject.profile.id, subject.profile.collection)
    shown = {f.profile: f for f in faces.faces_of_profiles(tx, [one.profile for one in links])}
    return [(shown[one.profile], one) for one in links if one.profile in shown]
