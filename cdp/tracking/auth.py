"""Which source a request belongs to (segment.com: authentication)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
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
        value = value.strip().rstrip("=")
        text = base64.b64decode(value + "=" * (-len(value) % 4)).decode()
    except (binascii.Error, ValueError):
        return _NONE
    key = text.partition(":")[0].strip()
    return Credentials(key or None)


def write_keys_of(environ: dict[str, Any], in_body: Any) -> Iterator[str]:
    """The write keys that a request names: in the header, the body, the query.

    There may be several: analytics.js sends two, and a proxy's own Basic credentials
    may stand before the body's key.
    """
    header = environ.get("HTTP_AUTHORIZATION")
    if header:
        found = credentials_of(header)
        if found.write_key:
            yield found.write_key
    if isinstance(in_body, str) and in_body:
        yield in_body.strip()
    query = environ.get("QUERY_STRING")
    if query and "writeKey" in query:
        yield from parse_qs(query).get("writeKey", ())
