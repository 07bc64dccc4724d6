"""What we sign: the public names of deliveries, and links that lead through us.

``keys`` are secrets, the newest first: it signs, and all of them verify, so that a key can
be changed while links made with the one before still work.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence

_NAME_BYTES, _LINK_BYTES = 8, 12
#: Characters of an address that a link may lead to.
MAX_URL = 4000


def delivery_name(keys: Sequence[str], number: int) -> str:
    """The public id of a delivery: its number, signed; letters and digits. None can be guessed."""
    data = number.to_bytes(8, "big").lstrip(b"\0")
    return _text(_signature(keys[0], b"delivery", data, _NAME_BYTES) + data)


def delivery_number(keys: Sequence[str], name: str) -> int | None:
    """The number in a public id; None if we have never given that one out."""
    packed = _bytes(name)
    signature, data = packed[:_NAME_BYTES], packed[_NAME_BYTES:]
    if not 0 < len(data) <= 8 or not _verifies(keys, b"delivery", data, signature):
        return None
    return int.from_bytes(data, "big")


def signed_link(keys: Sequence[str], name: str, url: str) -> str:
    """The end of an address that counts a click of delivery ``name`` and leads to ``url``."""
    data = f"{name}\0{url}".encode()
    address = base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")
    return f"{name}/{_text(_signature(keys[0], b'link', data, _LINK_BYTES))}/{address}"


def linked_url(keys: Sequence[str], name: str, signature: str, address: str) -> str | None:
    """Where a link leads; None if it isn't one that we have made for this delivery."""
    try:
        url = base64.urlsafe_b64decode(address + "=" * (-len(address) % 4)).decode()
    except ValueError:
        return None
    data = f"{name}\0{url}".encode()
    return url if _verifies(keys, b"link", data, _bytes(signature)) else None


def _verifies(keys: Sequence[str], purpose: bytes, data: bytes, signature: bytes) -> bool:
    # All are tried, so that the time says nothing of which it was.
    matches = [
        hmac.compare_digest(signature, _signature(key, purpose, data, len(signature)))
        for key in keys
    ]
    right = _NAME_BYTES if purpose == b"delivery" else _LINK_BYTES
    return len(signature) == right and any(matches)


def _signature(key: str, purpose: bytes, data: bytes, size: int) -> bytes:
    return hmac.digest(key.encode(), purpose + b"\0" + data, "sha256")[:size]


def _text(data: bytes) -> str:
    return base64.b32encode(data).decode().rstrip("=").lower()


def _bytes(text: str) -> bytes:
    try:
        return base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except ValueError:
        return b""


def signed_text(keys: Sequence[str], purpose: str, text: str) -> str:
    """A text that can be given out and taken back; letters and digits."""
    data = text.encode()
    return _text(_signature(keys[0], purpose.encode(), data, _LINK_BYTES) + data)


def text_in(keys: Sequence[str], purpose: str, signed: str) -> str | None:
    """The text in what `signed_text` gave out for ``purpose``; None if it isn't one."""
    packed = _bytes(signed)
    signature, data = packed[:_LINK_BYTES], packed[_LINK_BYTES:]
    if not _verifies(keys, purpose.encode(), data, signature):
        return None
    return data.decode()
