"""The pixel: a message in the query of an image's address (segment.com: pixel)."""

from __future__ import annotations

import base64
import binascii
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from cdp.events import MalformedJSON, decode_json
from cdp.tracking.body import BadBody

#: Keys whose plain query values are objects: ``properties.total=3``.
_OBJECTS = ("properties", "traits", "context", "integrations")


def message_of(query: str) -> tuple[bytes, Any]:
    """The message in a query and its write key.

    Either ``data`` is base64 (URL-safe or not, padded or not) of JSON, or the keys
    stand in the query itself, with dots for objects. Raises `BadBody`.
    """
    pairs = dict(parse_qsl(query, keep_blank_values=True))
    data = pairs.get("data")
    if data is not None:
        body = _decode(data)
    else:
        body = {}
        for key, value in pairs.items():
            _put(body, key, value)
    if not isinstance(body, dict):
        raise BadBody("not_an_object", "data must be a JSON object", query.encode())
    write_key = body.get("writeKey") or pairs.get("writeKey")
    context = body.setdefault("context", {})
    if isinstance(context, dict):
        context.setdefault("library", {"name": "pixel"})
    return msgspec.json.encode(body), write_key


def _decode(data: str) -> Any:
    text = data.strip().replace(" ", "+").replace("-", "+").replace("_", "/").rstrip("=")
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        raw.decode()
        return decode_json(raw)
    except (binascii.Error, ValueError, MalformedJSON) as error:
        raise BadBody(
            "invalid_data", f"data is not base64 of JSON: {error}", data.encode()
        ) from None


def _put(body: dict[str, Any], key: str, value: str) -> None:
    head, *rest = key.split(".")
    if not rest or head not in _OBJECTS or len(rest) > 8:
        body[key] = value
        return
    inner = body.setdefault(head, {})
    for part in rest[:-1]:
        if not isinstance(inner, dict):
            return
        inner = inner.setdefault(part, {})
    if isinstance(inner, dict):
        inner[rest[-1]] = value
