"""``/api/audiences/{key}/members`` and ``/api/profiles/…/audiences/{key}``: who, and why."""

from __future__ import annotations

from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate

from cdp.api.cursors import decode_place, encode
from cdp.api.errors import ApiError, sentence
from cdp.api.fields import Moment
from cdp.api.masking import personal
from cdp.api.people import find
from cdp.api.room import Room, author, here, page_of
from cdp.events import decode_json, format_time
from cdp.identity import public_id
from cdp.pipeline.audiences.explain import NotComputed, Why, why
from cdp.store import definitions
from cdp.store.audiences import membership
from cdp.store.audiences.membership import State
from cdp.store.defined import by_hand
from cdp.store.defined.by_hand import MOST, NoSuchList
from cdp.store.profiles import graph
from cdp.transfer.members import export_members

room = Room("memberships", "Who is in an audience, how that came, and why.")


def told(found: Why) -> dict[str, Any]:
    """An explanation as the API and the command show it."""
    return {
        "audience": found.row.key,
        "version": found.row.version,
        "condition": found.condition,
        "member": found.inside,
        "since": format_time(found.since) if found.since is not None else None,
        "next_change": format_time(found.next) if found.next is not None else None,
        "clauses": found.clauses,
        "changes": [
            {
                "at": format_time(change.at),
                "entered": change.entered,
                "cause": change.cause,
                "event": change.event,
                "clauses": decode_json(change.detail.encode()).get("clauses", []),
            }
            for change in found.changes
        ],
    }


class ExplainQuery(Schema):
    """When."""

    at = Moment(metadata={"description": "As it was known then."})


class ClauseSchema(Schema):
    """A part of the condition that is no and, or, not."""

    clause = fields.String()
    holds = fields.Boolean()
    value = fields.Raw(metadata=personal("shape", "What a comparison compares."))


class TurnSchema(Schema):
    """An entry or exit, with the clauses as they were then."""

    at = fields.String()
    entered = fields.Boolean()
    cause = fields.String(
        metadata={
            "description": "event, trait, timer, merge, joined, account, audience, profile, "
            "list or definition."
        }
    )
    event = fields.Integer(allow_none=True, metadata={"description": "The message, if any."})
    clauses = fields.List(fields.Nested(ClauseSchema))


class ExplainSchema(Schema):
    """How somebody stands in an audience."""

    audience = fields.String()
    version = fields.Integer()
    condition = fields.String(metadata={"description": "With everything made expanded."})
    member = fields.Boolean()
    since = fields.String(allow_none=True)
    next_change = fields.String(
        allow_none=True, metadata={"description": "When time alone could change something."}
    )
    clauses = fields.List(fields.Nested(ClauseSchema))
    changes = fields.List(fields.Nested(TurnSchema))


class MembersQuery(Schema):
    """A page of members."""

    limit = fields.Integer(load_default=50, validate=validate.Range(1, 1000))
    next = fields.String(metadata={"description": "The next of the page before."})


class MemberSchema(Schema):
    """Somebody in an audience."""

    id = fields.String()
    since = fields.String()


class HandSchema(Schema):
    """People who are put on a list that is kept by hand, and taken off it."""

    add = fields.List(
        fields.String(),
        load_default=list,
        validate=validate.Length(max=MOST),
        metadata={"description": "Identifiers, such as `user_id:u1`."},
    )
    remove = fields.List(fields.String(), load_default=list, validate=validate.Length(max=MOST))


class MovedSchema(Schema):
    """What became of it."""

    added = fields.Integer()
    removed = fields.Integer()
    unmatched = fields.List(
        fields.String(), metadata=personal("identifiers", "Identifiers that nobody has.")
    )


class StateSchema(Schema):
    """How far an audience is worked out.

    One that could be worked out once and can't any more is ``failed`` and has a ``size``:
    its members stay as they were.
    """

    state = fields.String(metadata={"description": "waiting, computing, live or failed."})
    size = fields.Integer(allow_none=True)
    progress = fields.Float(
        metadata={
            "description": "Of a version being computed, 0 to 1; while it waits, of what is "
            "collected for it from the past."
        }
    )
    error = fields.String(allow_none=True)


@room.on("GET", "/profiles/<rest:profile>/audiences/<key>", "audiences:read", query=ExplainQuery,
         gives=ExplainSchema)  # fmt: skip
def explain_membership(query: dict[str, Any], profile: str, key: str) -> dict[str, Any]:
    """Why somebody is in an audience, or isn't: each clause with its value."""
    with here().store.read() as tx:
        found = find(tx, profile)
        try:
            return told(why(tx, key, found, here().now(), query.get("at")))
        except NotComputed as error:
            if error.trouble:
                raise ApiError(409, "conflict", sentence(error.trouble)) from None
            text = f"There is no audience {key} that has members at that time."
            raise ApiError(404, "not_found", text) from None


@room.on("GET", "/audiences/<key>/members", "audiences:read", query=MembersQuery,
         gives=page_of(MemberSchema))  # fmt: skip
def list_members(query: dict[str, Any], key: str) -> dict[str, Any]:
    """The members, a page at a time, in the order of their first messages."""
    after = decode_place(query["next"]) if query.get("next") else 0
    with here().store.read() as tx:
        state = _state(tx, key)
        some = membership.page(tx, state.id, after, query["limit"] + 1)
        page = some[: query["limit"]]
        rows = {row.id: row for row in graph.profiles_by_id(tx, [m.profile for m in page])}
    data = [
        {
            "id": public_id(rows[m.profile].collection, rows[m.profile].anchor),
            "since": format_time(m.since),
        }
        for m in page
        if m.profile in rows
    ]
    return {"data": data, "next": encode(page[-1].profile) if len(some) > len(page) else None}


@room.on("POST", "/audiences/<key>/members", "audiences:write", body=HandSchema, gives=MovedSchema)
def change_members(body: dict[str, Any], key: str) -> dict[str, Any]:
    """Put people on a list that is kept by hand, and take others off."""
    try:
        with here().store.write() as tx:
            done = by_hand.change(tx, key, body["add"], body["remove"], here().now())
    except NoSuchList as error:
        raise ApiError(404, "not_found", sentence(error)) from None
    return {"added": done.added, "removed": done.removed, "unmatched": done.unknown}


@room.on("GET", "/audiences/<key>/members.csv", "profiles:read", streams=["text/csv"])
def members_as_csv(key: str) -> Response:
    """All members as CSV: their id, identifiers, and since when they are in it."""
    with here().store.read() as tx:
        state = _state(tx, key)
    return Response(export_members(here().store, state, author(), "API"), mimetype="text/csv")


@room.on("GET", "/audiences/<key>/state", "audiences:read", gives=StateSchema)
def get_state(key: str) -> dict[str, Any]:
    """How large the audience is, and how far it has been worked out."""
    with here().store.read() as tx:
        state = membership.states(tx, "audience", key, waiting=True).get(key)
        if state is None and _is_new(tx, key):
            return {"state": "waiting", "size": None, "progress": 0.0, "error": None}
        state = state or _state(tx, key)
    size = state.size if state.state == "live" else None
    working = state.next or state
    share = 1.0 if working.state == "live" else working.share
    said = "failed" if working.error else state.state
    return {"state": said, "size": size, "progress": share, "error": working.error}


def _is_new(tx: Any, key: str) -> bool:
    """Whether there is an audience, but nobody was looked at for it yet."""
    version = definitions.current(tx, "audience", key)
    return version is not None and not (version.body or {}).get("archived")


def _state(tx: Any, key: str) -> State:
    found = membership.states(tx, "audience", key).get(key)
    if found is None and _is_new(tx, key):
        raise ApiError(404, "not_found", f"The audience {key} is not worked out yet.")
    if found is None:
        raise ApiError(404, "not_found", f"There is no audience {key} that is worked out.")
    return found
