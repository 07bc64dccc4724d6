"""Signed user tokens: JSON Web Tokens (RFC 7519) of the one kind HS256, and no other."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

#: A secret has at least as many bytes as the hash gives (RFC 7518, section 3.2).
SECRET_BYTES = 32
#: How far two clocks may be apart, in seconds.
LEEWAY_S = 60
#: How long a token may be good for, in seconds.
MOST_S = 31 * 86_400
_MOST_CHARACTERS = 4096
_HEADER = {"alg": "HS256", "typ": "JWT"}


class BadToken(ValueError):
    """A token that is not taken; the text says why and tells no secret."""


class Bearer(NamedTuple):
    """Who a token speaks for (an identifier's type and value), and until when, in s."""

    person: tuple[str, str]
    expires_at: float


def sign(secret: bytes, person: tuple[str, str], expires_at: int) -> str:
    """A token for a person, good until ``expires_at`` (seconds since 1970)."""
    type_, value = person
    payload: dict[str, Any] = {"sub": value, "exp": expires_at}
    if type_ != "user_id":
        payload["sub_type"] = type_
    parts = [_encode(json.dumps(part).encode()) for part in (_HEADER, payload)]
    content = ".".join(parts)
    return f"{content}.{_encode(_signature(secret, content))}"


def verify(secrets: Sequence[bytes], token: str, now: float) -> Bearer:
    """Whom a token speaks for; ``secrets`` are several while one is changed for another.

    Raises `BadToken`.
    """
    if not token or len(token) > _MOST_CHARACTERS or token.count(".") != 2:
        raise BadToken("there is no token" if not token else "this is no token")
    content, _, signed = token.rpartition(".")
    header, _, payload = content.partition(".")
    # The header is the sender's word: nothing but our own algorithm is ever tried.
    described = _object(header)
    if described.get("alg") != "HS256" or "crit" in described:
        raise BadToken("a token is signed with HS256")
    given = _bytes(signed)
    good = [hmac.compare_digest(given, _signature(secret, content)) for secret in secrets]
    if not any(good):
        raise BadToken("the token's signature is wrong")
    return _bearer(_object(payload), now)


def _bearer(claims: dict[str, Any], now: float) -> Bearer:
    subject, type_ = claims.get("sub"), claims.get("sub_type", "user_id")
    if not isinstance(subject, str) or not 0 < len(subject) <= 512:
        raise BadToken("the token has no `sub`, the id of the person as a text")
    if not isinstance(type_, str) or not 0 < len(type_) <= 64:
        raise BadToken("the token's `sub_type` is no type of identifier")
    expires = _moment(claims, "exp")
    if expires is None:
        raise BadToken("the token has no `exp`, when it ends in seconds since 1970")
    if expires <= now - LEEWAY_S:
        raise BadToken("the token has expired")
    if expires > now + MOST_S + LEEWAY_S:
        raise BadToken(f"the token is good for more than {MOST_S // 86_400} days")
    begins = _moment(claims, "nbf")
    if begins is not None and begins > now + LEEWAY_S:
        raise BadToken("the token is not good yet")
    return Bearer((type_, subject), expires)


def _moment(claims: dict[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e12:
        raise BadToken(f"the token's `{name}` is no time in seconds since 1970")
    return float(value)


def _signature(secret: bytes, content: str) -> bytes:
    return hmac.digest(secret, content.encode(), "sha256")


def _object(part: str) -> dict[str, Any]:
    try:
        found = json.loads(_bytes(part))
    except (ValueError, RecursionError):
        raise BadToken("this is no token") from None
    if not isinstance(found, dict):
        raise BadToken("this is no token")
    return found


def _bytes(part: str) -> bytes:
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BadToken("this is no token") from None


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
