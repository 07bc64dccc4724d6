"""Steps that do something: messages, traits, events, requests, lists, other journeys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from cdp.journeys import values
from cdp.journeys.run import NEXT, Call, Due, Emit, Happened, Input, Listed, Send, Start, Update
from cdp.journeys.steps import fields as own
from cdp.journeys.steps.base import At, Branch, Leave, Result, Stay, StepKind
from cdp.journeys.texts import Texts
from cdp.messaging.calls import ANSWERED

_KEY = validate.Regexp(
    re.compile(r"[a-z][a-z0-9_]{0,59}\Z"),
    error="A key is small letters, digits and _, a letter first.",
)
_NAME = validate.Regexp(
    re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,59}\Z"),
    error="A variable is letters, digits and _, no digit first.",
)


def _key(about: str, *, required: bool = False, **more: Any) -> fields.String:
    about_it = {"description": about, **more}
    return fields.String(validate=_KEY, required=required, metadata=about_it)


def _there(at: At, kind: str, key: str) -> None:
    """Stop at the step if what it names is gone."""
    if not at.moment.knows(kind, key):
        raise values.StepFailed(f"there is no {kind} {key}")


class SendSchema(Schema):
    """Which message."""

    template = _key("The template; its channel picks the plugin.", format="template")
    first_of = fields.List(
        fields.String(validate=_KEY),
        validate=validate.Length(1, 10),
        metadata={
            "description": "Templates of several channels: the first by which the person can be "
            "reached is sent.",
            "format": "template",
        },
    )
    unread_for = own.duration("Send the next of first_of, too, if it wasn't read for so long.")
    topic = _key("The topic, in place of the template's.", format="topic")
    data = own.values("More for the template, as trigger.…")

    @validates_schema
    def _one(self, data: dict[str, Any], **_: Any) -> None:
        if bool(data.get("template")) == bool(data.get("first_of")):
            raise ValidationError("It must say a template, or first_of several.", "template")


class SendStep(StepKind):
    """Send a message."""

    name, title, schema, short = "send", "Send", SendSchema, "template"

    def label(self, spec: Mapping[str, Any]) -> str:
        return str(spec.get("template") or spec["first_of"][0])

    def compile(self, spec: Mapping[str, Any], texts: Texts, field: str) -> Any:
        data = values.compiled(spec["data"], texts, f"{field}.data") if spec.get("data") else None
        some = tuple(spec.get("first_of") or (spec.get("template"),))
        return some, data, own.ms(spec.get("unread_for")) or None, spec.get("topic")

    def enter(self, at: At) -> Result:
        some, data, unread, topic = at.args
        for template in some:
            _there(at, "template", template)
        brought = data(at.moment, at.run) if data is not None else {}
        send = Send(at.run.reason_key, at.step, some, brought, unread, topic)
        return Leave(effects=(send,))


class UpdateSchema(Schema):
    """Which traits."""

    traits = own.values("Traits and their values; null takes one away.", required=True)


class UpdateStep(StepKind):
    """Set traits of the person."""

    name, title, schema = "update", "Update traits", UpdateSchema

    def label(self, spec: Mapping[str, Any]) -> str:
        return ",".join(sorted(spec["traits"]))[:40]

    def compile(self, spec: Mapping[str, Any], texts: Texts, field: str) -> Any:
        return values.compiled(dict(spec["traits"]), texts, f"{field}.traits")

    def enter(self, at: At) -> Result:
        return Leave(effects=(Update(at.run.reason_key, at.args(at.moment, at.run)),))


class EmitSchema(Schema):
    """Which event."""

    event = own.text("The name of the event.", 200, required=True)
    properties = own.values("Its properties.")


class EmitStep(StepKind):
    """Say an event in the person's name, into the log like any other."""

    name, title, schema, short = "emit", "Emit event", EmitSchema, "event"

    def compile(self, spec: Mapping[str, Any], texts: Texts, field: str) -> Any:
        said = dict(spec.get("properties") or {})
        return spec["event"], values.compiled(said, texts, f"{field}.properties")

    def enter(self, at: At) -> Result:
        event, make = at.args
        return Leave(effects=(Emit(at.run.reason_key, event, make(at.moment, at.run)),))


class SetSchema(Schema):
    """Which variables."""

    variables = own.values("Variables of the run, journey.… from then on.", required=True)

    @validates_schema
    def _named(self, data: dict[str, Any], **_: Any) -> None:
        for name in data.get("variables") or {}:
            _NAME(name)


class SetStep(StepKind):
    """Set variables of the run."""

    name, title, schema, short = "set", "Set variables", SetSchema, None

    def spec(self, value: Any) -> Any:
        plain = isinstance(value, Mapping) and "variables" not in value
        return {"variables": dict(value)} if plain else value

    def label(self, spec: Mapping[str, Any]) -> str:
        return ",".join(sorted(spec["variables"]))[:40]

    def compile(self, spec: Mapping[str, Any], texts: Texts, field: str) -> Any:
        return values.compiled(dict(spec["variables"]), texts, f"{field}.variables")

    def enter(self, at: At) -> Result:
        return Leave(variables=at.args(at.moment, at.run))


class WebhookSchema(Schema):
    """Which request, and what becomes of the answer."""

    url = own.text("The address; Liquid may stand in it.", 2000, required=True)
    method = fields.String(
        load_default="POST",
        validate=validate.OneOf(("GET", "POST", "PUT", "PATCH", "DELETE")),
        metadata={"description": "The method."},
    )
    headers = own.values("Headers.")
    body = fields.Raw(metadata={"description": "JSON of the body.", "format": "values"})
    save_as = fields.String(
        validate=_NAME,
        metadata={"description": "Wait for the answer, and keep it as journey.NAME: status, body."},
    )
    timeout = own.duration("How long to wait for it.", load_default="10m")
    on_error = own.steps("What happens if it failed; if unset, what follows.")


class Webhook(StepKind):
    """Call an address; what it answers can be used by what follows."""

    name, title, schema, short = "webhook", "Webhook", WebhookSchema, "url"

    def label(self, spec: Mapping[str, Any]) -> str:
        return ""

    def branches(self, spec: Mapping[str, Any]) -> list[Branch]:
        return [Branch("error", spec["on_error"], "on_error")] if spec.get("on_error") else []

    def compile(self, spec: Mapping[str, Any], texts: Texts, field: str) -> Any:
        request = {name: spec[name] for name in ("url", "headers", "body") if name in spec}
        make = values.compiled(request, texts, field)
        waits = bool(spec.get("save_as") or spec.get("on_error"))
        timeout = own.ms(spec.get("timeout", "10m")) if waits else 0
        return (
            make,
            spec.get("method", "POST"),
            spec.get("save_as"),
            timeout,
            bool(spec.get("on_error")),
        )

    def enter(self, at: At) -> Result:
        make, method, _, timeout, _ = at.args
        key = at.run.reason_key
        request = {"method": method, **make(at.moment, at.run)}
        call = Call(key, at.step, request)
        if not timeout:
            return Leave(effects=(call,))
        return Stay(at.now + timeout, (ANSWERED,), note=key, effects=(call,))

    def resume(self, at: At, cause: Input) -> Result | None:
        _, _, save_as, _, on_error = at.args
        failed = "error" if on_error else NEXT
        if isinstance(cause, Due):
            kept = {save_as: {"ok": False, "error": "no answer in time"}} if save_as else None
            return Leave(failed, why={"error": "no answer in time"}, variables=kept)
        if isinstance(cause, Happened) and cause.name == ANSWERED:
            told = dict(cause.message.get("properties") or {})
            if told.pop("call", None) != at.run.note:
                return None
            ok = told.get("ok") is True
            why = {"status": told.get("status"), "error": told.get("error")}
            return Leave(
                NEXT if ok else failed, why=why, variables={save_as: told} if save_as else None
            )
        return None


class ListSchema(Schema):
    """Which list."""

    audience = _key("An audience that is kept by hand (static).", required=True, format="audience")


class _List(StepKind):
    schema, short = ListSchema, "audience"
    member = True

    def enter(self, at: At) -> Result:
        _there(at, "list", at.args["audience"])
        return Leave(effects=(Listed(at.run.reason_key, at.args["audience"], self.member),))


class AddTo(_List):
    """Put the person on a list."""

    name, title = "add_to", "Add to list"


class RemoveFrom(_List):
    """Take the person off a list."""

    name, title, member = "remove_from", "Remove from list", False


class CallSchema(Schema):
    """Which journey."""

    journey = _key("The journey that the person enters.", required=True, format="journey")
    data = own.values("What it knows as event.properties.…")


class CallStep(StepKind):
    """Let the person enter another journey, and go on here."""

    name, title, schema, short = "call", "Start journey", CallSchema, "journey"

    def compile(self, spec: Mapping[str, Any], texts: Texts, field: str) -> Any:
        data = dict(spec.get("data") or {})
        return spec["journey"], values.compiled(data, texts, f"{field}.data")

    def enter(self, at: At) -> Result:
        journey, make = at.args
        _there(at, "journey", journey)
        data = make(at.moment, at.run)
        return Leave(effects=(Start(at.run.reason_key, journey, data, at.step),))
