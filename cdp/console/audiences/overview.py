"""Audiences: how large they are, who is in them, who came and went, and why."""

from __future__ import annotations

from typing import Any, NamedTuple

from flask import Response, abort, render_template, request
from sqlalchemy import Connection

from cdp.console import defined, layout
from cdp.console.audiences.reasons import Turn, turn
from cdp.console.context import console
from cdp.console.defined import Line, context_of, lines, shown_versions
from cdp.console.persons import find_people
from cdp.definitions import KINDS
from cdp.store.audiences import courses, evaluated, membership
from cdp.store.audiences.membership import Change, Member, State
from cdp.store.profiles import faces
from cdp.store.profiles.faces import Face

PAGE = 50
#: Days that sparklines draw.
DAYS = 30
DAY_MS = 86_400_000
TABS = ("members", "changes", "definition", "versions")
AUDIENCE = KINDS["audience"]


class Sized(NamedTuple):
    """An audience in the list."""

    line: Line
    state: State | None
    points: list[int]
    #: How much it grew in a week.
    week: int


class In(NamedTuple):
    """Somebody in an audience."""

    face: Face
    since: int


class Moved(NamedTuple):
    """Somebody who came or went."""

    face: Face | None
    turn: Turn


def index(plural: str = AUDIENCE.plural) -> str:
    """What is defined; audiences with their size and how that went."""
    if plural != AUDIENCE.plural:
        return defined.index(plural)
    with console().store.read() as tx:
        found = lines(tx, AUDIENCE)
        states = membership.states(tx, AUDIENCE.name, waiting=True)
        sizes = {s.id: s.size for s in states.values() if s.state != "waiting"}
        curves = courses.daily(tx, sizes, console().now(), DAYS)
        begun = courses.begun(tx, AUDIENCE.name)
    shown = []
    for line in found:
        state = states.get(line.key)
        points = _since(curves.get(state.id, []) if state else [], begun.get(line.key))
        shown.append(Sized(line, state, points, points[-1] - points[-8:][0] if points else 0))
    return render_template("console/audiences.html", audiences=shown, plural=plural)


def page(plural: str, key: str, tab: str = "") -> str | Response:
    """One audience, or what else is defined; while it is worked out it looks after itself."""
    if plural != AUDIENCE.plural:
        return defined.page(plural, key, tab or "definition")
    tab = tab or TABS[0]
    if tab not in TABS:
        abort(404, f"An audience's page has no part called {tab}.")
    with console().store.read() as tx:
        if removed := defined.gone(tx, (AUDIENCE.name, key)):
            return removed
        context = context_of(tx, (AUDIENCE.name, key))
        state = membership.states(tx, AUDIENCE.name, key, waiting=True).get(key)
        busy = _is_busy(context["body"], state)
        if not busy and request.headers.get("HX-Target") == "course":
            return Response(headers={"HX-Refresh": "true"})
        context |= {"tab": tab, "state": state, "points": [], "q": "", "busy": busy}
        if state is not None and (state.state == "waiting" or context["body"].get("archived")):
            state = None  # nobody was looked at yet, or is in it any more
        if state is not None:
            curve = courses.daily(tx, {state.id: state.size}, console().now(), DAYS)
            context["points"] = _since(curve[state.id], courses.begun(tx, AUDIENCE.name)[key])
        if tab == "members":
            context |= _members(tx, state)
        elif tab == "changes":
            context |= _changes(tx, key)
        elif tab == "versions":
            context["versions"] = shown_versions(tx, (AUDIENCE.name, key))
    return render_template("console/audience.html", **context)


def _is_busy(body: dict[str, Any], state: State | None) -> bool:
    """Whether it, or a newer version of it, is being worked out or about to be."""
    if body.get("archived"):
        return False
    if state is None:
        return True
    at = state.next if state.next is not None else state
    return at.state in ("waiting", "computing")


def _since(curve: list[int], begun: int | None) -> list[int]:
    """A curve from the day on which there was anything to draw, and the one before."""
    days = 0 if begun is None else (console().now() // DAY_MS) - begun // DAY_MS
    return curve[-max(days + 1, 2) :]


def _members(tx: Connection, state: State | None) -> dict[str, Any]:
    """A page of members, or those whom a search finds."""
    q, after = request.args.get("q", "").strip()[:500], layout.number_arg("after") or 0
    if state is None:
        return {"q": q, "people": [], "more": None, "outside": []}
    if q:
        found = find_people(tx, q, PAGE)
        inside = membership.among(tx, state.id, [face.profile for face in found])
        people = [In(f, inside[f.profile].since) for f in found if f.profile in inside]
        outside = [face for face in found if face.profile not in inside]
        return {"q": q, "people": people, "more": None, "outside": outside[:5]}
    some = membership.page(tx, state.id, after, PAGE + 1)
    more = some[PAGE - 1].profile if len(some) > PAGE else None
    return {"q": q, "people": _faces(tx, some[:PAGE]), "more": more, "outside": []}


def _faces(tx: Connection, some: list[Member]) -> list[In]:
    since = {member.profile: member.since for member in some}
    return [In(face, since[face.profile]) for face in faces.faces_of_profiles(tx, list(since))]


def _changes(tx: Connection, key: str) -> dict[str, Any]:
    """Who came and went, the latest first, also before it was archived; of one person if
    the address says so."""
    person, before = request.args.get("person", "").strip()[:500], layout.number_arg("before")
    found: list[Change] = []
    if rows := evaluated.ids_of(tx, AUDIENCE.name, key):
        profiles = [face.profile for face in find_people(tx, person, 20)] if person else None
        found = courses.changes(tx, rows[-1], before, PAGE + 1, profiles)
    known = faces.faces_of_profiles(tx, list({change.profile for change in found}))
    by = {face.profile: face for face in known}
    moved = [Moved(by.get(change.profile), turn(change)) for change in found[:PAGE]]
    more = found[PAGE - 1].seq if len(found) > PAGE else None
    return {"moved": moved, "more": more, "q": person}
