"""``/api/broadcasts``: one message to an audience."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from marshmallow import Schema, fields, validate
from sqlalchemy import Connection

from cdp.api.errors import ApiError, not_found, sentence, wrong_fields
from cdp.api.fields import Empty, Key, PageQuery
from cdp.api.masking import personal
from cdp.api.room import Room, author, here, page_of
from cdp.delivery.broadcasts import acts, checking, report
from cdp.delivery.broadcasts.checking import Checked
from cdp.events import format_time
from cdp.messaging.broadcasts.plan import BadPlan, plan_of
from cdp.messaging.broadcasts.schema import BroadcastBodySchema
from cdp.messaging.broadcasts.states import MAY, WORDS, NotNow
from cdp.store.messages import broadcasts
from cdp.store.messages.broadcasts import Broadcast, KeyTaken, NoSuchBroadcast

room = Room("broadcasts", "One message to an audience.")


class NewBroadcast(BroadcastBodySchema):
    """A draft; only its name is needed to begin with."""

    key = Key(metadata={"description": "Made of the name if unset."})


class PickBody(Schema):
    """Which variant the rest gets."""

    variant = fields.String(required=True)


class ListQuery(PageQuery):
    """Which broadcasts."""

    state = fields.String(validate=validate.OneOf(tuple(WORDS)))


class BroadcastSchema(Schema):
    """A broadcast, and how far it is."""

    id = fields.Integer()
    key = fields.String()
    name = fields.String()
    state = fields.String(
        metadata={"description": "draft, ready, scheduled, gathering, sending, testing (waiting "
                  "for the winner), paused, done, cancelled or failed"}
    )  # fmt: skip
    error = fields.String(allow_none=True)
    definition = fields.Nested(BroadcastBodySchema, metadata=personal("no"))
    author = fields.String()
    created_at = fields.String()
    updated_at = fields.String()
    begins_at = fields.String(allow_none=True)
    as_of = fields.String(
        allow_none=True, metadata={"description": "The instant whose people they are."}
    )
    ended_at = fields.String(allow_none=True)
    people = fields.Integer()
    held_out = fields.Integer()
    queued = fields.Integer()
    winner = fields.String(allow_none=True)
    winner_why = fields.String(allow_none=True)
    can = fields.List(fields.String(), metadata={"description": "What its state allows."})


class BroadcastProgressSchema(Schema):
    """Figures of a broadcast, those of its calls included."""

    people = fields.Integer()
    held_out = fields.Integer()
    queued = fields.Integer()
    waiting = fields.Integer()
    in_flight = fields.Integer()
    held = fields.Integer(metadata={"description": "With an unknown outcome: not repeated."})
    cancelled = fields.Integer()
    happened = fields.Dict(
        keys=fields.String(), values=fields.Integer(),
        metadata={"description": "Messages sent, delivered, opened, clicked, bounced, …"},
    )  # fmt: skip
    withheld = fields.Dict(
        keys=fields.String(), values=fields.Integer(),
        metadata={"description": "People by why they got nothing."},
    )  # fmt: skip
    failed = fields.Dict(
        keys=fields.String(), values=fields.Integer(),
        metadata={"description": "Messages by why they failed."},
    )  # fmt: skip
    deferred = fields.Dict(
        keys=fields.String(), values=fields.Integer(),
        metadata={"description": "Of those waiting, messages by what lets them wait."},
    )  # fmt: skip
    done = fields.Float()


class BroadcastShareSchema(Schema):
    """A share with where it lies with 95 %."""

    did = fields.Integer()
    rate = fields.Float()
    low = fields.Float()
    high = fields.Float()


class BroadcastVariantReport(Schema):
    """What became of a variant."""

    name = fields.String()
    template = fields.String()
    sent = fields.Integer()
    results = fields.Dict(keys=fields.String(), values=fields.Nested(BroadcastShareSchema))


class BroadcastReportSchema(Schema):
    """How it went."""

    broadcast = fields.Nested(BroadcastSchema)
    progress = fields.Nested(BroadcastProgressSchema)
    variants = fields.List(fields.Nested(BroadcastVariantReport))
    channels = fields.Dict(
        keys=fields.String(),
        values=fields.Dict(keys=fields.String(), values=fields.Integer()),
        metadata={"description": "Of several channels: messages queued, sent, opened, … by each."},
    )
    words = fields.Dict(
        keys=fields.String(), values=fields.String(),
        metadata={"description": "What the figures mean, by measure."},
    )  # fmt: skip
    converted = fields.Integer(allow_none=True)
    held_out = fields.Nested(BroadcastShareSchema, allow_none=True)


class BroadcastCheckSchema(Schema):
    """One thing that should hold."""

    key = fields.String()
    state = fields.String(metadata={"description": "ok, warning, failed or unknown"})
    text = fields.String()


class BroadcastWithheldSchema(Schema):
    """People of those tried who would get nothing."""

    reason = fields.String()
    people = fields.Integer()


class BroadcastWaitingSchema(Schema):
    """People of those tried who would get it later than their turn comes."""

    reason = fields.String()
    people = fields.Integer()
    first = fields.String(metadata={"description": "When the first of them would get it."})
    last = fields.String(metadata={"description": "When the last of them would get it."})


class BroadcastPreviewSchema(Schema):
    """What would become of it now; tried on some people where there are many."""

    ready = fields.Boolean()
    people = fields.Integer(allow_none=True)
    low = fields.Integer(allow_none=True)
    high = fields.Integer(allow_none=True)
    exact = fields.Boolean(allow_none=True)
    tried = fields.Integer()
    would_go = fields.Integer()
    by_channel = fields.Dict(
        keys=fields.String(), values=fields.Integer(),
        metadata={"description": "Of those who would get it, how many by which channel."},
    )  # fmt: skip
    withheld = fields.List(fields.Nested(BroadcastWithheldSchema))
    waiting = fields.List(
        fields.Nested(BroadcastWaitingSchema),
        metadata={"description": "Who would wait, for quiet hours and the like; they would go."},
    )
    checks = fields.List(fields.Nested(BroadcastCheckSchema))


class PreviewQuery(Schema):
    """How thoroughly."""

    providers = fields.Boolean(
        load_default=True,
        metadata={"description": "Whether providers are asked, too, which takes a while."},
    )


def shown(row: Broadcast) -> dict[str, Any]:
    """A broadcast as the API and commands show it."""
    times = ("created_at", "updated_at", "begins_at", "as_of", "ended_at")
    plain = ("id", "key", "name", "state", "error", "author", "people", "held_out", "queued",
             "winner", "winner_why")  # fmt: skip
    return {
        **{name: getattr(row, name) for name in plain},
        **{name: _time(getattr(row, name)) for name in times},
        "definition": row.body,
        "can": sorted(action for action, states in MAY.items() if row.state in states),
    }


def shown_checks(found: Checked) -> dict[str, Any]:
    """Checks and rehearsal as the API and commands show them."""
    tried = found.rehearsal
    counted = tried.counted if tried else None
    return {
        "ready": found.ready,
        "people": counted.people if counted else None,
        "low": counted.low if counted else None,
        "high": counted.high if counted else None,
        "exact": counted.exact if counted else None,
        "tried": tried.tried if tried else 0,
        "would_go": tried.go if tried else 0,
        "by_channel": tried.by_channel if tried else {},
        "withheld": [
            {"reason": item.reason, "people": item.people}
            for item in (tried.withheld if tried else ())
        ],
        "waiting": [
            {
                "reason": item.reason,
                "people": item.people,
                "first": _time(item.first),
                "last": _time(item.last),
            }
            for item in (tried.waiting if tried else ())
        ],
        "checks": [item._asdict() for item in found.items],
    }


def shown_report(row: Broadcast, found: report.Report) -> dict[str, Any]:
    """A report as the API and commands show it."""
    return {
        "broadcast": shown(row),
        "progress": report.as_json(found.progress),
        "variants": [
            {
                "name": line.name,
                "template": line.template,
                "sent": line.results["opened"].sent,
                "results": {name: _result(item) for name, item in line.results.items()},
            }
            for line in found.lines
        ],
        "channels": found.channels,
        "words": found.words,
        "converted": found.converted,
        "held_out": _result(found.held_out) if found.held_out is not None else None,
    }


def _result(found: Any) -> dict[str, Any]:
    low, high = found.interval
    return {"did": found.did, "rate": found.rate, "low": low, "high": high}


def _time(ms: int | None) -> str | None:
    return format_time(ms) if ms is not None else None


def _done(act: Callable[[Connection], Broadcast]) -> dict[str, Any]:
    """What an act makes of a broadcast; refusals as the API tells them."""
    try:
        with here().store.write() as tx:
            return shown(act(tx))
    except BadPlan as error:
        raise wrong_fields(error.fields) from None
    except KeyTaken as error:
        raise ApiError(409, "conflict", sentence(error), {"key": [str(error)]}) from None
    except NoSuchBroadcast as error:
        raise not_found(sentence(error)) from None
    except NotNow as error:
        raise ApiError(409, "conflict", sentence(error)) from None


def _find(tx: Connection, name: str) -> Broadcast:
    try:
        return broadcasts.find(tx, name)
    except NoSuchBroadcast as error:
        raise not_found(sentence(error)) from None


@room.on("GET", "/broadcasts", "messages:read", query=ListQuery, gives=page_of(BroadcastSchema))
def list_broadcasts(query: dict[str, Any]) -> dict[str, Any]:
    """List broadcasts, newest first."""
    before = query.get("next")
    if before is not None and not (before.isdecimal() and len(before) < 10):
        raise wrong_fields({"next": ["It is no place in this list."]})
    limit = query["limit"]
    with here().store.read() as tx:
        rows = broadcasts.page(tx, int(before) if before else None, limit + 1, query.get("state"))
    more = str(rows[limit - 1].id) if len(rows) > limit else None
    return {"data": [shown(row) for row in rows[:limit]], "next": more}


@room.on(
    "POST", "/broadcasts", "messages:write", body=NewBroadcast, gives=BroadcastSchema, status=201
)
def create_broadcast(body: dict[str, Any]) -> dict[str, Any]:
    """Make a draft."""
    key = body.pop("key", None)
    return _done(lambda tx: acts.create(tx, body, author(), here().now(), key))


@room.on("GET", "/broadcasts/<name>", "messages:read", gives=BroadcastSchema)
def get_broadcast(name: str) -> dict[str, Any]:
    """A broadcast, by key or number."""
    with here().store.read() as tx:
        return shown(_find(tx, name))


@room.on(
    "PUT", "/broadcasts/<name>", "messages:write", body=BroadcastBodySchema, gives=BroadcastSchema
)
def change_broadcast(body: dict[str, Any], name: str) -> dict[str, Any]:
    """Say anew what a draft is."""
    return _done(lambda tx: acts.edit(tx, _find(tx, name).id, body, here().now()))


@room.on("DELETE", "/broadcasts/<name>", "messages:write", gives=Empty)
def delete_broadcast(name: str) -> dict[str, Any]:
    """Take away a draft, or one that is over; what was sent stays in people's stories."""

    def act(tx: Connection) -> Broadcast:
        row = _find(tx, name)
        acts.delete(tx, row.id)
        return row

    _done(act)
    return {}


@room.on(
    "GET",
    "/broadcasts/<name>/preview",
    "messages:read",
    query=PreviewQuery,
    gives=BroadcastPreviewSchema,
)
def preview_broadcast(query: dict[str, Any], name: str) -> dict[str, Any]:
    """Who would get it, who would not and why, and all that should hold before it goes."""
    with here().store.read() as tx:
        row = _find(tx, name)
    return shown_checks(
        checking.check(
            here().store, here().settings, here().plugins, plan_of(row.body), here().now(),
            ask=query["providers"],
        )
    )  # fmt: skip


@room.on("GET", "/broadcasts/<name>/progress", "messages:read", gives=BroadcastProgressSchema)
def broadcast_progress(name: str) -> dict[str, Any]:
    """How it goes."""
    with here().store.read() as tx:
        return report.as_json(report.progress(tx, _find(tx, name)))


@room.on("GET", "/broadcasts/<name>/report", "messages:read", gives=BroadcastReportSchema)
def broadcast_report(name: str) -> dict[str, Any]:
    """How it went: variants with intervals, the goal, those who were held out."""
    with here().store.read() as tx:
        row = _find(tx, name)
        return shown_report(row, report.report(tx, row, here().now()))


def _act(verb: str, scope: str, about: str, act: Callable[[Connection, int], Broadcast]) -> None:
    def view(_body: dict[str, Any], name: str) -> dict[str, Any]:
        return _done(lambda tx: act(tx, _find(tx, name).id))

    view.__name__, view.__doc__ = f"{verb}_broadcast", about
    room.on("POST", f"/broadcasts/<name>/{verb}", scope, body=Empty, gives=BroadcastSchema)(view)


_act("schedule", "messages:send", "Let it go when its definition says.",
     lambda tx, id_: acts.schedule(tx, id_, here().now()))  # fmt: skip
_act("start", "messages:send", "Let it go now.",
     lambda tx, id_: acts.schedule(tx, id_, here().now(), at_once=True))  # fmt: skip
_act("unschedule", "messages:write", "Make a draft again of what hasn't begun.",
     lambda tx, id_: acts.unschedule(tx, id_, here().now()))  # fmt: skip
_act("pause", "messages:write", "Hold back all that waits; nothing is handed over any more.",
     lambda tx, id_: acts.pause(tx, id_, here().now()))  # fmt: skip
_act("resume", "messages:send", "Go on where it was paused.",
     lambda tx, id_: acts.resume(tx, id_, here().now()))  # fmt: skip
_act("cancel", "messages:write", "Take back all that waits, for good.",
     lambda tx, id_: acts.cancel(tx, id_, here().now()))  # fmt: skip
_act("copy", "messages:write", "Make a draft that says the same.",
     lambda tx, id_: acts.copy(tx, id_, author(), here().now()))  # fmt: skip


@room.on("POST", "/broadcasts/<name>/pick", "messages:send", body=PickBody, gives=BroadcastSchema)
def pick_broadcast(body: dict[str, Any], name: str) -> dict[str, Any]:
    """Choose the variant that the rest of a test's people get."""
    variant = body["variant"]
    return _done(lambda tx: acts.pick(tx, _find(tx, name).id, variant, author(), here().now()))
