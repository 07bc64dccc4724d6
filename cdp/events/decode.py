"""JSON as clients really send it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_decoder = msgspec.json.Decoder()

#: Deeper than any SDK nests; keeps every later walk within Python's stack.
MAX_DEPTH = 64

#: Any escape; the group is half of a surrogate pair without its other half.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


class MalformedJSON(ValueError):
    """The text is not JSON, or holds what no later stage can keep."""


def decode_json(raw: bytes) -> Any:
    """Decode JSON, forgiving what browsers produce.

    ``JSON.stringify`` writes half of a cut emoji as a lone ``\\ud83d``; such
    halves become U+FFFD. NULs, which Postgres can't keep in text, are taken out.
    Of a key that comes twice the last value stays. Raises `MalformedJSON` for text
    that is not JSON, for numbers beyond a double, and for nesting deeper than
    `MAX_DEPTH`.
    """
    try:
        value = _decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        value = _decode_slowly(raw)
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise MalformedJSON(f"nested deeper than {MAX_DEPTH} levels")
    return _without_nul(value) if b"\\u0000" in raw else value


def decode_mending(decode: Callable[[bytes], T], raw: bytes) -> T:
    """Decode by msgspec, lone surrogates mended; its other errors become `MalformedJSON`.

    `msgspec.ValidationError`, for what is JSON but has the wrong shape, passes.
    """
    try:
        try:
            return decode(raw)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            mended = _ESCAPE.sub(_mend, raw)
            if mended == raw:
                raise
            return decode(mended)
    except RecursionError:
        raise MalformedJSON("nested too deeply") from None
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedJSON(str(error)) from None


def _decode_slowly(raw: bytes) -> Any:
    try:
        return decode_mending(_decoder.decode, raw)
    except msgspec.ValidationError as error:  # the one thing it says of untyped values
        raise MalformedJSON(str(error).split(" - at")[0]) from None


def _mend(found: re.Match[bytes]) -> bytes:
    return found[0] if found[1] is None else rb"\ufffd"


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inner.extend(v for v in item.values() if isinstance(v, dict | list))
            elif isinstance(item, list):
                inner.extend(v for v in item if isinstance(v, dict | list))
        level = inner
    return depth


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    if isinstance(value, dict):
        return {key.replace("\0", ""): _without_nul(item) for key, item in value.items()}
    return value
