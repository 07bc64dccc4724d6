"""Signatures that several providers put on their webhooks."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

#: Seconds that a signed request may be old, or its clock ahead.
FRESH_S = 300


def jwt_claims(token: str, key: bytes) -> dict[str, Any] | None:
    """The claims of a JWT that ``key`` signed with HS256; None if it did not, or not now."""
    try:
        head, body, signature = token.strip().split(".")
        if json.loads(_decoded(head)).get("alg") != "HS256":
            return None
        expected = hmac.digest(key, f"{head}.{body}".encode(), "sha256")
        if not key or not hmac.compare_digest(expected, _decoded(signature)):
            return None
        claims = json.loads(_decoded(body))
    except (ValueError, AttributeError, binascii.Error):
        return None
    if not isinstance(claims, dict):
        return None
    now = time.time()
    late, early = claims.get("exp"), claims.get("nbf")
    issued = claims.get("iat")
    if isinstance(late, int | float) and late < now:
        return None
    if isinstance(early, int | float) and early > now + FRESH_S:
        return None
    if late is None and not (isinstance(issued, int | float) and abs(now - issued) < FRESH_S):
        return None
    return claims


def standard(headers: Mapping[str, str], body: bytes, secrets: str) -> bool:
    """Whether one of ``secrets`` (whsec_…) signed it as Standard Webhooks prescribes."""
    id_, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not id_ or not fresh(at):
        return False
    given = headers.get("webhook-signature", "").split()
    for secret in secrets.split():
        try:
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            continue
        signed = hmac.digest(key, f"{id_}.{at}.".encode() + body, "sha256")
        expected = "v1," + base64.b64encode(signed).decode()
        if key and any(equal(part, expected) for part in given):
            return True
    return False


def fresh(timestamp: str) -> bool:
    """Whether ``timestamp`` in seconds is about now: older requests may be repeated ones."""
    try:
        return abs(time.time() - float(timestamp)) <= FRESH_S
    except ValueError:
        return False


def equal(given: str, expected: str) -> bool:
    """Compared in a time that tells nothing; an empty ``expected`` equals nothing."""
    return bool(expected) and hmac.compare_digest(given.encode(), expected.encode())


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
