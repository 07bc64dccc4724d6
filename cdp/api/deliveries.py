"""What became of the events of a destination: calls, dead letters, replays."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from cdp.api.destinations import find
from cdp.api.errors import not_found, wrong_fields
from cdp.api.fields import PageQuery, following, no_nul, place
from cdp.api.masking import personal
from cdp.api.room import Room, author, here, page_of
from cdp.delivery import replay
from cdp.events import format_time, parse_time
from cdp.store.destinations import health as delivery_health

room = Room("deliveries", "Calls of destinations, what they refused, and sending it again.")

OUTCOMES = ("delivered", "retry", "rejected", "stopped")


class CallSchema(Schema):
    """A call to a provider; ``exchange`` (only where one is asked for) is masked and capped."""

    id = fields.Integer()
    at = fields.String()
    duration_ms = fields.Float()
    outcome = fields.String()
    status = fields.Integer(allow_none=True)
    events = fields.Integer()
    attempt = fields.Integer()
    key = fields.String()
    error = fields.String(allow_none=True)
    exchange = fields.Dict(allow_none=True, metadata=personal("exchange"))


class CallQuery(PageQuery):
    """Which calls."""

    outcome = fields.String(validate=validate.OneOf(OUTCOMES))


class DeadSchema(Schema):
    """An event that was given up."""

    id = fields.Integer()
    key = fields.String()
    seq = fields.Integer(
        allow_none=True, metadata={"description": "The event, see /api/events/<seq>."}
    )
    attempts = fields.Integer()
    error = fields.String(allow_none=True)
    created_at = fields.String()
    updated_at = fields.String()


class DeadReplay(Schema):
    """Which dead events to try again: one, those with an error, or all."""

    item = fields.Integer(validate=validate.Range(0, 2**63 - 1))
    error = fields.String(validate=no_nul)
    all = fields.Boolean()

    @validates_schema
    def _one_of_them(self, data: dict[str, Any], **_: Any) -> None:
        if len(data) != 1 or data.get("all") is False:
            raise ValidationError("Name one of item, error and all.", "item")


class TriedSchema(Schema):
    """How many will be tried again."""

    tried_again = fields.Integer()


class ReplaySchema(Schema):
    """A replay and how far it is; ``share`` goes from 0 to 1."""

    name = fields.String()
    state = fields.String()
    from_ = fields.String(data_key="from")
    to = fields.String()
    share = fields.Float()
    delivered = fields.Integer()
    since = fields.String()
    error = fields.String(allow_none=True)


class NewReplay(Schema):
    """Of which time (that of the events) to send again."""

    from_ = fields.String(data_key="from", required=True, metadata={"format": "date-time"})
    to = fields.String(required=True, metadata={"format": "date-time"})


@room.on(
    "GET",
    "/destinations/<key>/calls",
    "destinations:read",
    query=CallQuery,
    gives=page_of(CallSchema),
)
def list_calls(query: dict[str, Any], key: str) -> dict[str, Any]:
    """List the calls of a destination, newest first."""
    limit = query["limit"]
    with here().store.read() as tx:
        rows = delivery_health.newest_calls(
            tx, find(tx, key).id, limit, place(query), query.get("outcome")
        )
    last = rows[-1].id if rows else None
    return {"data": [_call(row) for row in rows], "next": following(rows, limit, last)}


@room.on("GET", "/destinations/<key>/calls/<int:number>", "destinations:read", gives=CallSchema)
def get_call(key: str, number: int) -> dict[str, Any]:
    """One call with what was sent and answered."""
    with here().store.read() as tx:
        destination = find(tx, key)
        row = delivery_health.one_call(tx, destination.id, number) if number < 2**63 else None
    if row is None:
        raise not_found("Only the newest calls are kept; there is none of this number.")
    return _call(row)


def _call(row: delivery_health.Call) -> dict[str, Any]:
    return {**row._asdict(), "at": format_time(row.at)}


@room.on(
    "GET",
    "/destinations/<key>/dead",
    "destinations:read",
    query=PageQuery,
    gives=page_of(DeadSchema),
)
def list_dead(query: dict[str, Any], key: str) -> dict[str, Any]:
    """List the events that a destination refused for good, newest first."""
    limit = query["limit"]
    with here().store.read() as tx:
        rows = delivery_health.outbox_items(tx, find(tx, key).id, ("dead",), limit, place(query))
    data = [
        {
            **row._asdict(),
            "created_at": format_time(row.created_at),
            "updated_at": format_time(row.updated_at),
        }
        for row in rows
    ]
    return {"data": data, "next": following(rows, limit, rows[-1].id if rows else None)}


@room.on(
    "POST",
    "/destinations/<key>/dead/replay",
    "destinations:write",
    body=DeadReplay,
    gives=TriedSchema,
)
def replay_dead(body: dict[str, Any], key: str) -> dict[str, Any]:
    """Try dead events again."""
    with here().store.write() as tx:
        count = delivery_health.replay_dead(
            tx, here().now(), find(tx, key), author(),
            item=body.get("item"), error=body.get("error"),
        )  # fmt: skip
    return {"tried_again": count}


@room.on("GET", "/destinations/<key>/replays", "destinations:read", gives=page_of(ReplaySchema))
def list_replays(key: str) -> dict[str, Any]:
    """List the latest replays to a destination."""
    with here().store.read() as tx:
        rows = delivery_health.replays(tx, find(tx, key).id)
    data = [
        {
            **row._asdict(),
            "from_": format_time(row.from_ms),
            "to": format_time(row.to_ms),
            "since": format_time(row.since),
        }
        for row in rows
    ]
    return {"data": data, "next": None}


@room.on(
    "POST",
    "/destinations/<key>/replays",
    "destinations:write",
    body=NewReplay,
    gives=ReplaySchema,
    status=201,
)
def start_replay(body: dict[str, Any], key: str) -> dict[str, Any]:
    """Send the stored events of a time to one destination once more, old ones too."""
    start, end = (_time(body, name, word) for name, word in (("from_", "from"), ("to", "to")))
    if start > end:
        raise wrong_fields({"to": ["It must not be before from."]})
    with here().store.write() as tx:
        destination = find(tx, key)
        name = replay.start(tx, here().now(), start, end, destination, author())
        row = next(r for r in delivery_health.replays(tx, destination.id) if r.name == name)
    return {
        **row._asdict(),
        "from_": format_time(start),
        "to": format_time(end),
        "since": format_time(row.since),
    }


def _time(body: dict[str, Any], name: str, word: str) -> int:
    found = parse_time(body[name])
    if found is None:
        raise wrong_fields({word: ["Write a time as 2026-01-31T12:00:00Z."]})
    return found
