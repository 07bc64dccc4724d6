"""Calls that journeys make: how one is asked for, and the event that tells of its answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from cdp.events import format_time
from cdp.messaging.choices import who_of
from cdp.messaging.saving import shortened

#: The event that tells of the answer to a call; ``properties.call`` is the call's key.
ANSWERED = "Journey Call Answered"


def message_id(key: str) -> str:
    """A key as a ``messageId``, which has 100 characters at most."""
    if len(key) <= 100:
        return key
    return f"{key[:67]}:{blake2b(key.encode(), digest_size=16).hexdigest()}"


def asked(request: Mapping[str, Any]) -> dict[str, Any]:
    """What a delivery carries of a request: Liquid that says its texts, and the texts.

    They were rendered once; data in them must not be read as Liquid.
    """
    body = request.get("body")
    headers = {str(name): str(value) for name, value in (request.get("headers") or {}).items()}
    if body is not None and not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = "application/json"
    call = {
        "url": str(request["url"]),
        "body": "" if body is None else body if isinstance(body, str) else json.dumps(body),
        "heads": list(headers.values()),
    }
    content = {
        "url": "{{ trigger.call.url }}",
        "method": request.get("method", "POST"),
        "headers": {name: f"{{{{ trigger.call.heads[{at}] }}}}" for at, name in enumerate(headers)},
        "body": "{{ trigger.call.body }}" if call["body"] else "",
    }
    return {"content": content, "trigger": {"call": call}}


def answer(
    key: str,
    ok: bool,
    response: Mapping[str, Any] | None,
    error: str | None,
    at: int,
    person: Mapping[str, str],
) -> dict[str, Any] | None:
    """The event that tells what a call was answered with; None if nobody is named."""
    who = who_of(person)
    if who is None:
        return None
    told = shortened(response) if response else {}
    properties = {
        "call": key,
        "ok": ok,
        "status": told.get("status"),
        "headers": told.get("headers"),
        "body": told["json"] if "json" in told else told.get("body"),
        "error": None if ok else error,
    }
    return {
        "type": "track",
        "event": ANSWERED,
        "messageId": message_id(f"{key}:answer"),
        "timestamp": format_time(at),
        "properties": {name: value for name, value in properties.items() if value is not None},
        **who,
    }
