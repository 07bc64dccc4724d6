"""Signatures as Standard Webhooks prescribes (standardwebhooks.com, "Signature scheme")."""

from __future__ import annotations

import base64
import binascii
import hmac

PREFIX = "whsec_"


def key_of(secret: str) -> bytes:
    """The key's bytes of ``whsec_<base64>``; ValueError if it is not that."""
    text = secret.removeprefix(PREFIX)
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"a secret is {PREFIX} and base64: {error}") from None
    if not 24 <= len(key) <= 64:
        raise ValueError(f"a secret has 24 to 64 bytes, this one {len(key)}")
    return key


def signature(keys: list[bytes], id_: str, timestamp: int, body: bytes) -> str:
    """The ``webhook-signature``: one ``v1,…`` a key, for receivers that are changing keys."""
    content = f"{id_}.{timestamp}.".encode() + body
    parts = [hmac.digest(key, content, "sha256") for key in keys]
    return " ".join("v1," + base64.b64encode(part).decode() for part in parts)
