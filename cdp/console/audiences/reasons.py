"""Why somebody is in an audience, or isn't: one page a person and audience."""

from __future__ import annotations

from typing import Any, NamedTuple

from flask import abort, render_template, request
from sqlalchemy import Connection

from cdp.conditions import ConditionError, explain
from cdp.console.context import console
from cdp.console.defined import context_of
from cdp.console.persons import person_subject
from cdp.definitions import KINDS, title_of
from cdp.definitions.words import parsed
from cdp.events import decode_json, parse_time
from cdp.pipeline.audiences.explain import NotComputed, Why, why
from cdp.store import definitions
from cdp.store.audiences import membership
from cdp.store.audiences.membership import Change
from cdp.store.profiles import people

AUDIENCE = KINDS["audience"]
#: What brought an entry or exit about, in words.
CAUSES = {
    "event": "an event",
    "trait": "a trait",
    "timer": "time passed",
    "merge": "profiles became one",
    "joined": "this profile became part of another one",
    "account": "their account",
    "audience": "another audience",
    "profile": "the profile changed",
    "definition": "the definition changed",
    "list": "added or removed by hand",
}


class ClauseLine(NamedTuple):
    """A clause of a condition with what it was worth; ``value`` None where it says so itself.

    ``words`` is it in plain English.
    """

    text: str
    words: str
    holds: bool
    value: Any


class Made(NamedTuple):
    """A computed trait of somebody."""

    name: str
    value: Any
    since: int


class Turn(NamedTuple):
    """An entry or exit with its reasons."""

    change: Change
    why: str
    clauses: list[ClauseLine]


class Standing(NamedTuple):
    """An audience that somebody is or was in, on their page."""

    key: str
    name: str
    inside: bool
    since: int


def clause_lines(told: list[dict[str, Any]]) -> list[ClauseLine]:
    """Clauses as pages show them."""
    return [
        ClauseLine(one["clause"], _words(one["clause"]), one["holds"], one.get("value"))
        for one in told
    ]


def _words(text: str) -> str:
    try:
        return explain(parsed(text).root)
    except ConditionError:  # it calls a function that a plugin brought once
        return text


def turn(change: Change) -> Turn:
    """A change as pages show it."""
    detail = decode_json(change.detail.encode())
    clauses = clause_lines(detail.get("clauses", []))
    return Turn(change._replace(detail=""), CAUSES.get(change.cause, change.cause), clauses)


def page(plural: str, key: str, profile: str) -> str:
    """How one person stands in one audience, now or as it was known then."""
    if plural != AUDIENCE.plural:
        abort(404, "Only audiences have members.")
    text = request.args.get("at", "").strip()[:40]
    at = parse_time(text) if text else None
    if text and at is None:
        abort(400, f"{text} is no time. Write it as 2026-01-31T12:00.")
    with console().store.read() as tx:
        context = context_of(tx, (AUDIENCE.name, key))
        subject = person_subject(tx, profile)
        whole = people.by_id(tx, subject.profile.id)
        found: Why | None = None
        trouble = ""
        if whole is not None:
            try:
                found = why(tx, key, whole, console().now(), at)
            except NotComputed as error:
                found, trouble = None, error.trouble
    return render_template(
        "console/audience_why.html",
        **context,
        subject=subject,
        at=text,
        asked=at,
        computed=found is not None,
        trouble=trouble,
        inside=found.inside if found else False,
        since=found.since if found else None,
        following=found.next if found else None,
        clauses=clause_lines(found.clauses) if found else [],
        turns=[turn(change) for change in found.changes[:50]] if found else [],
    )


def of_person(tx: Connection, profile: int) -> dict[str, Any]:
    """The tab of a person's page: audiences, and computed traits."""
    names = {
        v.key: title_of(v.key, v.body or {}) for v in definitions.all_current(tx, AUDIENCE.name)
    }
    standing = membership.ever(tx, profile)
    found = [
        Standing(key, names[key], inside, since)
        for key, (inside, since) in sorted(standing.items())
        if key in names
    ]
    return {
        "standings": sorted(found, key=lambda one: not one.inside),
        "others": sorted((name, key) for key, name in names.items() if key not in standing),
        "computed": [
            Made(name, value, since)
            for name, (value, since) in membership.values_of_person(tx, profile).items()
        ],
    }
