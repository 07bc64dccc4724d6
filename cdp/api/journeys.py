"""``/api/journeys/{key}/…``: launched, paused, stopped; who is where, and what is done with them.

What a journey says is a definition: `cdp.api.definitions`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from marshmallow import Schema, fields, validate
from sqlalchemy import Connection

from cdp.api.errors import ApiError, not_found, sentence, wrong_fields
from cdp.api.fields import Empty, PageQuery, Words
from cdp.api.masking import personal
from cdp.api.room import Room, author, here, page_of
from cdp.delivery.journeys import calling, inside, office, shown
from cdp.delivery.journeys.launching import insiders
from cdp.delivery.journeys.there import NoSuchJourney, Refused, launched
from cdp.store import journey_runs, journeys

room = Room("journey_status", "Journeys as they run, and the people inside.")

_RUN = fields.Integer(metadata={"description": "One run, by its number."})
_STEP = Words(metadata={"description": "All who are at a step."})


class JourneyStandingSchema(Schema):
    """How many people stand at a step of a version."""

    version = fields.Integer()
    step = fields.String()
    people = fields.Integer()
    held = fields.Integer(metadata={"description": "Of them: stopped by an error or a pause."})


class JourneyStatusSchema(Schema):
    """What was launched of a journey, and how many are inside."""

    key = fields.String()
    name = fields.String()
    state = fields.String(metadata={"description": "draft, live, paused, draining or stopped."})
    version = fields.Integer(allow_none=True, metadata={"description": "The newest."})
    launched_version = fields.Integer(allow_none=True)
    launched_at = fields.String(allow_none=True)
    changed_at = fields.String(allow_none=True)
    author = fields.String(allow_none=True)
    archived = fields.Boolean()
    rollout = fields.Float(metadata={"description": "The share of people who may enter (%)."})
    winners = fields.Dict(keys=fields.String(), values=fields.String())
    inside = fields.Integer()
    held = fields.Integer()
    entered = fields.Integer()
    error = fields.String(allow_none=True, metadata={"description": "Why nobody can enter."})
    steps = fields.List(fields.Nested(JourneyStandingSchema))


class JourneyInsiderSchema(JourneyStandingSchema):
    """People inside another version, and what a launch means to them."""

    becomes = fields.String(
        metadata={"description": "same, changed (the step says something else) or vanished."}
    )


class JourneyVersionQuery(Schema):
    """Which version."""

    version = fields.Integer(metadata={"description": "The newest, if unset."})


class LaunchBody(JourneyVersionQuery):
    """Which version is launched, for whom, and what becomes of those inside."""

    enter = fields.String(
        validate=validate.OneOf(("new", "all")),
        metadata={"description": "Who enters: only from now on, or all who qualify."},
    )
    people = fields.Raw(
        load_default="stay",
        metadata={
            "description": "Those in other versions: stay, move (where their step is), or by "
            'step {"to": STEP}, "stay" or "exit".'
        },
    )


class RolloutBody(Schema):
    """How many enter."""

    share = fields.Float(required=True, metadata={"description": "Of people, in per cent."})


class WinnerBody(Schema):
    """What an experiment's people get."""

    step = Words(required=True)
    variant = Words(required=True, allow_none=True, metadata={"description": "null: by lot."})


class JourneyRunSchema(Schema):
    """One person's way."""

    id = fields.Integer()
    person = fields.String(allow_none=True, metadata={"description": "The public id."})
    version = fields.Integer()
    key = fields.String(allow_none=True, metadata=personal("value", "What tells runs apart."))
    status = fields.String(metadata={"description": "active or ended."})
    step = fields.String(allow_none=True)
    since = fields.String()
    started = fields.String()
    due = fields.String(allow_none=True, metadata={"description": "When it is looked at next."})
    held = fields.Boolean()
    error = fields.String(allow_none=True, metadata=personal("quoted"))
    reason = fields.String(allow_none=True, metadata={"description": "Why it ended."})
    goal_at = fields.String(allow_none=True)


class RunQuery(PageQuery):
    """Which runs."""

    status = fields.String(validate=validate.OneOf(("active", "ended")))
    step = Words()


class JourneyOrderSchema(Schema):
    """Something that is to be done with runs, and how far it is."""

    id = fields.Integer()
    kind = fields.String()
    args = fields.Dict()
    author = fields.String()
    at = fields.String()
    state = fields.String(metadata={"description": "waiting, done or failed."})
    done = fields.Integer()
    error = fields.String(allow_none=True)
    ended_at = fields.String(allow_none=True)


class WhoBody(Schema):
    """A run, or all at a step."""

    run = _RUN
    step = _STEP


class SkipBody(WhoBody):
    """Who goes past their step, and why."""

    reason = Words(required=True)


class MoveBody(SkipBody):
    """Who is moved where, and why."""

    to = Words(required=True, allow_none=True, metadata={"description": "null: out of it."})


class AnswerBody(WhoBody):
    """What is decided."""

    exit = fields.String(
        required=True,
        data_key="answer",
        validate=validate.OneOf(("approved", "rejected")),
    )


class EndBody(Schema):
    """Who is taken out, and why."""

    run = fields.Integer(required=True, metadata={"description": "By its number."})
    reason = Words(required=True)


class TriggerPersonSchema(Schema):
    """Somebody who enters, named in one way, and what is known of the occasion."""

    user_id = Words()
    email = Words()
    anonymous_id = Words()
    data = fields.Dict(
        keys=fields.String(), load_default=dict, metadata={"description": "As event.… there."}
    )


class TriggerBody(Schema):
    """Who enters a journey that is begun by calls."""

    people = fields.List(
        fields.Nested(TriggerPersonSchema),
        required=True,
        validate=validate.Length(1, calling.MOST_PEOPLE),
    )
    id = Words(metadata={"description": "The call's id: the same one begins nothing anew."})


class TriggeredSchema(Schema):
    """How many people the call was about."""

    people = fields.Integer()


def _told(act: Callable[[Connection], Any], *, writes: bool) -> Any:
    """What comes of an act or a look; refusals as the API tells them."""
    store = here().store
    try:
        with store.write() if writes else store.read() as tx:
            return act(tx)
    except NoSuchJourney as error:
        raise not_found(sentence(error)) from None
    except Refused as error:
        raise ApiError(409, "conflict", sentence(error)) from None


def _status(tx: Connection, key: str) -> dict[str, Any]:
    found, row = shown.shown(tx, key), journeys.row(tx, key)
    return {**found, "steps": shown.standings(tx, row) if row is not None else []}


@room.on("GET", "/journey-status", "journeys:read", gives=page_of(JourneyStatusSchema))
def list_journey_status() -> dict[str, Any]:
    """All journeys with their states and how many are inside."""
    return {"data": _told(shown.listed, writes=False), "next": None}


@room.on("GET", "/journeys/<key>/status", "journeys:read", gives=JourneyStatusSchema)
def get_journey_status(key: str) -> Any:
    """What was launched, and who stands where."""
    return _told(lambda tx: _status(tx, key), writes=False)


@room.on(
    "GET", "/journeys/<key>/inside", "journeys:read", query=JourneyVersionQuery,
    gives=page_of(JourneyInsiderSchema),
)  # fmt: skip
def list_journey_insiders(query: dict[str, Any], key: str) -> dict[str, Any]:
    """Who is inside other versions, and what launching this one would mean to them."""
    found = _told(lambda tx: insiders(tx, key, query.get("version")), writes=False)
    return {"data": [item._asdict() for item in found], "next": None}


@room.on(
    "GET", "/journeys/<key>/runs", "journeys:read", query=RunQuery, gives=page_of(JourneyRunSchema)
)
def list_journey_runs(query: dict[str, Any], key: str) -> Any:
    """Runs, newest first."""
    before, limit = query.get("next"), query["limit"]
    if before is not None and not (before.isdecimal() and len(before) < 19):
        raise wrong_fields({"next": ["It is no place in this list."]})

    def look(tx: Connection) -> dict[str, Any]:
        row = launched(tx, key)
        found = journey_runs.listed(
            tx, row.id, {row.id: key}, status=query.get("status"), step=query.get("step"),
            before=int(before) if before else None, limit=limit + 1,
        )  # fmt: skip
        more = str(found[limit - 1].run.id) if len(found) > limit else None
        return {"data": shown.runs(tx, found[:limit]), "next": more}

    return _told(look, writes=False)


@room.on("GET", "/journeys/<key>/orders", "journeys:read", gives=page_of(JourneyOrderSchema))
def list_journey_orders(key: str) -> Any:
    """What was to be done with runs, newest first."""

    def look(tx: Connection) -> dict[str, Any]:
        found = journeys.orders_of(tx, launched(tx, key).id)
        return {"data": [shown.order(item) for item in found], "next": None}

    return _told(look, writes=False)


@room.on(
    "POST", "/journeys/<key>/trigger", "journeys:write", body=TriggerBody, gives=TriggeredSchema,
    status=202,
)  # fmt: skip
def trigger_journey(given: dict[str, Any], key: str) -> Any:
    """Let people enter who are named here, each with data; who isn't known yet becomes somebody."""
    people = [
        calling.Called(
            {type_: item[name] for name, type_ in calling.NAMES.items() if item.get(name)},
            item["data"],
        )
        for item in given["people"]
    ]

    def do(tx: Connection) -> dict[str, Any]:
        now = here().now()
        return {"people": calling.begin(tx, key, people, "api", now, given.get("id"))}

    return _told(do, writes=True)


def _act(
    verb: str, scope: str, about: str, act: Callable[..., Any], body: type[Schema] = Empty
) -> None:
    """An act whose answer is the journey's status."""

    def view(given: dict[str, Any], key: str) -> Any:
        def do(tx: Connection) -> dict[str, Any]:
            act(tx, key, author(), here().now(), **given)
            return _status(tx, key)

        return _told(do, writes=True)

    _named(view, verb, about)
    room.on("POST", f"/journeys/<key>/{verb}", scope, body=body, gives=JourneyStatusSchema)(view)


def _order(verb: str, about: str, act: Callable[..., int], body: type[Schema]) -> None:
    """An act whose answer is the order that the pipeline carries out."""

    def view(given: dict[str, Any], key: str) -> Any:
        def do(tx: Connection) -> dict[str, Any]:
            made = journeys.one_order(tx, act(tx, key, author(), here().now(), **given))
            assert made is not None
            return shown.order(made)

        return _told(do, writes=True)

    _named(view, f"{verb}_people_in", about)
    room.on(
        "POST", f"/journeys/<key>/{verb}", "journeys:write", body=body,
        gives=JourneyOrderSchema, status=202,
    )(view)  # fmt: skip


def _named(view: Any, verb: str, about: str) -> None:
    view.__name__, view.__doc__ = f"{verb.replace('-', '_')}_journey", about


def _launch(tx: Connection, key: str, who: str, now: int, **how: Any) -> Any:
    return office.launch(tx, key, who, now, destinations=here().plugins.destinations(), **how)


_act("launch", "journeys:launch", "Let people enter by a version.", _launch, LaunchBody)
_act("pause", "journeys:write", "Nobody enters, nobody takes a next step.", office.pause)
_act("resume", "journeys:launch", "Go on after a pause.", office.resume)
_act("drain", "journeys:write", "Nobody enters; those inside go on to their end.", office.drain)
_act("stop", "journeys:write", "End it for all who are inside.", office.stop)
_act("rollout", "journeys:launch", "Let a share of people enter.", office.rollout, RolloutBody)
_act("winner", "journeys:launch", "Decide an experiment.", office.pick, WinnerBody)
_order("move", "Move people to another step, or out.", inside.move, MoveBody)
_order("skip", "Let people go past their step.", inside.skip, SkipBody)
_order("answer", "Approve or refuse.", inside.answer, AnswerBody)
_order("go-on", "Let those go on who were held by an error.", inside.go_on, WhoBody)
_order("end", "Take one person out.", inside.end, EndBody)
