"""``/api/journeys/{key}/`` ``explain/{profile}``, ``simulate``, ``backtest``: understood, tried."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from cdp.api.errors import ApiError, sentence
from cdp.api.fields import Moment
from cdp.api.people import find
from cdp.api.room import Room, here
from cdp.definitions.walk import BadScript, walk
from cdp.events import parse_time
from cdp.journeys import JourneyError
from cdp.journeys.replay import Life, NeverEnds
from cdp.pipeline.journeys.backtest import backtest
from cdp.pipeline.journeys.explain import NoJourney, explained
from cdp.pipeline.journeys.trying import program_for, scene_for, somebody
from cdp.store.audiences.lists import ListsAt

room = Room("journeys-tried", "Why somebody is where they are in a journey; what it would do.")
#: People of a back-test that is asked for over HTTP, at most; the command has no limit.
MOST_PEOPLE = 20_000


class EntryCheckSchema(Schema):
    """Something that decides whether somebody enters."""

    name = fields.String(metadata={"description": "launched, trigger, filter, rollout or entry."})
    ok = fields.Boolean()
    text = fields.String()
    clauses = fields.List(fields.Dict())


class ReasonsSchema(Schema):
    """How somebody stands in a journey."""

    journey = fields.String()
    state = fields.String()
    version = fields.Integer()
    person = fields.String()
    runs = fields.List(
        fields.Dict(), metadata={"description": "The newest first; steps with why, and messages."}
    )
    checks = fields.List(fields.Nested(EntryCheckSchema))
    seen = fields.List(
        fields.Dict(), metadata={"description": "What could have begun it, and whether it counts."}
    )


class ScriptSchema(Schema):
    """What happens."""

    script = fields.List(
        fields.Dict(),
        required=True,
        validate=validate.Length(1, 1000),
        metadata={
            "description": 'Calls as the Tracking API has them, `{"advance": "3d"}`, '
            '`{"until": TIME}`, `{"answer": "approved"}`, `{"enters": LIST}`.'
        },
    )
    person = fields.String(
        metadata={"description": "Somebody who is there, as they are now; else somebody new."}
    )
    start = Moment(metadata={"description": "When it begins; now, if unset."})
    body = fields.Dict(metadata={"description": "A journey in place of the newest version."})


class WalkedSchema(Schema):
    """What happened, in order."""

    steps = fields.List(fields.Dict())


class PeriodSchema(Schema):
    """Of which past."""

    start = Moment(data_key="from", attribute="start", required=True)
    end = Moment(data_key="to", attribute="end", required=True)
    version = fields.Integer(metadata={"description": "The newest, if unset."})
    against = fields.Integer(metadata={"description": "Another version beside it."})
    body = fields.Dict(metadata={"description": "Beside it, a journey that is no version yet."})
    people = fields.Integer(
        load_default=2000,
        validate=validate.Range(1, MOST_PEOPLE),
        metadata={"description": "So many of those who might have entered, at most."},
    )

    @validates_schema
    def _forward(self, data: dict[str, Any], **_: Any) -> None:
        if data["start"] >= data["end"]:
            raise ValidationError("It must be later than from.", "to")


class PlayedSchema(Schema):
    """What versions of a journey would have done."""

    journey = fields.String()
    from_ = fields.String(data_key="from", attribute="from")
    to = fields.String()
    candidates = fields.Integer(metadata={"description": "People who might have entered."})
    looked_at = fields.Integer()
    versions = fields.List(fields.Dict())
    endless = fields.List(fields.String())
    notes = fields.List(fields.String())


@room.on("GET", "/journeys/<key>/explain/<rest:profile>", "journeys:read", gives=ReasonsSchema)
def explain_journey(key: str, profile: str) -> dict[str, Any]:
    """Where somebody is in a journey, what they got and why; or why they aren't in it."""
    with here().store.read() as tx:
        try:
            return explained(tx, key, find(tx, profile), here().now()).told()
        except NoJourney as error:
            raise ApiError(404, "not_found", sentence(error)) from None


@room.on("POST", "/journeys/<key>/simulate", "journeys:read", body=ScriptSchema,
         gives=WalkedSchema, personal=True)  # fmt: skip
def simulate_journey(body: dict[str, Any], key: str) -> dict[str, Any]:
    """Walk somebody through a journey. Sends and stores nothing."""
    with here().store.read() as tx:
        try:
            scene, program = scene_for(tx, key, body.get("body"), ListsAt(tx))
        except (JourneyError, LookupError) as error:
            raise _unreadable(error) from None
        setting = scene.setting([program])
        script = body["script"]
        now = body.get("start") or here().now()
        if body.get("person"):
            life = somebody(tx, setting, program, find(tx, body["person"]), now)
        else:
            times = [t for item in script if (t := parse_time(item.get("timestamp")))]
            life = Life(setting, "somebody", body.get("start") or min([now, *times]))
    try:
        return {"steps": list(walk(life, scene, script))}
    except (BadScript, NeverEnds) as error:
        text = sentence(error)
        raise ApiError(400, "validation_error", text, {"script": [text]}) from None


@room.on("POST", "/journeys/<key>/backtest", "journeys:read", body=PeriodSchema,
         gives=PlayedSchema)  # fmt: skip
def backtest_journey(body: dict[str, Any], key: str) -> dict[str, Any]:
    """What a journey would have done to people's past. Sends and stores nothing."""
    with here().store.read() as tx:
        try:
            number, program = program_for(tx, key, body.get("version"))
            programs = [(f"version {number}", program)]
            if body.get("against"):
                number, program = program_for(tx, key, body["against"])
                programs.append((f"version {number}", program))
            if body.get("body"):
                programs.append(("draft", program_for(tx, key, None, body["body"])[1]))
        except (JourneyError, LookupError) as error:
            raise _unreadable(error) from None
        lists = ListsAt(tx)
        return backtest(tx, programs, body["start"], body["end"], lists, body["people"]).told()


def _unreadable(error: Exception) -> ApiError:
    if isinstance(error, JourneyError):
        found: dict[str, list[str]] = {}
        for wrong in error.wrong:
            found.setdefault(wrong.field or "body", []).append(wrong.text)
        return ApiError(400, "validation_error", "The journey can't be read.", found)
    return ApiError(404, "not_found", sentence(error.args[0]))
