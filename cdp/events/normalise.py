"""From what a client sent to a message, or to the reason why not.

The rules are section 2 of the Segment spec: ids, reserved fields, the clock-skew
formula, and what the server fills in.
"""

from __future__ import annotations

from typing import Any

import msgspec

from cdp.events.addresses import truncated_ip
from cdp.events.decode import MalformedJSON, decode_json
from cdp.events.message import (
    HISTORICAL_AFTER_MS,
    MAX_MESSAGE_BYTES,
    TYPES,
    Message,
    Origin,
    Rejected,
)
from cdp.events.times import MAX_MS, MIN_MS, format_time, parse_time

MAX_ID = 500
MAX_MESSAGE_ID = 100
MAX_KEYS = 10_000
#: Corrected times further ahead than this are taken as the time of receipt.
MAX_FUTURE_MS = 366 * 24 * 3600 * 1000

_ALIASES = {
    "user_id": "userId",
    "anonymous_id": "anonymousId",
    "message_id": "messageId",
}
_encode = msgspec.json.Encoder().encode


class _Refusal(Exception):
    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        self.detail = detail


def normalise(
    raw: bytes,
    origin: Origin,
    index: int = 0,
    kind: str | None = None,
    shared: dict[str, Any] | None = None,
) -> Message | Rejected:
    """Turn one call into a `Message`, or say why it can't be one.

    ``kind`` is the call's type where the path decides it, else ``None`` (batch
    items carry their own). ``shared`` holds the ``context`` and ``integrations``
    of a batch's envelope, which an item's own keys override.
    """
    body: Any = None
    try:
        if len(raw) > MAX_MESSAGE_BYTES and not origin.checked:
            raise _Refusal(
                "message_too_large",
                f"the message has {len(raw):,} bytes, {MAX_MESSAGE_BYTES:,} are allowed",
            )
        try:
            body = decode_json(raw)
        except MalformedJSON as error:
            raise _Refusal("invalid_json", str(error)) from None
        if not isinstance(body, dict):
            raise _Refusal("not_an_object", f"a message must be an object, not {_kind(body)}")
        return _message(body, origin, index, kind, shared)
    except _Refusal as refusal:
        known: dict[str, Any] = body if isinstance(body, dict) else {}
        return Rejected(
            code=refusal.code,
            detail=refusal.detail,
            body=raw[: 2 * MAX_MESSAGE_BYTES],
            source=origin.source,
            received_at=origin.received_at,
            message_id=_short(known.get("messageId")),
            type=_short(kind or known.get("type")),
            name=_short(known.get("event") or known.get("name")),
        )


def _message(
    body: dict[str, Any],
    origin: Origin,
    index: int,
    kind: str | None,
    shared: dict[str, Any] | None,
) -> Message:
    body.pop("writeKey", None)
    for alias, name in _ALIASES.items():
        if alias in body and name not in body:
            body[name] = body.pop(alias)
    type_ = kind or body.get("type")
    if type_ not in TYPES:
        raise _Refusal("unknown_type", f"type must be one of {', '.join(TYPES)}, not {type_!r:.60}")
    body["type"] = type_
    if shared:
        for key, value in shared.items():
            own = body.get(key)
            if own is None or own == []:
                body[key] = _copy(value)
            elif isinstance(own, dict):
                body[key] = {**_copy(value), **own}
    _check_objects(body)
    _check_ids(body, type_, origin.checked)
    message_id = _message_id(body, origin, index)
    received = origin.received_at
    if origin.checked:
        before = parse_time(body.get("receivedAt"))
        received = received if before is None else before
    t, client_t = _stamp(body, origin, received)
    _fill_context(body, origin)
    name = _name(body, type_)
    return Message(
        type=type_,
        name=name,
        message_id=message_id,
        source=origin.source,
        t=t,
        received_at=received,
        _body=body,
        live=origin.live and received - t <= HISTORICAL_AFTER_MS,
        client_t=client_t,
        json=_encode(body),  # now that all of it is in the processor's cache
    )


def _check_objects(body: dict[str, Any]) -> None:
    for key in ("context", "integrations", "properties", "traits"):
        value = body.get(key)
        if value is None:
            body.pop(key, None)
        elif value == []:  # how PHP writes an object without keys
            body[key] = {}
        elif not isinstance(value, dict):
            raise _Refusal("wrong_type", f"{key} must be an object, not {_kind(value)}")
        elif len(value) > MAX_KEYS:
            for extra in list(value)[MAX_KEYS:]:
                del value[extra]


def _check_ids(body: dict[str, Any], type_: str, checked: bool) -> None:
    for key in ("userId", "anonymousId", "groupId", "previousId"):
        value = body.get(key)
        if value is None:
            body.pop(key, None)
            continue
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise _Refusal("wrong_type", f"{key} must be a string, not {_kind(value)}")
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        text = str(value).strip()
        if len(text) > MAX_ID:
            raise _Refusal("id_too_long", f"{key} has {len(text)} characters, {MAX_ID} are allowed")
        if text:
            body[key] = text
        else:
            del body[key]
    if type_ == "alias":
        for key in ("userId", "previousId"):
            if key not in body:
                raise _Refusal("no_" + key, f"alias needs {key}")
    elif "userId" not in body and "anonymousId" not in body and not checked:
        raise _Refusal("no_user_anon_id", "the message has neither userId nor anonymousId")
    if type_ == "group" and "groupId" not in body:
        raise _Refusal("no_groupId", "group needs groupId")


def _message_id(body: dict[str, Any], origin: Origin, index: int) -> str:
    value = body.get("messageId")
    if value is None or value == "":
        value = f"{origin.ref}-{index}"
    elif isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    elif not isinstance(value, str):
        raise _Refusal("wrong_type", f"messageId must be a string, not {_kind(value)}")
    if len(value) > MAX_MESSAGE_ID:
        raise _Refusal(
            "messageId_too_long",
            f"messageId has {len(value)} characters, {MAX_MESSAGE_ID} are allowed",
        )
    body["messageId"] = value
    return value


def _stamp(body: dict[str, Any], origin: Origin, received: int) -> tuple[int, int | None]:
    """Correct the client's clock and write the four times into the body.

    ``timestamp = receivedAt - (sentAt - originalTimestamp)`` for what comes straight
    from a client. What is imported was not sent just now, and what has a
    ``receivedAt`` has been through a server that corrected it: their times stay.
    """
    own = body.get("timestamp")
    first = body.get("originalTimestamp")
    sent_value = body.get("sentAt")
    sent = parse_time(sent_value)
    if sent is None:
        sent_value = origin.sent_at
        sent = parse_time(sent_value)
    corrected = "receivedAt" in body and parse_time(body["receivedAt"]) is not None
    if own is None or (parse_time(own) is None and not corrected):
        own = own if first is None else first
    t = parse_time(own)
    original = t
    if corrected and (before := parse_time(first)) is not None:
        own, original = first, before
    if t is None:
        t = received
    elif sent is not None and origin.live and not corrected:
        t = received - (sent - t)
    if not MIN_MS <= t <= MAX_MS or t > received + MAX_FUTURE_MS:
        t = received
    body["originalTimestamp"] = _time_text(own, t if original is None else original)
    if sent is not None:
        body["sentAt"] = _time_text(sent_value, sent)
    else:
        body.pop("sentAt", None)
    body["timestamp"] = format_time(t)
    body["receivedAt"] = format_time(received)
    return t, original


def _time_text(value: Any, ms: int) -> str:
    """A text that the client wrote stays; epoch numbers and junk become ISO-8601."""
    if isinstance(value, str) and not value.isdigit() and parse_time(value) is not None:
        return value
    return format_time(min(max(ms, MIN_MS), MAX_MS))


def _fill_context(body: dict[str, Any], origin: Origin) -> None:
    context = body.setdefault("context", {})
    if origin.ip or origin.user_agent:
        library = context.get("library")
        name = library.get("name") if isinstance(library, dict) else None
        client_side = name in _NEAR or (origin.user_agent or "").startswith("Mozilla/")
        if client_side and origin.user_agent and "userAgent" not in context:
            context["userAgent"] = origin.user_agent
        if origin.ip and "ip" not in context and (client_side or context.get("direct") is True):
            context["ip"] = origin.ip
    if origin.truncate_ip and "ip" in context:
        shortened = truncated_ip(context["ip"])
        if shortened is None:
            del context["ip"]
        else:
            context["ip"] = shortened
    body.setdefault("integrations", {})


#: Libraries that run where the person is. Only for them, and for browsers, is the
#: connection's address the person's; a server's is not filled in.
_NEAR = frozenset(
    {
        "analytics.js",
        "@segment/analytics-next",
        "analytics-ios",
        "analytics-swift",
        "analytics-android",
        "analytics-kotlin",
        "analytics_flutter",
        "@segment/analytics-react-native",
        "pixel",
    }
)


def _name(body: dict[str, Any], type_: str) -> str:
    if type_ == "track":
        event = body.get("event")
        if isinstance(event, int | float) and not isinstance(event, bool):
            event = body["event"] = str(event)
        if not isinstance(event, str) or not event.strip():
            raise _Refusal("no_event", "track needs event, the name of what happened")
        return _clip(event)
    if type_ in ("page", "screen"):
        name = body.get("name")
        return _clip(name) if isinstance(name, str) else ""
    return ""


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def _clip(name: str) -> str:
    return name.strip()[:MAX_ID]


def _short(value: Any) -> str | None:
    return value[:MAX_MESSAGE_ID] if isinstance(value, str) else None


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean"}
    return "null" if value is None else names.get(type(value), "a number")
