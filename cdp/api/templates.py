"""``/api/templates/{key}/lint``, ``…/variables``, ``…/preview``: templates before they are sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

from flask import g
from marshmallow import Schema, fields
from sqlalchemy import Connection

from cdp.api.auth import allows
from cdp.api.errors import ApiError, not_found
from cdp.api.people import find
from cdp.api.room import Room, here, page_of
from cdp.definitions import KINDS
from cdp.delivery.messages.letters import customer_of
from cdp.messaging.lint import lint
from cdp.messaging.templates import RenderError, TemplateError, Urls, compile_template
from cdp.store import addressees, coverage, defining

room = Room("template_checks", "Templates before they are sent: findings, variables, previews.")

Body = Mapping[str, Any]
#: Stand-ins for addresses that only a delivery has.
_URLS = ("#unsubscribe", "#preferences", "#view-in-browser")


class Known:
    """A template with all layouts and snippets."""

    def __init__(self, tx: Connection, key: str, given: Body | None = None) -> None:
        found = defining.bodies(defining.load(tx, "template", "layout", "snippet"))
        if given is None and ("template", key) not in found:
            raise defining.NoSuchDefinition(("template", key))
        self.key = key
        self.body = found["template", key] if given is None else given
        self.layouts = {k: body for (kind, k), body in found.items() if kind == "layout"}
        self.snippets = {k: body for (kind, k), body in found.items() if kind == "snippet"}

    def findings(self) -> list[dict[str, Any]]:
        """What looks wrong about it, as the API and commands show it."""
        return [f._asdict() for f in lint(self.key, self.body, self.layouts, self.snippets)]

    def variables(self, tx: Connection, audience: str | None = None) -> list[dict[str, Any]]:
        """Its variables, with the share of people who have each; `NoSuchAudience`."""
        from cdp.messaging.templates.variables import variables

        found = variables(self.body, self.layouts, self.snippets)
        paths = {v.name: tuple(v.name.split(".")[1:]) for v in found if _is_trait(v.name)}
        known = coverage.coverage(tx, set(paths.values()), audience)
        rows = []
        for variable in found:
            share = known.shares[paths[variable.name]] if variable.name in paths else None
            uses = [use._asdict() for use in variable.uses]
            rows.append(
                {
                    "name": variable.name,
                    "needed": variable.needed,
                    "defaulted": variable.defaulted,
                    "share": round(share.share, 4) if share else None,
                    "share_low": round(share.low, 4) if share else None,
                    "share_high": round(share.high, 4) if share else None,
                    "exact": known.exact if share else None,
                    "people": known.of if share else None,
                    "uses": [{k: v for k, v in use.items() if k != "name"} for use in uses],
                }
            )
        return rows

    def preview(self, scope: Body, locale: str, now: int) -> dict[str, Any]:
        """What it says, or why it says nothing; ``now`` in ms."""
        told: dict[str, Any] = {"locale": "", "fields": {}, "allowed": [], "error": None}
        try:
            compiled = compile_template(self.key, self.body, self.layouts, self.snippets)
            made = compiled.render(scope, locale, Urls(*_URLS), None, now // 1000)
            told |= {"locale": made.locale, "fields": plain(made.fields)}
            told["allowed"] = list(made.allowed)
        except RenderError as error:
            told["error"] = {
                "text": error.text, "variable": error.variable or None, "where": error.where,
            }  # fmt: skip
        except TemplateError as error:
            first = error.troubles[0]
            told["error"] = {"text": first.text, "variable": None, "where": first.field}
        return told


def _is_trait(name: str) -> bool:
    return name.startswith("customer.") and "[]" not in name


def plain(value: Any) -> Any:
    """Contents as JSON has them."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def customer_at(tx: Connection, profile: int) -> dict[str, Any]:
    """What templates call ``customer``, as it is when something is sent."""
    return customer_of(addressees.of_profiles(tx, [profile])[profile])


class LintFindingSchema(Schema):
    """What looks wrong."""

    level = fields.String(metadata={"description": "error, warning or hint."})
    code = fields.String(metadata={"description": "The rule."})
    field = fields.String()
    text = fields.String()
    line = fields.Integer(allow_none=True, metadata={"description": "In the field's text."})


class VariableUseSchema(Schema):
    """Where a variable stands."""

    field = fields.String()
    how = fields.String(
        metadata={
            "description": "shown, defaulted, guarded (by an if that asks for it), asked, looped "
            "or used."
        }
    )
    line = fields.Integer()
    column = fields.Integer()


class TemplateVariableSchema(Schema):
    """A variable of a template; shares are of traits alone."""

    name = fields.String()
    needed = fields.Boolean(
        metadata={"description": "Whether a message fails without it, unless missing says more."}
    )
    defaulted = fields.Boolean()
    share = fields.Float(
        allow_none=True, metadata={"description": "Of the people who have it, 0 to 1."}
    )
    share_low = fields.Float(allow_none=True)
    share_high = fields.Float(allow_none=True)
    exact = fields.Boolean(
        allow_none=True, metadata={"description": "Whether all were looked at, or a sample."}
    )
    people = fields.Integer(allow_none=True, metadata={"description": "Of how many."})
    uses = fields.List(fields.Nested(VariableUseSchema))


class TemplateVariablesQuery(Schema):
    """Of whom."""

    audience = fields.String(metadata={"description": "An audience's key; everybody if unset."})


class TemplateDraftBody(Schema):
    """A template that is not stored (yet)."""

    template = fields.Dict(required=True, metadata={"description": "As its file has it."})


class TemplatePreviewBody(Schema):
    """For whom, and with what."""

    person = fields.String(
        metadata={"description": "As type:value; needs the scope profiles:read."}
    )
    data = fields.Dict(
        load_default=dict,
        metadata={"description": "What Liquid sees beside customer: event, trigger, campaign, …"},
    )
    locale = fields.String(load_default="")
    template = fields.Dict(
        metadata={"description": "A draft to be looked at in the place of what is stored."}
    )


class TemplateErrorSchema(Schema):
    """Why there is no message."""

    text = fields.String()
    variable = fields.String(allow_none=True, metadata={"description": "The one that is missing."})
    where = fields.String()


class TemplatePreviewSchema(Schema):
    """What a template says to somebody."""

    locale = fields.String(metadata={"description": "Which of its locales; empty: the default."})
    fields_ = fields.Dict(data_key="fields", attribute="fields")
    allowed = fields.List(
        fields.String(),
        metadata={"description": "Variables that are missing, where it allows that."},
    )
    error = fields.Nested(TemplateErrorSchema, allow_none=True)


@room.on("GET", "/templates/<key>/lint", "templates:read", gives=page_of(LintFindingSchema))
def lint_template(key: str) -> dict[str, Any]:
    """What looks wrong about a template, errors first."""
    with here().store.read() as tx:
        return {"data": Known(tx, key).findings(), "next": None}


@room.on("POST", "/templates/<key>/lint", "templates:read", body=TemplateDraftBody,
         gives=page_of(LintFindingSchema))  # fmt: skip
def lint_draft_of_template(body: dict[str, Any], key: str) -> dict[str, Any]:
    """What looks wrong about a draft of a template."""
    draft = KINDS["template"].read(key, body["template"]).body
    with here().store.read() as tx:
        return {"data": Known(tx, key, draft).findings(), "next": None}


@room.on("GET", "/templates/<key>/variables", "templates:read", query=TemplateVariablesQuery,
         gives=page_of(TemplateVariableSchema))  # fmt: skip
def list_variables_of_template(query: dict[str, Any], key: str) -> dict[str, Any]:
    """Which variables a template needs, and the share of people who have each."""
    try:
        with here().store.read() as tx:
            rows = Known(tx, key).variables(tx, query.get("audience"))
    except coverage.NoSuchAudience as error:
        raise not_found(f"{str(error)[0].upper()}{str(error)[1:]}.") from None
    return {"data": rows, "next": None}


@room.on("POST", "/templates/<key>/preview", "templates:read", body=TemplatePreviewBody,
         gives=TemplatePreviewSchema)  # fmt: skip
def preview_template(body: dict[str, Any], key: str) -> dict[str, Any]:
    """What a template, or a draft of it, says to a person or with sample data. Sends nothing."""
    person, given = body.get("person"), body.get("template")
    if person is not None and not allows(g.token, "profiles:read"):
        raise ApiError(403, "authorization_error", "The token lacks the scope profiles:read.")
    if given is not None:
        given = KINDS["template"].read(key, given).body
    with here().store.read() as tx:
        known = Known(tx, key, given)
        scope = dict(body["data"])
        if person is not None:
            scope["customer"] = customer_at(tx, find(tx, person).id)
        return known.preview(scope, body["locale"], here().now())
