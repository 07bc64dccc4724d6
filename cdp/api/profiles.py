"""The Profile API, as Segment's (segment.com: Profile API).

``GET /v1/spaces/<space>/collections/<users|accounts|object type>/profiles/<type>:<value>/<route>``
with a token as the user of Basic, or as a bearer. To one without the scope ``personal:read``
personal values are shown masked.
"""

from __future__ import annotations

import secrets

from flask import Blueprint, Response, g, jsonify, request
from sqlalchemy import Connection

from cdp.api import errors
from cdp.api.auth import PERSONAL, allows, find_token, presented
from cdp.api.errors import ApiError
from cdp.api.masking import hide_subject
from cdp.api.profile_reads import ROUTES
from cdp.config import Settings
from cdp.identity import parse_identifier, parse_public_id
from cdp.protocols.masker import Masker
from cdp.store import Store
from cdp.store.catalogue.fields import Decided, roots
from cdp.store.profiles import object_types, people
from cdp.store.profiles.people import Profile

SPACE = "default"
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def create_blueprint(store: Store, settings: Settings) -> Blueprint:
    """The Profile API over ``store``."""
    blueprint = Blueprint("profile_api", __name__)
    decided = Decided()
    blueprint.before_request(lambda: _authenticate(store))

    # A value may hold slashes, two in a row as well.
    address = "/v1/spaces/<space>/collections/<collection>/profiles/<rest:rest>"

    @blueprint.route(address, methods=_METHODS, merge_slashes=False)
    def profile(space: str, collection: str, rest: str) -> Response:
        identifier, _, route = rest.rpartition("/")
        if route not in ROUTES:
            raise ApiError(404, "not_found", f"There is no route {route!r}.")
        if request.method not in ("GET", "HEAD"):
            raise ApiError(405, "method_not_allowed", "Profiles can only be read here.")
        with store.read() as tx:
            number = object_types.collection_called(tx, collection) if space == SPACE else None
            if number is None:
                raise ApiError(404, "not_found", "The space or collection was not found.")
            found = _find(tx, number, identifier)
            return jsonify(ROUTES[route](tx, found, _masker(tx, found, decided)))

    @blueprint.route("/v1/spaces/", methods=_METHODS)
    @blueprint.route("/v1/spaces/<rest:rest>", methods=_METHODS, merge_slashes=False)
    def nowhere(rest: str = "") -> Response:
        raise ApiError(404, "not_found", f"There is no /v1/spaces/{rest}.")

    errors.install(blueprint)

    @blueprint.after_request
    def name_request(response: Response) -> Response:
        response.headers["Request-Id"] = secrets.token_hex(12)
        response.headers["Cache-Control"] = "no-store"
        return response

    return blueprint


def _authenticate(store: Store) -> None:
    text = presented()
    token = find_token(store, text) if text else None
    if token is None:
        raise ApiError(401, "authentication_error", "The access token is missing or not known.")
    if not allows(token, "profiles:read"):
        raise ApiError(403, "authentication_error", "The token lacks the scope profiles:read.")
    g.token = token


def _masker(tx: Connection, profile: Profile, decided: Decided) -> Masker | None:
    """What masks the values of a profile, unless whoever asks may see them."""
    if allows(g.token, PERSONAL):
        return None
    masker = Masker(decided.classes(tx), root=roots(tx)[profile.collection])
    hide_subject(tx, masker, profile)
    return masker


def _find(tx: Connection, collection: int, identifier: str) -> Profile:
    """The profile of ``type:value`` or of a public id; `ApiError` if there is none."""
    named = parse_identifier(identifier)
    if named is None and parse_public_id(identifier) is not None:
        named = ("segment_id", identifier)
    if named is None:
        text = "The profile must be named as <type>:<value>, or by its id."
        raise ApiError(400, "invalid_request_error", text)
    found = people.resolve(tx, collection, *named)
    if found is None or found.collection != collection:
        raise ApiError(404, "not_found", "Profile was not found.")
    return found
