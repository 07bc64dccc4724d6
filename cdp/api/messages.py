"""``/api/messages``: what was sent to whom, what was not and why, and what to do about it."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema
from sqlalchemy import Connection

from cdp.api.errors import ApiError, not_found, wrong_fields
from cdp.api.fields import Moment, PageQuery, Words, following, moment, place
from cdp.api.masking import personal
from cdp.api.people import find
from cdp.api.room import Room, author, here, page_of
from cdp.store.messages import reads as message_reads
from cdp.store.messages.actions import ACTIONS, Refused, act, act_many
from cdp.store.messages.deliveries import Delivery
from cdp.store.messages.reads import GROUPS, Which

room = Room("messages", "Messages to people: sent, waiting, held, withheld.")

STATES = (
    "drafted", "waiting", "paused", "sending", "sent", "held", "failed", "bounced", "undeliverable",
    "cancelled",
)  # fmt: skip


class MessageSchema(Schema):
    """A message to one person. ``reason`` is a code and ``detail`` what more is known."""

    id = fields.String()
    channel = fields.String()
    state = fields.String(validate=validate.OneOf(STATES))
    reason = fields.String(allow_none=True)
    detail = fields.String(allow_none=True, metadata=personal("quoted"))
    profile = fields.String(allow_none=True, metadata={"description": "The public id."})
    recipient = fields.String(allow_none=True, metadata=personal("value"))
    template = fields.String(allow_none=True)
    version = fields.Integer(allow_none=True)
    variant = fields.String(allow_none=True)
    topic = fields.String(allow_none=True)
    origin = fields.String(metadata={"description": "transactional, broadcast, journey or test"})
    origin_key = fields.String(allow_none=True)
    step = fields.String(allow_none=True)
    attempts = fields.Integer()
    destination = fields.String(allow_none=True)
    provider_id = fields.String(allow_none=True)
    created_at = fields.String()
    scheduled_at = fields.String()
    due_at = fields.String()
    updated_at = fields.String()
    sent_at = fields.String(allow_none=True)
    delivered_at = fields.String(allow_none=True)
    opened_at = fields.String(allow_none=True)
    clicked_at = fields.String(allow_none=True)
    bounced_at = fields.String(allow_none=True)
    complained_at = fields.String(allow_none=True)
    unsubscribed_at = fields.String(allow_none=True)
    converted_at = fields.String(allow_none=True)


class WholeMessage(MessageSchema):
    """A message with what was handed over and what was told of it."""

    content = fields.Dict(
        allow_none=True,
        metadata=personal("left_out", "As it was handed over; null: not yet, or no copy is kept."),
    )
    reports = fields.List(fields.Dict(), metadata=personal("reports"))
    data = fields.Dict(metadata=personal("shape", "What the request brought along."))


class Filter(Schema):
    """Which messages; what is left out does not matter."""

    channel = Words()
    state = fields.String(validate=validate.OneOf(STATES))
    template = Words()
    origin = Words()
    origin_key = Words()
    reason = Words(metadata={"description": "A code, such as unsubscribed."})
    profile = Words(metadata={"description": "A public id, or type:value."})
    from_ = Moment(data_key="from")
    to = Moment()


class MessageQuery(Filter, PageQuery):
    """Which messages, and which part of the list."""


class CountQuery(Filter):
    """What to count, and by what."""

    by = fields.String(
        load_default="",
        metadata={"description": f"Some of {', '.join(GROUPS)}, commas between."},
    )


class CountsSchema(Schema):
    """Counts, and why messages did not go."""

    groups = fields.List(fields.Dict())
    reasons = fields.List(fields.Dict())


class ActionBody(Schema):
    """What to do: to one, or to all that match."""

    action = fields.String(required=True, validate=validate.OneOf(tuple(ACTIONS)))


class ManyActions(ActionBody, Filter):
    """What to do to all that match, up to 1,000 at a time."""

    @validates_schema
    def _some(self, data: dict[str, Any], **_: Any) -> None:
        if set(data) <= {"action"}:
            raise ValidationError("Say which messages: a state, a reason, a template, …", "state")


class DoneSchema(Schema):
    """How many were changed; with ``more`` ask again."""

    changed = fields.Integer()
    more = fields.Boolean()


def _which(tx: Connection, query: dict[str, Any]) -> Which:
    profile = find(tx, query["profile"]).id if query.get("profile") else None
    since, until = (moment(query[name]) if query.get(name) else None for name in ("from_", "to"))
    names = ("channel", "state", "template", "origin", "origin_key", "reason")
    return Which(
        **{name: query.get(name) for name in names}, profile=profile, since=since, until=until
    )


def _find(tx: Connection, name: str) -> Delivery:
    found = message_reads.by_name(tx, name)
    if found is None:
        raise not_found(f"There is no message {name}.")
    return found


@room.on("GET", "/messages", "messages:read", query=MessageQuery, gives=page_of(MessageSchema))
def list_messages(query: dict[str, Any]) -> dict[str, Any]:
    """List messages, newest first."""
    limit = query["limit"]
    with here().store.read() as tx:
        rows = message_reads.newest(tx, _which(tx, query), limit, place(query))
        data = message_reads.shown(tx, rows)
    return {"data": data, "next": following(rows, limit, rows[-1].id if rows else None)}


@room.on("GET", "/messages/counts", "messages:read", query=CountQuery, gives=CountsSchema)
def count_messages(query: dict[str, Any]) -> dict[str, Any]:
    """Count messages and what became of them, and the reasons for which they did not go."""
    by = [name.strip() for name in query["by"].split(",") if name.strip()]
    if not set(by) <= set(GROUPS):
        raise wrong_fields({"by": [f"Only {', '.join(GROUPS)}."]})
    with here().store.read() as tx:
        which = _which(tx, query)
        return {
            "groups": message_reads.counts(tx, which, by),
            "reasons": message_reads.reasons(tx, which),
        }


@room.on("GET", "/messages/<name>", "messages:read", gives=WholeMessage)
def get_message(name: str) -> dict[str, Any]:
    """One message, as it was handed over, and what was told of it."""
    with here().store.read() as tx:
        return message_reads.whole(tx, _find(tx, name))


@room.on("POST", "/messages/act", "messages:write", body=ManyActions, gives=DoneSchema)
def act_on_messages(body: dict[str, Any]) -> dict[str, Any]:
    """Do something to all messages that match and are in a state for it."""
    with here().store.write() as tx:
        which = _which(tx, body)
        return act_many(tx, which, body["action"], author(), here().now())._asdict()


@room.on("POST", "/messages/<name>/act", "messages:write", body=ActionBody, gives=MessageSchema)
def act_on_message(body: dict[str, Any], name: str) -> dict[str, Any]:
    """Send a draft, cancel what waits, recall an in-app message, settle what nobody knows."""
    with here().store.write() as tx:
        row = _find(tx, name)
        try:
            act(tx, row, body["action"], author(), here().now())
        except Refused as refused:
            raise ApiError(409, "conflict", f"The message can't: {refused}.") from None
        return message_reads.shown(tx, [_find(tx, name)])[0]
