"""The admin API under ``/api``: all that the console can do, and its OpenAPI document."""

from __future__ import annotations

from functools import cache
from typing import Any

from flask import Flask, Response, jsonify, request
from flask_smorest import Api
from marshmallow import Schema, fields

from cdp import __version__
from cdp.api import (
    access,
    addresses,
    audience_previews,
    broadcasts,
    catalogue,
    definitions,
    deliveries,
    destinations,
    events,
    exports,
    files,
    identity,
    images,
    imports,
    journey_approvals,
    journey_decisions,
    journeys,
    journeys_tried,
    lists,
    memberships,
    messages,
    objects,
    people,
    personal,
    privacy,
    queries,
    sources,
    status,
    subscriptions,
    suppressions,
    templates,
    traits,
)
from cdp.api.errors import ApiError, not_found
from cdp.api.room import ANY, EXTENSION, Here, Room
from cdp.config import Settings
from cdp.store import Store

ROOMS = (
    status.room,
    sources.room,
    destinations.room,
    deliveries.room,
    events.room,
    catalogue.room,
    personal.room,
    people.room,
    privacy.room,
    traits.room,
    objects.room,
    identity.room,
    *definitions.ROOMS,
    audience_previews.room,
    templates.room,
    memberships.room,
    queries.room,
    messages.room,
    subscriptions.room,
    suppressions.room,
    files.room,
    lists.room,
    broadcasts.room,
    journey_approvals.room,
    journey_decisions.room,
    journeys.room,
    journeys_tried.room,
    images.room,
    imports.room,
    exports.room,
    access.room,
)
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


class _Problem(Schema):
    """What went wrong."""

    code = fields.String()
    message = fields.String()
    fields_ = fields.Dict(
        keys=fields.String(), values=fields.List(fields.String()), data_key="fields"
    )


class ErrorSchema(Schema):
    """Every error has this shape."""

    error = fields.Nested(_Problem)


class _Documented(Api):  # type: ignore[misc]
    """flask-smorest without its own pages and error handlers: those would be the whole app's."""

    ERROR_SCHEMA = ErrorSchema

    def _register_error_handlers(self) -> None:
        pass

    def _register_doc_blueprint(self) -> None:
        pass


_rest = Room("rest", "The document, and an answer for addresses that lead nowhere.", plain=True)


def register(app: Flask, store: Store, settings: Settings, plugins: Any) -> None:
    """Add the admin API to ``app``."""
    app.extensions[EXTENSION] = found = Here(store, settings, plugins)
    imports.install(app, found)
    for room in (*ROOMS, _rest):
        app.register_blueprint(room)


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document. Most servers are never asked for it, and it takes a while to make."""
    app = Flask(__name__, static_folder=None)
    addresses.allow(app)
    api = _Documented(
        spec_kwargs={
            "title": "Headwater admin API",
            "version": __version__,
            "openapi_version": "3.0.3",
            "info": {"description": "A token as a bearer; each endpoint names its scope."},
        }
    )
    api.init_app(app)
    scheme = {"type": "http", "scheme": "bearer", "description": "An API token."}
    api.spec.components.security_scheme("token", scheme)
    for room in ROOMS:
        api.register_blueprint(room)
    found: dict[str, Any] = api.spec.to_dict()
    return found


def _openapi() -> Response:
    return jsonify(document())


def _nowhere(rest: str = "") -> Response:
    raise not_found(f"There is no {request.method} /api/{rest}.")


_rest.scopes |= {"openapi": ANY, "root": ANY, "nowhere": ANY}
_rest.add_url_rule("/openapi.json", "openapi", _openapi, methods=["GET"])
_rest.add_url_rule("/", "root", _nowhere, methods=_METHODS)
_rest.add_url_rule("/<rest:rest>", "nowhere", _nowhere, methods=_METHODS, merge_slashes=False)

__all__ = ["ApiError", "register"]
