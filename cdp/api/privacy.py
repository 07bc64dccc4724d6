"""Deleting and suppressing people (segment.com: regulations), and what is known of one."""

from __future__ import annotations

import tempfile
from typing import Any

from flask import send_file
from marshmallow import Schema, fields, validate

from cdp.api.errors import ApiError, not_found
from cdp.api.fields import Empty, PageQuery, following, place
from cdp.api.people import find
from cdp.api.room import Room, author, here, page_of
from cdp.events import format_time
from cdp.identity import Identifier, normal_value, public_id
from cdp.pipeline import forget
from cdp.store import config_rows
from cdp.store.privacy.dossier import take_out
from cdp.store.profiles import people, regulations
from cdp.store.profiles.regulations import TYPES, Regulation
from cdp.store.tables import USERS

room = Room("privacy", "Deletion, suppression, and what is known of a person.")

#: Subjects of one regulation (segment.com).
MAX_SUBJECTS = 5000


class RegulationBody(Schema):
    """What is wished, and by whom."""

    regulationType = fields.String(required=True, validate=validate.OneOf(TYPES))
    subjectType = fields.String(
        load_default="USER_ID", validate=validate.OneOf(["USER_ID", "userId"])
    )
    subjectIds = fields.List(
        fields.String(validate=validate.Length(1, 500)),
        required=True,
        validate=validate.Length(1, MAX_SUBJECTS),
    )


class ForwardSchema(Schema):
    """What a destination was told."""

    destination = fields.String(allow_none=True)
    status = fields.String(
        validate=validate.OneOf(["INITIALIZED", "FINISHED", "FAILED", "NOT_SUPPORTED"])
    )
    attempts = fields.Integer()
    error = fields.String(allow_none=True)


class RegulationSchema(Schema):
    """A regulation and how far it is; whom it is about is not said any more once it is done."""

    id = fields.String()
    regulationType = fields.String(validate=validate.OneOf(TYPES))
    overallStatus = fields.String(
        validate=validate.OneOf(["INITIALIZED", "RUNNING", "PARTIAL_SUCCESS", "FAILED", "FINISHED"])
    )
    phase = fields.String()
    done = fields.Float(metadata={"description": "From 0 to 1."})
    subjects = fields.Integer()
    people = fields.Integer()
    author = fields.String()
    createdAt = fields.String()
    finishedAt = fields.String(allow_none=True)
    destinations = fields.List(fields.Nested(ForwardSchema))
    left = fields.List(
        fields.String(), metadata={"description": "What is for you to change or to delete."}
    )
    exports = fields.List(
        fields.String(), metadata={"description": "What left the store before as a file."}
    )


_STATUS = {
    "waiting": "INITIALIZED",
    "done": "FINISHED",
    "failed": "FAILED",
    "unsupported": "NOT_SUPPORTED",
}


def shown(tx: Any, item: Regulation) -> dict[str, Any]:
    """A regulation as it is told."""
    keys = {found.id: found.key for found in config_rows.all_destinations(tx)}
    return {
        "id": item.public_id,
        "regulationType": item.type,
        "overallStatus": item.state,
        "phase": item.phase,
        "done": item.detail.get("done", 1.0 if item.ended else 0.0),
        "subjects": item.detail.get("subjects", 0),
        "people": item.detail.get("people", 0),
        "author": item.author,
        "createdAt": format_time(item.created_at),
        "finishedAt": format_time(item.finished_at) if item.finished_at is not None else None,
        "destinations": [
            {
                "destination": keys.get(forward.destination_id),
                "status": _STATUS[forward.state],
                "attempts": forward.attempts,
                "error": forward.error,
            }
            for forward in regulations.forwards_of(tx, item.id)
        ],
        "left": item.detail.get("left", []),
        "exports": item.detail.get("exports", []),
    }


def _begin(type_: str, subjects: list[Identifier]) -> dict[str, Any]:
    store, settings = here().store, here().settings
    made = forget.regulate(
        store, type_, subjects, author(), here().now(), settings.delete_within_hours
    )
    with store.read() as tx:
        return shown(tx, made)


@room.on(
    "POST", "/regulations", "profiles:write", body=RegulationBody, gives=RegulationSchema,
    status=201,
)  # fmt: skip
def create_regulation(body: dict[str, Any]) -> dict[str, Any]:
    """Delete or suppress people, or take a suppression back."""
    subjects = [
        ("user_id", normal_value("user_id", text) or text.strip()) for text in body["subjectIds"]
    ]
    return _begin(body["regulationType"], subjects)


@room.on("GET", "/regulations", "profiles:read", query=PageQuery, gives=page_of(RegulationSchema))
def list_regulations(query: dict[str, Any]) -> dict[str, Any]:
    """Regulations, the newest first."""
    with here().store.read() as tx:
        rows = regulations.newest(tx, place(query), query["limit"])
        data = [shown(tx, row) for row in rows]
    return {"data": data, "next": following(rows, query["limit"], rows[-1].id if rows else None)}


@room.on("GET", "/regulations/<regulation>", "profiles:read", gives=RegulationSchema)
def get_regulation(regulation: str) -> dict[str, Any]:
    """One regulation, and how far it is."""
    with here().store.read() as tx:
        found = regulations.by_public_id(tx, regulation)
        if found is None:
            raise not_found("There is no such regulation.")
        return shown(tx, found)


@room.on("DELETE", "/profiles/<rest:profile>", "profiles:write", gives=RegulationSchema, status=202)
def delete_profile(profile: str) -> dict[str, Any]:
    """Delete a person and all that is known of them."""
    with here().store.read() as tx:
        found = find(tx, profile)
        if found.collection != USERS:
            raise ApiError(400, "validation_error", "Only people can be deleted, not objects.")
        first = people.identifiers_of(tx, found.id)[0]
    return _begin(regulations.DELETE_ONLY, [(first.type, first.value)])


@room.on(
    "GET", "/profiles/<rest:profile>/access", "profiles:read", gives=Empty, personal=True,
)  # fmt: skip
def get_access(profile: str) -> Any:
    """Everything that is known of a person, as a ZIP (application/zip)."""
    file = tempfile.TemporaryFile()  # noqa: SIM115  closed with the answer
    where = here()
    with where.store.read() as tx:
        found = find(tx, profile)
    take_out(where.store, found, where.now(), author(), "API", file)
    name = public_id(found.collection, found.anchor)
    file.seek(0)
    return send_file(file, "application/zip", as_attachment=True, download_name=f"{name}.zip")
