"""Cursors: opaque places in a listing."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

_TEXT = "next is not a cursor of this API"
_BIG = 2**63


class BadCursor(ValueError):
    """A cursor that we did not give."""


def encode(*parts: int | str) -> str:
    """An opaque text that stands for ``parts``."""
    raw = msgspec.json.encode(parts)
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode(text: str, *types: type) -> list[Any]:
    """The parts of a cursor, which must be of ``types``; numbers fit into 64 bits."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        parts = msgspec.json.decode(raw)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise BadCursor(_TEXT) from None
    if not isinstance(parts, list) or len(parts) != len(types):
        raise BadCursor(_TEXT)
    found: list[Any] = parts
    for part, type_ in zip(found, types, strict=True):
        if type(part) is not type_:
            raise BadCursor(_TEXT)
        if isinstance(part, int) and not -_BIG <= part < _BIG:
            raise BadCursor(_TEXT)
    return found


def decode_place(text: str) -> int:
    """A place of a list that is counted from 0, or a number from 0 on."""
    found: int = decode(text, int)[0]
    if found < 0:
        raise BadCursor(_TEXT)
    return found
