"""People: search, and one person's whole story."""

from __future__ import annotations

from typing import Any, NamedTuple

from flask import abort, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from cdp.console import auth, layout, traits
from cdp.console.context import console
from cdp.console.events import as_events, detail, title_of
from cdp.console.snippets import host
from cdp.identity import normal_value, parse_public_id, public_id
from cdp.pipeline.story import story
from cdp.store import (
    activity,
    config_rows,
    faces,
    graph,
    history,
    object_types,
    objects,
    people,
    timeline,
)
from cdp.store.faces import Face
from cdp.store.graph import IdentifierRow, NodeRow, ProfileRow
from cdp.store.objects import Link
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


def face_id(face: Face) -> str:
    """The public id of a person or account."""
    return public_id(face.collection, face.anchor)


def person_address(face: Face) -> str:
    """The address of a person's or account's page."""
    return url_for("console.person", profile=face_id(face))


def profiles_called(tx: Connection, text: str, limit: int) -> list[int]:
    """The people and accounts with exactly this identifier or public id."""
    # People type addresses and numbers as they like; they are kept in one form.
    forms = dict.fromkeys(
        [text, *filter(None, (normal_value(t, text) for t in ("email", "phone")))]
    )
    ids = {id_: None for form in forms for id_ in faces.profiles_of_value(tx, form, limit)}
    known = parse_public_id(text)
    if known is not None:
        rows = graph.identifiers_by_hash(tx, [known[1]])
        ids.update(dict.fromkeys(r.profile for r in rows if r.profile is not None))
    return list(ids)[:limit]


def find_people(tx: Connection, text: str, limit: int) -> list[Face]:
    """People and accounts by exact identifier first, then by the beginning of one or of a name.

    Whoever may not see personal values finds by exact identifiers alone: trying out
    beginnings would tell them letter by letter.
    """
    ids = dict.fromkeys(profiles_called(tx, text, limit))
    if len(ids) < limit and auth.current().sees_personal:
        ids.update(dict.fromkeys(faces.profiles_of_prefix(tx, text, limit)))
    gone = objects.hidden_among(tx, list(ids))
    return faces.faces_of_profiles(tx, [id_ for id_ in ids if id_ not in gone][:limit])


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


class Subject(NamedTuple):
    """Whose page it is."""

    profile: ProfileRow
    id: str
    name: str
    identifiers: list[IdentifierRow]
    nodes: list[NodeRow]


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
            from cdp.console import reasons  # which shows people, too

            context |= reasons.of_person(tx, subject.profile.id)
        elif tab == "journeys":
            from cdp.console import journey_people  # which shows people, too

            context |= journey_people.of_person(tx, subject.profile.id)
        elif tab == "messages":
            from cdp.console import messages  # which shows people, too

            context |= messages.of_person(tx, subject.profile.id)
            if subject.profile.collection == USERS:
                from cdp.console import wishes

                context |= wishes.of_person(tx, subject.profile.id)
        elif tab == "identifiers":
            context["story"] = story(tx, subject.profile)
        elif tab == "accounts":
            context["bonds"] = _bonds(tx, subject)
    return render_template("console/person.html", **context)


def person_subject(tx: Connection, text: str) -> Subject:
    """Whose page an address means; 404 if nobody's."""
    known = parse_public_id(text)
    rows = graph.identifiers_by_hash(tx, [known[1]]) if known else []
    found = next((r.profile for r in rows if known and r.collection == known[0]), None)
    if known is None and ":" in text:
        found = _named(tx, *text.split(":", 1))
    heads = graph.profiles_by_id(tx, [found]) if found is not None else []
    if not heads:
        abort(404, "Nobody has this id. It may be mistyped, or the person was deleted.")
    head = heads[0]
    face = faces.faces_of_profiles(tx, [head.id])[0]
    identifiers = sorted(
        graph.identifiers_of_profiles(tx, [head.id]), key=lambda i: (i.first_t, i.id)
    )
    nodes = graph.nodes_of_profiles(tx, [head.id])
    return Subject(head, public_id(head.collection, head.anchor), face.label, identifiers, nodes)


def _named(tx: Connection, type_: str, value: str) -> int | None:
    """The profile of an identifier, as the command line and the APIs write it."""
    if "\0" in value:
        return None
    named = people.resolve_anywhere(tx, type_.lower(), value)
    return named.id if named is not None else None


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
