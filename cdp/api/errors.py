"""Errors of the APIs, all in one shape.

``{"error": {"code", "message"}}``, and where fields were wrong ``fields`` with the
messages of each. Codes are Segment's words (Profile API).
"""

from __future__ import annotations

from typing import Any

import structlog
from flask import Blueprint, Response, jsonify, request
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from cdp.api.cursors import BadCursor
from cdp.definitions import DefinitionError
from cdp.store import StoreBusy
from cdp.store.config_rows import NameTaken
from cdp.store.defined.defining import NoSuchDefinition, StaleVersion, StillUsed

log = structlog.get_logger(__name__)

#: The code of an HTTP status, where nothing more is known.
CODES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "authorization_error",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "invalid_request_error",
    415: "invalid_request_error",
    429: "rate_limit_error",
    503: "unavailable",
}


class ApiError(Exception):
    """A refusal; ``fields`` has the messages of each field that was wrong."""

    def __init__(
        self, status: int, code: str, message: str, fields: dict[str, list[str]] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.fields = status, code, message, fields


def not_found(what: str) -> ApiError:
    """There is no such thing; ``what`` is a sentence."""
    return ApiError(404, "not_found", what)


def wrong_fields(fields: dict[str, list[str]]) -> ApiError:
    """Some fields can't be used; the message names them."""
    first = "; ".join(f"{name}: {' '.join(texts)}" for name, texts in fields.items())
    return ApiError(400, "validation_error", first, fields)


def sentence(said: object) -> str:
    """What an error says, with a capital at its beginning and a full stop."""
    text = str(said)
    return f"{text[:1].upper()}{text[1:]}."


def install(blueprint: Blueprint) -> None:
    """Answer all errors of a blueprint's views in this shape."""
    blueprint.register_error_handler(ApiError, _refused)
    blueprint.register_error_handler(BadCursor, _bad_cursor)
    blueprint.register_error_handler(NameTaken, _taken)
    for kind in (DefinitionError, NoSuchDefinition, StaleVersion, StillUsed):
        blueprint.register_error_handler(kind, _definition)
    blueprint.register_error_handler(HTTPException, _http)
    blueprint.register_error_handler(StoreBusy, _busy)
    blueprint.register_error_handler(OperationalError, _busy)
    blueprint.register_error_handler(Exception, _broken)


def answer(error: ApiError) -> Response:
    """The response that says it."""
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.fields:
        body["fields"] = error.fields
    response = jsonify({"error": body})
    response.status_code = error.status
    if error.status == 401:
        # Not Basic alone: a browser would ask for a password in a box of its own.
        response.headers["WWW-Authenticate"] = 'Bearer realm="API token"'
    if error.status == 503:
        response.headers["Retry-After"] = "5"
    return response


def _refused(error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return answer(error)


def _bad_cursor(error: Exception) -> Response:
    return answer(wrong_fields({"next": [str(error)]}))


def _taken(error: Exception) -> Response:
    return answer(ApiError(409, "conflict", str(error), {"key": [str(error)]}))


def _definition(error: Exception) -> Response:
    if isinstance(error, DefinitionError):
        return answer(wrong_fields(error.fields))
    if isinstance(error, NoSuchDefinition):
        return answer(not_found(f"There is no {error.args[0].removeprefix('there is no ')}."))
    named: dict[str, list[str]] = {}
    if isinstance(error, StillUsed):
        named = {"key": error.users}
    elif isinstance(error, StaleVersion):
        named = {c.field: [f"It says {c.before!r} now, not {c.after!r}."] for c in error.difference}
    return answer(ApiError(409, "conflict", sentence(error), named))


def _http(error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    messages = getattr(error, "data", {}).get("messages")
    if messages:
        return answer(wrong_fields(_flat(messages)))
    status = error.code or 500
    return answer(ApiError(status, CODES.get(status, "error"), error.description or ""))


def _busy(error: Exception) -> Response:
    log.warning("api_store_away", path=request.path, error=str(error).splitlines()[0])
    return answer(ApiError(503, "unavailable", "The store can't be reached just now."))


def _broken(error: Exception) -> Response:
    log.exception("api_failed", method=request.method, path=request.path)
    text = f"{request.method} {request.path} failed; the server's log has the details."
    return answer(ApiError(500, "internal_error", text))


def _flat(messages: Any) -> dict[str, list[str]]:
    """webargs' messages by place and field as messages by field."""
    found: dict[str, list[str]] = {}

    def walk(value: Any, name: str) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                walk(item, f"{name}.{key}" if name else str(key))
        else:
            texts = value if isinstance(value, list) else [value]
            found.setdefault(name or "body", []).extend(str(text) for text in texts)

    for place in messages.values():
        walk(place, "")
    return found
