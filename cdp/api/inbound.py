"""``POST /hooks/journeys/<key>?writeKey=…``: other people's webhooks that begin a journey.

The body is any JSON object; the journey's trigger says where in it the person's user id is. A
write key may do no more than this (law 8).
"""

from __future__ import annotations

import time
from typing import Any, Protocol

from flask import Blueprint, Response, jsonify, request

from cdp.delivery.journeys import calling
from cdp.delivery.journeys.there import NoSuchJourney, Refused, launched
from cdp.events import MalformedJSON, decode_json
from cdp.store import Store

MAX_BODY = 30_000


class Sources(Protocol):
    """Sources by write key."""

    def by_write_key(self, key: str) -> Any: ...


def create_blueprint(store: Store, sources: Sources) -> Blueprint:
    """Calls from outside over ``store``."""
    blueprint = Blueprint("inbound", __name__)

    @blueprint.post("/hooks/journeys/<key>")
    def journey(key: str) -> tuple[Response, int]:
        request.max_content_length = MAX_BODY
        named = request.authorization.username if request.authorization else None
        source = sources.by_write_key(named or request.args.get("writeKey") or "")
        if source is None or not source.enabled:
            return _error(401, "unknown_write_key", "say ?writeKey=… with a source's write key")
        try:
            body = decode_json(request.get_data())
        except MalformedJSON as error:
            return _error(400, "malformed_json", str(error))
        if not isinstance(body, dict):
            return _error(400, "malformed_json", "the body is no JSON object")
        ref = request.headers.get("webhook-id") or request.headers.get("Idempotency-Key")
        now = int(time.time() * 1000)
        try:
            with store.write() as tx:
                trigger = calling.trigger_of(tx, key, launched(tx, key).version)
                called = calling.from_outside(trigger, body)
                calling.begin(tx, key, [called], "webhook", now, ref)
        except NoSuchJourney as error:
            return _error(404, "not_found", str(error))
        except Refused as error:
            return _error(409, "conflict", str(error))
        return jsonify({"success": True}), 202

    return blueprint


def _error(status: int, code: str, message: str) -> tuple[Response, int]:
    return jsonify({"success": False, "code": code, "message": message}), status
