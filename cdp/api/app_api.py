"""What the calls of Customer.io's App API have in common: who may make them, and errors.

Errors are ``{"meta": {"error": …}}`` (customer.io: App API).
"""

from __future__ import annotations

from flask import Blueprint, Response, jsonify
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from cdp.api.auth import allows, find_token, presented
from cdp.store import Store, StoreBusy
from cdp.store.config_rows import Token

#: What a token must be good for.
SCOPE = "messages:send"


class Refused(Exception):
    """A request that is not taken: the status and the text of the answer."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


def token_of(store: Store) -> Token:
    """The token of the request, if it may send; `Refused`."""
    text = presented()
    token = find_token(store, text) if text else None
    if token is None:
        raise Refused(401, "the API token is missing or not known")
    if not allows(token, SCOPE):
        raise Refused(403, f"the token lacks the scope {SCOPE}")
    return token


def install(blueprint: Blueprint, what: str) -> None:
    """Answer the errors of a blueprint's views in this shape; ``what`` is what was not taken."""

    @blueprint.errorhandler(Refused)
    def refused(error: Refused) -> tuple[Response, int]:
        return jsonify({"meta": {"error": error.text}}), error.status

    @blueprint.errorhandler(HTTPException)
    def http(error: HTTPException) -> tuple[Response, int]:
        return jsonify({"meta": {"error": error.description or error.name}}), error.code or 500

    @blueprint.errorhandler(StoreBusy)
    @blueprint.errorhandler(OperationalError)
    def busy(error: Exception) -> tuple[Response, int, dict[str, str]]:
        text = f"the store can't be written to just now; {what} was not taken"
        return jsonify({"meta": {"error": text}}), 503, {"Retry-After": "5"}
