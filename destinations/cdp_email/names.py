"""The name that a message carries on its way, signed so that what comes back can be believed.

Bounces, complaints and replies come by mail, which anybody can write. So the name of a
delivery in the return path, the ``Message-ID`` and ``X-Headwater-Delivery`` ends with a
short signature; what doesn't have a right one is not believed.
"""

from __future__ import annotations

import base64
import hmac
import re

HEADER = "X-Headwater-Delivery"

#: What MTAs that write local parts in lower case leave as it is.
_PLAIN = re.compile(r"[a-z0-9_-]{1,32}")
_SIGNED = re.compile(r"[a-z0-9_-]+-[a-z2-7]{10}")


class Names:
    """Signs ids of deliveries with the first of ``keys`` and knows them by any.

    Without keys nothing is signed, and nothing that comes back is believed.
    """

    def __init__(self, keys: list[str]) -> None:
        self._keys = [key.encode() for key in keys]

    def sign(self, delivery: str) -> str:
        """The name of a delivery: lower-case letters, digits, ``-`` and ``_``."""
        plain = delivery
        if not _PLAIN.fullmatch(plain) or plain.startswith("x-"):
            plain = "x-" + base64.b32encode(delivery.encode()).decode().rstrip("=").lower()
        return f"{plain}-{_mac(self._keys[0], plain)}" if self._keys else plain

    def read(self, name: str) -> str | None:
        """The delivery that ``name`` was made for; None if we didn't make it."""
        name = name.strip().lower()
        if not _SIGNED.fullmatch(name):
            return None
        plain, _, mac = name.rpartition("-")
        if not any(hmac.compare_digest(_mac(key, plain), mac) for key in self._keys):
            return None
        if not plain.startswith("x-"):
            return plain
        text = plain[2:].upper()
        return base64.b32decode(text + "=" * (-len(text) % 8)).decode()


def _mac(key: bytes, plain: str) -> str:
    digest = hmac.digest(key, b"delivery:" + plain.encode(), "sha256")
    return base64.b32encode(digest)[:10].decode().lower()
