"""JSON as clients really send it."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec

_decoder = msgspec.json.Decoder()

#: Deeper than any SDK nests; keeps every later walk within Python's stack.
MAX_DEPTH = 64


class MalformedJSON(ValueError):
    """The text is not JSON, or holds what no later stage can keep."""


def decode_json(raw: bytes) -> Any:
    """Decode JSON, forgiving what browsers produce.

    ``JSON.stringify`` writes half of a cut emoji as a lone ``\\ud83d``; such
    halves become U+FFFD. Raises `MalformedJSON` for text that is not JSON, for
    numbers beyond a double, and for nesting deeper than `MAX_DEPTH`.
    """
    try:
        value = _decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        if isinstance(error, RecursionError):
            raise MalformedJSON("nested too deeply") from None
        value = _decode_slowly(raw, error)
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise MalformedJSON(f"nested deeper than {MAX_DEPTH} levels")
    return value


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


def _decode_slowly(raw: bytes, first: Exception) -> Any:
    try:
        value = json.loads(raw.decode(), parse_constant=_no_constant, parse_float=_float)
        return _mend(value)
    except RecursionError:
        raise MalformedJSON("nested too deeply") from None
    except MalformedJSON:
        raise
    except ValueError:
        raise MalformedJSON(str(first)) from None


def _no_constant(name: str) -> Any:
    raise MalformedJSON(f"{name} is not JSON")


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise MalformedJSON(f"the number {text[:20]} is out of range")
    return value


def _mend(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_mend(item) for item in value]
    if isinstance(value, dict):
        return {_mend(key): _mend(item) for key, item in value.items()}
    return value
