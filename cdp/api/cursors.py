"""Cursors: opaque places in a listing."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec


class BadCursor(ValueError):
    """A cursor that we did not give."""


def encode(*parts: int | str) -> str:
    """An opaque text that stands for ``parts``."""
    raw = msgspec.json.encode(parts)
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode(text: str, *types: type) -> list[Any]:
    """The parts of a cursor, which must be of ``types``."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        parts = msgspec.json.decode(raw)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise BadCursor("next is not a cursor of this API") from None
    wrong = not isinstance(parts, list) or len(parts) != len(types)
    if wrong or any(type(part) is not type_ for part, type_ in zip(parts, types, strict=True)):
        raise BadCursor("next is not a cursor of this API")
    found: list[Any] = parts
    return found
