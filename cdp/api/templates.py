"""``/api/templates/{key}/lint``, ``…/variables``, ``…/preview``: templates before they are sent."""

from __future__ import annotations

from typing import Any

from flask import g
from marshmallow import Schema, fields

from cdp.api.auth import allows
from cdp.api.errors import ApiError, not_found, sentence
from cdp.api.people import find
from cdp.api.room import Room, here, need_personal, page_of
from cdp.definitions import KINDS
from cdp.delivery.messages.trial import Known, customer_at
from cdp.messaging.templates.names import language_of
from cdp.store.messages import coverage

room = Room(
    "template_checks", "Templates before they are sent: findings, variables, previews.", plain=True
)


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
        metadata={"description": "As type:value; needs the scopes profiles:read and personal:read."}
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
        raise not_found(sentence(error)) from None
    return {"data": rows, "next": None}


@room.on("POST", "/templates/<key>/preview", "templates:read", body=TemplatePreviewBody,
         gives=TemplatePreviewSchema)  # fmt: skip
def preview_template(body: dict[str, Any], key: str) -> dict[str, Any]:
    """What a template, or a draft of it, says to a person or with sample data. Sends nothing."""
    person, given = body.get("person"), body.get("template")
    if person is not None and not allows(g.token, "profiles:read"):
        raise ApiError(403, "authorization_error", "The token lacks the scope profiles:read.")
    if person is not None:
        need_personal()
    if given is not None:
        given = KINDS["template"].read(key, given).body
    with here().store.read() as tx:
        known = Known(tx, key, given)
        scope = dict(body["data"])
        if person is not None:
            scope["customer"] = customer_at(tx, find(tx, person).id)
        locale = body["locale"] or language_of(scope.get("customer") or {})
        return known.preview(scope, locale, here().now())
