"""Which source a request belongs to (segment.com: authentication)."""

from __future__ import annotations

import base64
import binascii
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qs


class Credentials(NamedTuple):
    """What the Authorization header says: a write key, or a bearer's token."""

    write_key: str | None
    bearer: bool = False


_NONE = Credentials(None)


@lru_cache(maxsize=4096)
def credentials_of(header: str) -> Credentials:
    """Read an Authorization header.

    Basic has the write key as the user, with or without a colon behind it. A
    bearer's write key is in the body.
    """
    scheme, _, value = header.strip().partition(" ")
    if scheme.casefold() == "bearer":
        return Credentials(None, True)
    if scheme.casefold() != "basic":
        return _NONE
    try:
        text = base64.b64decode(value.strip(), validate=False).decode()
    except (binascii.Error, ValueError):
        return _NONE
    key = text.partition(":")[0].strip()
    return Credentials(key or None)


def write_key_of(environ: dict[str, Any], in_body: Any) -> str | None:
    """The write key of a request: the header's, else the body's, else the query's."""
    header = environ.get("HTTP_AUTHORIZATION")
    if header:
        found = credentials_of(header)
        if found.write_key:
            return found.write_key
    if isinstance(in_body, str) and in_body:
        return in_body.strip()
    query = environ.get("QUERY_STRING")
    if query and "writeKey" in query:
        values = parse_qs(query).get("writeKey")
        return values[0] if values else None
    return None
