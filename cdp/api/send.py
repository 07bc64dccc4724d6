"""``/v1/send/…``: transactional messages, as Customer.io's App API takes them.

``POST`` with a bearer token; the answer is ``{"delivery_id", "queued_at"}`` once the message
is kept. ``Idempotency-Key`` names the reason: a request that is made again gets the same
delivery, and sends nothing. Errors are ``{"meta": {"error": …}}``.
"""

from __future__ import annotations

import time
import uuid
from typing import Any

from flask import Blueprint, Response, jsonify, request
from sqlalchemy import Connection

from cdp.api.app_api import Refused, install, token_of
from cdp.delivery.messages import tell
from cdp.events import MalformedJSON, decode_json
from cdp.messaging.names import delivery_name
from cdp.messaging.request import TRANSACTIONAL, Request
from cdp.messaging.transactional import CHANNELS, BadSend, Send, read_send
from cdp.store import Store, definitions
from cdp.store.config_rows import Token
from cdp.store.messages import addressees, deliveries, link_keys
from cdp.store.messages.deliveries import Delivery
from cdp.store.profiles import people
from cdp.store.tables import USERS

MAX_BODY = 4 << 20
_MAX_KEY = 200


def create_blueprint(store: Store) -> Blueprint:
    """The transactional API over ``store``."""
    blueprint = Blueprint("send_api", __name__)
    install(blueprint, "the message")
    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

    @blueprint.route("/v1/send/<channel>", methods=methods)
    def send(channel: str) -> tuple[Response, int]:
        request.max_content_length = MAX_BODY
        token = token_of(store)
        if channel not in CHANNELS:
            raise Refused(404, f"there is no channel {channel!r:.40} to send by")
        if request.method != "POST":
            raise Refused(405, "messages are sent with POST")
        now = int(time.time() * 1000)
        asked = _read(channel, now)
        with store.write() as tx:
            found = take(tx, channel, asked, _key(token), now)
            keys = link_keys.ensure(tx)
        name = delivery_name(keys, found.id)
        return jsonify({"delivery_id": name, "queued_at": found.created_at // 1000}), 200

    return blueprint


def take(tx: Connection, channel: str, asked: Send, key: str, now: int) -> Delivery:
    """Keep a send, or find the one that was kept under ``key`` before. `Refused`."""
    before = deliveries.by_key(tx, key)
    if before is not None:
        if before.channel != channel:
            raise Refused(409, "this Idempotency-Key was used for another channel")
        return before
    template = _template(tx, channel, asked.template)
    profile = people.resolve(tx, USERS, *asked.person)
    node = None
    if profile is not None:
        node = addressees.node_of(tx, profile.id, asked.person[0])
    elif asked.to is None and asked.person[0] != channel:
        raise Refused(400, f"identifiers: nobody has the {asked.person[0]} {asked.person[1]!r:.80}")
    to = asked.to
    if profile is None and to is None:
        to = asked.person[1]
    body = (template.body or {}) if template is not None else {}
    made = Request(
        key=key,
        channel=channel,
        node=node,
        origin="transactional",
        origin_key=template.key if template is not None else "",
        template=template.key if template is not None else None,
        recipient=to,
        topic=body.get("topic"),
        flags=asked.flags,
        priority=TRANSACTIONAL,
        due_at=asked.due_at,
        draft=asked.draft,
        data=asked.data,
    )
    added = deliveries.add(tx, [made], now)[0]
    found = deliveries.get(tx, added.id)
    assert found is not None
    if added.new and asked.draft:
        tell.drafted(tx, found, now)
    return found


def _template(tx: Connection, channel: str, name: str | None) -> definitions.Version | None:
    """The template that a request names: by key, by name, or by its number."""
    if name is None:
        return None
    found = definitions.current(tx, "template", name)
    if found is None:
        wanted = name.casefold()
        for item in definitions.all_current(tx, "template"):
            body = item.body or {}
            names = (item.key, str(body.get("name", "")), str(body.get("transactional_id", "")))
            if wanted in (text.casefold() for text in names):
                found = item
                break
    if found is None:
        raise Refused(400, f"transactional_message_id: there is no template {name!r:.80}")
    own = (found.body or {}).get("channel")
    if own != channel:
        raise Refused(400, f"transactional_message_id: {found.key} is a template for {own}")
    return found


def _read(channel: str, now: int) -> Send:
    try:
        body: Any = decode_json(request.get_data())
        return read_send(channel, body, now)
    except MalformedJSON as error:
        raise Refused(400, f"the body is no JSON: {error}") from None
    except BadSend as error:
        raise Refused(400, str(error)) from None


def _key(token: Token) -> str:
    given = request.headers.get("Idempotency-Key", "").strip()
    if not given:
        return f"api:{uuid.uuid4().hex}"
    if len(given) > _MAX_KEY or not given.isprintable():
        raise Refused(400, f"Idempotency-Key: at most {_MAX_KEY} printable characters")
    return f"api:{token.id}:{given}"
