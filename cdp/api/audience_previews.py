"""``/api/audiences/preview``: how many people a condition would be, before it is saved."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate
from sqlalchemy import Connection

from cdp.api.errors import wrong_fields
from cdp.api.room import Room, here
from cdp.conditions import ConditionError
from cdp.store.audiences import counting, preview
from cdp.store.audiences.counting import Preview
from cdp.store.audiences.preview import LONGEST, Overlap
from cdp.store.audiences.quickest import Quickest
from cdp.store.defined import meaning
from cdp.store.stopping import Stopped, Turns, stopping
from cdp.store.tables import ACCOUNTS, USERS

room = Room("audience-previews", "How many people an audience would have, before it is saved.")


class AudiencePreviewBody(Schema):
    """What is asked."""

    who = fields.String(required=True, metadata={"description": "A condition over a person."})
    of = fields.String(
        load_default="people",
        validate=validate.OneOf(["people", "accounts"]),
        metadata={"description": "people or accounts."},
    )
    estimate = fields.Boolean(
        load_default=False,
        metadata={"description": "Say at once what a few people say, who are drawn from all."},
    )


class _AlsoIn(Schema):
    audience = fields.String()
    people = fields.Integer(metadata={"description": "How many would be in both."})
    size = fields.Integer(metadata={"description": "How many are in that one."})


class AudiencePreviewSchema(Schema):
    """How many it is. Where ``exact`` is false, ``people`` is an estimate."""

    people = fields.Integer()
    low = fields.Integer(metadata={"description": "With 95 % certainty no fewer."})
    high = fields.Integer(metadata={"description": "With 95 % certainty no more."})
    of = fields.Integer(metadata={"description": "How many there are at all."})
    exact = fields.Boolean()
    looked_at = fields.Integer(metadata={"description": "People who were decided one by one."})
    also_in = fields.List(
        fields.Nested(_AlsoIn),
        allow_none=True,
        metadata={"description": "Other audiences of theirs; null with an estimate of a few."},
    )


@room.on(
    "POST",
    "/audiences/preview",
    "audiences:read",
    body=AudiencePreviewBody,
    gives=AudiencePreviewSchema,
)
def preview_audience(body: dict[str, Any]) -> dict[str, Any]:
    """Count who meets a condition. What takes longer than 20 seconds ends as an estimate."""
    if not body["estimate"]:
        with Turns().begin("") as turn:
            try:
                with here().store.read() as tx, stopping(tx, LONGEST, turn):
                    who = _asked(tx, body)
                    found = counting.count_people(*_of(who), who=who)
                    return _shown(found, preview.overlaps(who))
            except Stopped:
                pass  # an estimate is all that can be said
    with here().store.read() as tx:
        return _shown(counting.estimate(*_of(_asked(tx, body))), None)


def _asked(tx: Connection, body: dict[str, Any]) -> Quickest:
    try:
        condition = meaning.whole(tx, body["who"])
    except ConditionError as error:
        raise wrong_fields({"who": [error.located]}) from None
    collection = ACCOUNTS if body["of"] == "accounts" else USERS
    return Quickest(tx, condition, here().now(), collection)


def _of(who: Quickest) -> tuple[Connection, Any, int, int]:
    return who.tx, who.condition, who.now, who.collection


def _shown(found: Preview, shared: list[Overlap] | None) -> dict[str, Any]:
    return {
        "people": found.people,
        "low": found.low,
        "high": found.high,
        "of": found.of,
        "exact": found.exact,
        "looked_at": found.looked_at,
        "also_in": [{"audience": one.key, "people": one.people, "size": one.size} for one in shared]
        if shared is not None
        else None,
    }
