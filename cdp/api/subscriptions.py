"""``/api/profiles/<profile>/subscriptions``: what a person wants to get."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from cdp.api.errors import wrong_fields
from cdp.api.people import find
from cdp.api.room import Room, here
from cdp.delivery.messages import subscriptions
from cdp.delivery.messages.letters import base_url
from cdp.delivery.messages.subscriptions import NotChosen

room = Room("subscriptions", "What people want to get.")


class _Stand(Schema):
    """Where it came from, if it was said."""

    at = fields.String(allow_none=True)
    cause = fields.String(
        allow_none=True,
        metadata={"description": "page, one_click, mailto, word, api, import, console or report"},
    )
    message = fields.String(allow_none=True, metadata={"description": "That led to it."})


class ChosenSchema(_Stand):
    """A topic or channel. ``said``: by the person, not by default."""

    key = fields.String()
    name = fields.String()
    subscribed = fields.Boolean()
    said = fields.Boolean()


class SubscriptionsSchema(_Stand):
    """How a person stands; ``unsubscribed`` from everything beats all the rest."""

    unsubscribed = fields.Boolean()
    topics = fields.List(fields.Nested(ChosenSchema))
    channels = fields.List(fields.Nested(ChosenSchema))
    awaiting = fields.List(
        fields.String(), metadata={"description": "Topics of which the person was asked first."}
    )


class SubscriptionsBody(Schema):
    """What to change; what is left out stays."""

    unsubscribed = fields.Boolean(truthy={True}, falsy={False})
    topics = fields.Dict(keys=fields.String(), values=fields.Boolean(truthy={True}, falsy={False}))
    channels = fields.Dict(
        keys=fields.String(), values=fields.Boolean(truthy={True}, falsy={False})
    )
    confirmed = fields.Boolean(
        load_default=False,
        truthy={True},
        falsy={False},
        metadata={"description": "They have confirmed it elsewhere: no double opt-in."},
    )


@room.on("GET", "/profiles/<profile>/subscriptions", "profiles:read", gives=SubscriptionsSchema)
def get_subscriptions(profile: str) -> dict[str, Any]:
    """What a person wants to get, and where that came from."""
    with here().store.read() as tx:
        return {**subscriptions.shown(tx, find(tx, profile).id), "awaiting": []}


@room.on(
    "PUT", "/profiles/<profile>/subscriptions", "profiles:write",
    body=SubscriptionsBody, gives=SubscriptionsSchema,
)  # fmt: skip
def put_subscriptions(body: dict[str, Any], profile: str) -> dict[str, Any]:
    """Change it; a message not yet handed over is held back from here on."""
    wishes = {f"topic:{key}": wanted for key, wanted in body.get("topics", {}).items()}
    wishes |= {f"channel:{key}": wanted for key, wanted in body.get("channels", {}).items()}
    if "unsubscribed" in body:
        wishes["*"] = not body["unsubscribed"]
    where = here()
    try:
        with where.store.write() as tx:
            found = find(tx, profile)
            changed = subscriptions.change(
                tx, found.id, wishes, where.now(), "api", base_url(where.settings),
                body["confirmed"],
            )  # fmt: skip
            return {**subscriptions.shown(tx, found.id), "awaiting": changed.awaiting}
    except NotChosen as error:
        raise wrong_fields({"topics": [f"{str(error).capitalize()}."]}) from None
