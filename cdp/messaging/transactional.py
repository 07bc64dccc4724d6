"""Reading the body of a transactional send (customer.io: App API, sends)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, NamedTuple

from cdp.messaging.request import Flag

#: Addresses over to, cc and bcc; bytes of all attachments; bytes of the data for the template.
MAX_ADDRESSES, MAX_ATTACHED, MAX_DATA = 15, 2_000_000, 1_000_000
#: How far ahead a message may be scheduled, in ms.
MAX_AHEAD_MS = 90 * 86_400_000

#: From the API's names of a channel's fields to those of our templates.
_CONTENT: dict[str, dict[str, str]] = {
    "email": {
        "from": "from", "subject": "subject", "body": "body", "body_plain": "text",
        "body_amp": "amp", "reply_to": "reply_to", "cc": "cc", "bcc": "bcc",
        "preheader": "preheader", "headers": "headers", "attachments": "attachments",
    },
    "push": {
        "title": "title", "message": "body", "image_url": "image", "link": "link",
        "sound": "sound", "custom_data": "data", "custom_payload": "custom",
    },
    "sms": {"body": "body", "from": "from", "media": "media"},
    "in_app": {"title": "title", "body": "body"},
}  # fmt: skip
_COMMON = {
    "transactional_message_id", "identifiers", "message_data", "send_at", "language",
    "queue_draft", "disable_message_retention", "to", "send_to_unsubscribed", "tracked",
    "disable_css_preprocessing", "auto_create", "fake_bcc", "custom_device", "options",
}  # fmt: skip
CHANNELS = tuple(_CONTENT)


class BadSend(ValueError):
    """A body that is not taken; the text names the field."""


class Send(NamedTuple):
    """What a body asks for. ``person`` is (type, value) of an identifier; ``id``: a user_id.

    ``due_at`` in ms since 1970, 0: now. ``data`` as in `Request`.
    """

    person: tuple[str, str]
    template: str | None
    to: str | None
    flags: Flag
    due_at: int
    draft: bool
    data: dict[str, Any]


def read_send(channel: str, body: Any, now: int) -> Send:
    """The send that ``body`` asks for; `BadSend` says what is wrong and where."""
    if not isinstance(body, Mapping):
        raise BadSend("the body must be a JSON object")
    unknown = sorted(set(body) - _COMMON - set(_CONTENT[channel]))
    if unknown:
        there = ", ".join(sorted(_COMMON | set(_CONTENT[channel])))
        raise BadSend(f"{unknown[0]}: a send of {channel} has no such field; there are {there}")
    content = _content(channel, body)
    template = body.get("transactional_message_id")
    if template is not None and (isinstance(template, bool) or not isinstance(template, str | int)):
        raise BadSend("transactional_message_id: it must be a number or a text")
    if template is None and not content:
        raise BadSend("transactional_message_id: name a template, or send the content along")
    if template is None and channel == "email":
        for needed in ("subject", "body"):
            if needed not in content:
                raise BadSend(f"{needed}: without a template it is needed")
    trigger = body.get("message_data") or {}
    if not isinstance(trigger, Mapping):
        raise BadSend("message_data: it must be an object")
    to = body.get("to")
    if to is not None and (not isinstance(to, str) or not to.strip() or "\n" in to or "\r" in to):
        raise BadSend("to: it must be one line of text")
    if isinstance(body.get("custom_device"), Mapping):
        to = str(body["custom_device"].get("token") or to or "") or None
        content["platform"] = str(body["custom_device"].get("platform") or "android")
    if channel == "push" and to in ("all", "last_used"):
        to = None
    _count(to, content)
    data: dict[str, Any] = {"trigger": dict(trigger)}
    if content:
        data["content"] = content
    if body.get("language"):
        data["language"] = str(body["language"])
    if isinstance(body.get("options"), Mapping):
        data["options"] = dict(body["options"])
    return Send(
        _person(body.get("identifiers")),
        str(template) if template is not None else None,
        to.strip() if to else None,
        _flags(body),
        _when(body.get("send_at"), now),
        _yes(body, "queue_draft"),
        data,
    )


def _content(channel: str, body: Mapping[str, Any]) -> dict[str, Any]:
    names = _CONTENT[channel]
    found = {names[name]: value for name, value in body.items() if name in names}
    found = {name: value for name, value in found.items() if value not in (None, "", {}, [])}
    for name, value in found.items():
        if name in ("headers", "data", "custom", "attachments"):
            if not isinstance(value, Mapping):
                raise BadSend(f"{name}: it must be an object")
        elif name in ("cc", "bcc", "media"):
            if not isinstance(value, str | list):
                raise BadSend(f"{name}: it must be a text")
        elif not isinstance(value, str):
            raise BadSend(f"{name}: it must be a text")
    for name, value in (found.get("headers") or {}).items():
        if not isinstance(value, str) or any(c in f"{name}{value}" for c in "\r\n\0"):
            raise BadSend(f"headers: {name!r:.60} must be one line of text")
    if "body" in found and channel == "email":
        found.setdefault("format", "html")
    _attachments(found.get("attachments") or {})
    return found


def _attachments(given: Mapping[str, Any]) -> None:
    size = 0
    for name, text in given.items():
        try:
            size += len(base64.b64decode(text, validate=True))
        except (binascii.Error, TypeError, ValueError):
            raise BadSend(f"attachments: {name!r:.60} is not base64") from None
    if size > MAX_ATTACHED:
        raise BadSend(
            f"attachments: together they have {size:,} bytes, {MAX_ATTACHED:,} are allowed"
        )


def _count(to: str | None, content: Mapping[str, Any]) -> None:
    count = 0
    for value in (to, content.get("cc"), content.get("bcc")):
        if value:
            count += len(value) if isinstance(value, list) else value.count(",") + 1
    if count > MAX_ADDRESSES:
        raise BadSend(f"to: {count} addresses with cc and bcc, {MAX_ADDRESSES} are allowed")


def _person(given: Any) -> tuple[str, str]:
    if not isinstance(given, Mapping):
        raise BadSend('identifiers: name the person, as {"id": …} or {"email": …}')
    named = {key: value for key, value in given.items() if value not in (None, "")}
    known = {"id": "user_id", "email": "email", "cio_id": "segment_id"}
    if len(named) != 1 or not set(named) <= set(known):
        raise BadSend("identifiers: give exactly one of id, email and cio_id")
    name, value = next(iter(named.items()))
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadSend(f"identifiers: {name} must be a text")
    return known[name], str(value)


def _flags(body: Mapping[str, Any]) -> Flag:
    # What somebody has just asked for (a receipt, a password) goes to everybody.
    flags = Flag.UNLIMITED
    if _yes(body, "send_to_unsubscribed", True):
        flags |= Flag.TO_UNSUBSCRIBED
    if not _yes(body, "tracked", True):
        flags |= Flag.UNTRACKED
    if _yes(body, "disable_message_retention"):
        flags |= Flag.NO_COPY
    return flags


def _yes(body: Mapping[str, Any], name: str, default: bool = False) -> bool:
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise BadSend(f"{name}: it must be true or false")
    return value


def _when(value: Any, now: int) -> int:
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise BadSend("send_at: it must be seconds since 1970")
    at = int(value * 1000)
    if at > now + MAX_AHEAD_MS:
        raise BadSend("send_at: at most 90 days ahead")
    return at if at > now else 0
