"""Making write keys and API tokens."""

from __future__ import annotations

import secrets

_LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def new_write_key() -> str:
    """A random write key of 32 letters, as Segment's are."""
    return "".join(secrets.choice(_LETTERS) for _ in range(32))


def new_token() -> str:
    """A random API token."""
    return "hwt_" + secrets.token_urlsafe(32)


def new_space_id() -> str:
    """A random name for a space, which is no secret."""
    return secrets.token_hex(6)
