"""``/api/journeys/{key}/…``: what a journey decides by itself, and what people decide for it."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate
from sqlalchemy import Connection

from cdp.api.fields import Words
from cdp.api.journey_schemas import JourneyOrderSchema
from cdp.api.journeys import ordered, told
from cdp.api.room import Room, page_of
from cdp.delivery.journeys import office, shown
from cdp.delivery.journeys.there import launched
from cdp.store.journeys import decisions

room = Room("journey_decisions", "What journeys decide by themselves, or people for them.")

_REASON = fields.String(load_default="", validate=validate.Length(0, 500))


class JourneyDecisionSchema(Schema):
    """Something that a journey decided by itself, or somebody for it."""

    id = fields.Integer()
    version = fields.Integer()
    at = fields.String()
    kind = fields.String(
        metadata={
            "description": "stopped (it paused itself), winner, undecided, guarded (a variant was "
            "stopped), stage (of the rollout) or held."
        }
    )
    step = fields.String(allow_none=True)
    variant = fields.String(allow_none=True)
    author = fields.String(allow_none=True, metadata={"description": "null: by its own rule."})
    reason = fields.String()
    figures = fields.Dict(metadata={"description": "What it was made of."})


class StageBody(Schema):
    """What becomes of a staged rollout."""

    act = fields.String(
        required=True,
        validate=validate.OneOf(office.STAGE_ACTS),
        metadata={
            "description": "Hold it, let it go on, or bring it to the next stage, back, or to its "
            "last."
        },
    )
    reason = _REASON


class WinnerBody(Schema):
    """What an experiment's people get."""

    variant = Words(required=True, allow_none=True, metadata={"description": "null: by lot."})
    reason = _REASON


@room.on("GET", "/journeys/<key>/decisions", "journeys:read", gives=page_of(JourneyDecisionSchema))
def list_journey_decisions(key: str) -> Any:
    """What it decided by itself, newest first: that it paused, a winner, a stage."""

    def look(tx: Connection) -> dict[str, Any]:
        found = decisions.of(tx, launched(tx, key).id)
        return {"data": [shown.decision(item) for item in found], "next": None}

    return told(look, writes=False)


@room.on(
    "POST", "/journeys/<key>/experiments/<step>/winner", "journeys:launch", body=WinnerBody,
    gives=JourneyOrderSchema, status=202,
)  # fmt: skip
def pick_journey_winner(given: dict[str, Any], key: str, step: str) -> Any:
    """Decide an experiment: whoever comes to it from now on gets this variant."""
    return told(lambda tx: ordered(tx, office.pick, key, step=step, **given), writes=True)


@room.on(
    "POST", "/journeys/<key>/stage", "journeys:launch", body=StageBody,
    gives=JourneyOrderSchema, status=202,
)  # fmt: skip
def stage_journey_rollout(given: dict[str, Any], key: str) -> Any:
    """Hold a staged rollout, let it go on, bring it to another stage."""
    return told(lambda tx: ordered(tx, office.stage, key, **given), writes=True)
