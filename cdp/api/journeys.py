"""``/api/journeys/{key}/…``: launched, paused, stopped; who is where, and what is done with them.

What a journey says is a definition: `cdp.api.definitions`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import g
from marshmallow import Schema
from sqlalchemy import Connection

from cdp.api.auth import allows
from cdp.api.errors import ApiError, not_found, sentence, wrong_fields
from cdp.api.fields import Empty
from cdp.api.journey_schemas import (
    AnswerBody,
    EndBody,
    JourneyFindingSchema,
    JourneyInsiderSchema,
    JourneyOrderSchema,
    JourneyReportQuery,
    JourneyReportSchema,
    JourneyRunSchema,
    JourneyStatusSchema,
    JourneyVersionQuery,
    LaunchBody,
    MoveBody,
    RolloutBody,
    RunQuery,
    SkipBody,
    TriggerBody,
    TriggeredSchema,
    WhoBody,
)
from cdp.api.room import Room, author, here, page_of
from cdp.delivery.journeys import calling, inside, office, shown
from cdp.delivery.journeys.launching import insiders
from cdp.delivery.journeys.linting import findings
from cdp.delivery.journeys.report import report
from cdp.delivery.journeys.there import NoSuchJourney, Refused, body_of, launched
from cdp.store.journeys import launched as journeys
from cdp.store.journeys import runs as journey_runs

room = Room("journey_status", "Journeys as they run, and the people inside.")


def told(act: Callable[[Connection], Any], *, writes: bool) -> Any:
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
    return {"data": told(shown.listed, writes=False), "next": None}


@room.on("GET", "/journeys/<key>/status", "journeys:read", gives=JourneyStatusSchema)
def get_journey_status(key: str) -> Any:
    """What was launched, and who stands where."""
    return told(lambda tx: _status(tx, key), writes=False)


@room.on(
    "GET", "/journeys/<key>/inside", "journeys:read", query=JourneyVersionQuery,
    gives=page_of(JourneyInsiderSchema),
)  # fmt: skip
def list_journey_insiders(query: dict[str, Any], key: str) -> dict[str, Any]:
    """Who is inside other versions, and what launching this one would mean to them."""
    found = told(lambda tx: insiders(tx, key, query.get("version")), writes=False)
    return {"data": [item._asdict() for item in found], "next": None}


@room.on(
    "GET", "/journeys/<key>/lint", "journeys:read", query=JourneyVersionQuery,
    gives=page_of(JourneyFindingSchema),
)  # fmt: skip
def lint_journey(query: dict[str, Any], key: str) -> Any:
    """What is wrong, and what looks wrong, errors first."""

    def look(tx: Connection) -> dict[str, Any]:
        _, body = body_of(tx, key, query.get("version"))
        return {"data": [item._asdict() for item in findings(tx, key, body)], "next": None}

    return told(look, writes=False)


@room.on(
    "GET", "/journeys/<key>/report", "journeys:read", query=JourneyReportQuery,
    gives=JourneyReportSchema,
)  # fmt: skip
def journey_report(query: dict[str, Any], key: str) -> Any:
    """Entries, steps, messages, goals, days; what holdouts and experiments show."""
    now = here().now()
    return told(lambda tx: report(tx, key, now, **query), writes=False)


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

    return told(look, writes=False)


@room.on("GET", "/journeys/<key>/orders", "journeys:read", gives=page_of(JourneyOrderSchema))
def list_journey_orders(key: str) -> Any:
    """What was to be done with runs, newest first."""

    def look(tx: Connection) -> dict[str, Any]:
        found = journeys.orders_of(tx, launched(tx, key).id)
        return {"data": [shown.order(item) for item in found], "next": None}

    return told(look, writes=False)


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

    return told(do, writes=True)


def _act(
    verb: str, scope: str, about: str, act: Callable[..., Any], body: type[Schema] = Empty
) -> None:
    """An act whose answer is the journey's status."""

    def view(given: dict[str, Any], key: str) -> Any:
        def do(tx: Connection) -> dict[str, Any]:
            act(tx, key, author(), here().now(), **given)
            return _status(tx, key)

        return told(do, writes=True)

    _named(view, verb, about)
    room.on("POST", f"/journeys/<key>/{verb}", scope, body=body, gives=JourneyStatusSchema)(view)


def _order(verb: str, about: str, act: Callable[..., int], body: type[Schema]) -> None:
    """An act whose answer is the order that the pipeline carries out."""

    def view(given: dict[str, Any], key: str) -> Any:
        return told(lambda tx: ordered(tx, act, key, **given), writes=True)

    _named(view, f"{verb}_people_in", about)
    room.on(
        "POST", f"/journeys/<key>/{verb}", "journeys:write", body=body,
        gives=JourneyOrderSchema, status=202,
    )(view)  # fmt: skip


def role() -> str | None:
    """The role of whoever asks: a token for all is an admin's, one may be for approvals."""
    if allows(g.token, "all"):
        return "admin"
    return "approver" if allows(g.token, "journeys:approve") else None


def ordered(tx: Connection, act: Callable[..., int], key: str, /, **given: Any) -> dict[str, Any]:
    """Give an order that the pipeline carries out, and show it."""
    made = journeys.one_order(tx, act(tx, key, author(), here().now(), **given))
    assert made is not None
    return shown.order(made)


def _named(view: Any, verb: str, about: str) -> None:
    view.__name__, view.__doc__ = f"{verb.replace('-', '_')}_journey", about


def _launch(tx: Connection, key: str, who: str, now: int, **how: Any) -> Any:
    classes = here().plugins.destinations()
    return office.launch(tx, key, who, now, destinations=classes, role=role(), **how)


def _answer(tx: Connection, key: str, who: str, now: int, **how: Any) -> int:
    return inside.answer(tx, key, who, now, role=role(), **how)


_act("launch", "journeys:launch", "Let people enter by a version.", _launch, LaunchBody)
_act("pause", "journeys:write", "Nobody enters, nobody takes a next step.", office.pause)
_act("resume", "journeys:launch", "Go on after a pause.", office.resume)
_act("drain", "journeys:write", "Nobody enters; those inside go on to their end.", office.drain)
_act("stop", "journeys:write", "End it for all who are inside.", office.stop)
_act("rollout", "journeys:launch", "Let a share of people enter.", office.rollout, RolloutBody)
_order("move", "Move people to another step, or out.", inside.move, MoveBody)
_order("skip", "Let people go past their step.", inside.skip, SkipBody)
_order("answer", "Approve or refuse.", _answer, AnswerBody)
_order("go-on", "Let those go on who were held by an error.", inside.go_on, WhoBody)
_order("end", "Take one person out.", inside.end, EndBody)
