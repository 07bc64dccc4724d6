"""``/api/journeys/{key}/…``: launches that need the word of somebody else."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate
from sqlalchemy import Connection

from cdp.api.fields import Empty
from cdp.api.journey_schemas import LaunchBody
from cdp.api.journeys import role, told
from cdp.api.room import Room, author, here, page_of
from cdp.delivery.journeys import approving, shown
from cdp.journeys.schema import APPROVERS, LaunchRuleSchema
from cdp.store.journeys import requests

room = Room("journey_approvals", "Launches that need the word of somebody else.")

APPROVE = "journeys:approve"


class JourneyRequestSchema(Schema):
    """A launch that somebody asked for."""

    id = fields.Integer()
    version = fields.Integer()
    args = fields.Dict(metadata={"description": "As of a launch: people, enter."})
    author = fields.String()
    at = fields.String()
    state = fields.String(metadata={"description": "waiting, approved, refused or withdrawn."})
    decided_by = fields.String(allow_none=True)
    decided_at = fields.String(allow_none=True)
    reason = fields.String(allow_none=True)


class ApproveBody(Schema):
    """What is decided about the launch that waits."""

    approve = fields.Boolean(required=True, metadata={"description": "false: it is refused."})
    reason = fields.String(load_default="", validate=validate.Length(0, 500))


class SpaceRuleSchema(LaunchRuleSchema):
    """Whose word the launch of any journey takes."""

    role = fields.String(
        required=True,
        allow_none=True,
        validate=validate.OneOf((*APPROVERS, None)),
        metadata={"description": "admin or approver; null: nobody's."},
    )


@room.on("GET", "/journeys/<key>/requests", "journeys:read", gives=page_of(JourneyRequestSchema))
def list_journey_requests(key: str) -> Any:
    """Launches that were asked for, newest first."""
    found = told(lambda tx: [shown.request(one) for one in requests.of(tx, key)], writes=False)
    return {"data": found, "next": None}


@room.on(
    "POST", "/journeys/<key>/ask", "journeys:write", body=LaunchBody, gives=JourneyRequestSchema,
    status=202,
)  # fmt: skip
def ask_for_journey_launch(given: dict[str, Any], key: str) -> Any:
    """Ask for a launch; somebody else says yes."""

    def do(tx: Connection) -> dict[str, Any]:
        classes = here().plugins.destinations()
        made = approving.ask(tx, key, author(), here().now(), destinations=classes, **given)
        return shown.request(made)

    return told(do, writes=True)


@room.on("POST", "/journeys/<key>/approve", APPROVE, body=ApproveBody, gives=JourneyRequestSchema)
def approve_journey_launch(given: dict[str, Any], key: str) -> Any:
    """Approve the launch that waits, or refuse it."""

    def do(tx: Connection) -> dict[str, Any]:
        classes = here().plugins.destinations()
        made = approving.decide(
            tx, key, author(), here().now(), role=role(), destinations=classes, **given
        )
        return shown.request(made)

    return told(do, writes=True)


@room.on("GET", "/journey-approval", "journeys:read", gives=SpaceRuleSchema)
def get_journey_approval() -> Any:
    """Whose word the launch of any journey takes."""
    found = told(requests.space_rule, writes=False)
    return found or {"role": None, "other": False}


@room.on("PUT", "/journey-approval", "all", body=SpaceRuleSchema, gives=Empty)
def put_journey_approval(given: dict[str, Any]) -> Any:
    """Say whose word the launch of any journey takes."""
    now = here().now()
    told(
        lambda tx: approving.put_space(tx, author(), now, given["role"], given["other"]),
        writes=True,
    )
    return {}
