"""``/v1/campaigns/<broadcast>/triggers``: calling a broadcast, as Customer.io's App API does.

``POST`` with a bearer token; the answer is ``{"id"}`` of the call once it is kept. Errors are
``{"meta": {"error": …}}``; people who aren't known are a 422, and told one by one under
``…/triggers/<call>/errors``.
"""

from __future__ import annotations

import time
from typing import Any

from flask import Blueprint, Response, g, jsonify, request

from cdp.api.app_api import Refused, install, token_of
from cdp.delivery.broadcasts.calls import BadCall, TooMany, call
from cdp.events import MalformedJSON, decode_json
from cdp.messaging.broadcasts.states import NotNow
from cdp.store import Store
from cdp.store.messages import broadcasts
from cdp.store.messages.broadcasts import Broadcast, NoSuchBroadcast

MAX_BODY = 25 << 20
#: Seconds after which a caller may come again.
_LATER_S = "10"


def create_blueprint(store: Store) -> Blueprint:
    """Calls of broadcasts over ``store``."""
    blueprint = Blueprint("triggers_api", __name__)
    install(blueprint, "the call")
    base = "/v1/campaigns/<name>/triggers"

    @blueprint.before_request
    def guard() -> None:
        request.max_content_length = MAX_BODY
        g.token = token_of(store)

    @blueprint.post(base)
    def trigger(name: str) -> tuple[Response, int]:
        body = _body()
        now = int(time.time() * 1000)
        with store.write() as tx:
            row = _find(tx, name)
            made = call(tx, row.id, body, f"{g.token.name} (api)", now)
        if made.faults:
            text = "; ".join(item["detail"] for item in made.faults[:5])
            errors = {"detail": text, "source": f"/v1/campaigns/{row.id}/triggers/{made.row.id}"}
            return jsonify({"id": made.row.id, "errors": [errors], "meta": {"error": text}}), 422
        return jsonify({"id": made.row.id}), 200

    @blueprint.get(base)
    def triggers(name: str) -> Response:
        with store.read() as tx:
            found = broadcasts.calls_of(tx, _find(tx, name).id)
        return jsonify({"triggers": [_shown(row) for row in found]})

    @blueprint.get(f"{base}/<int:number>")
    @blueprint.get(f"{base}/<int:number>/")
    def one(name: str, number: int) -> Response:
        return jsonify({"trigger": _shown(_call(store, name, number))})

    @blueprint.get(f"{base}/<int:number>/errors")
    def errors(name: str, number: int) -> Response:
        row = _call(store, name, number)
        found = row.brought.get("faults") or ([{"detail": row.error}] if row.error else [])
        return jsonify({"errors": found, "next": ""})

    @blueprint.errorhandler(BadCall)
    @blueprint.errorhandler(NotNow)
    def bad(error: Exception) -> tuple[Response, int]:
        return jsonify({"meta": {"error": str(error)}}), 400

    @blueprint.errorhandler(TooMany)
    def too_many(error: Exception) -> tuple[Response, int, dict[str, str]]:
        return jsonify({"meta": {"error": str(error)}}), 429, {"Retry-After": _LATER_S}

    @blueprint.errorhandler(NoSuchBroadcast)
    def unknown(error: Exception) -> tuple[Response, int]:
        return jsonify({"meta": {"error": str(error)}}), 404

    return blueprint


def _shown(row: Broadcast) -> dict[str, Any]:
    """A call as it is shown; times in seconds since 1970."""
    return {
        "id": row.id,
        "broadcast_id": row.parent,
        "state": row.state,
        "error": row.error,
        "people": row.people,
        "created_at": row.created_at // 1000,
        "processed_at": row.as_of // 1000 if row.as_of is not None else None,
    }


def _find(tx: Any, name: str) -> Broadcast:
    if "\0" in name:
        raise NoSuchBroadcast("there is no such broadcast")
    return broadcasts.find(tx, name)


def _call(store: Store, name: str, number: int) -> Broadcast:
    if number > 2**31 - 1:
        raise NoSuchBroadcast("there is no such call")
    with store.read() as tx:
        row, parent = broadcasts.get(tx, number), _find(tx, name)
    if row.parent != parent.id:
        raise NoSuchBroadcast(f"the broadcast {name} has no call {number}")
    return row


def _body() -> dict[str, Any]:
    data = request.get_data()
    try:
        body: Any = decode_json(data) if data.strip() else {}
    except MalformedJSON as error:
        raise Refused(400, f"the body is no JSON: {error}") from None
    if not isinstance(body, dict):
        raise Refused(400, "the body must be an object")
    return body
