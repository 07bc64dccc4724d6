"""The addresses in a message that lead to us."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from cdp.messaging.names import MAX_URL, signed_link


class Addresses(NamedTuple):
    """The addresses of one delivery, by its public name; ``base`` has no slash at its end."""

    base: str
    keys: Sequence[str]
    name: str

    @property
    def unsubscribe(self) -> str:
        """A page that asks; a POST of ``List-Unsubscribe=One-Click`` acts (RFC 8058)."""
        return f"{self.base}/unsubscribe/{self.name}"

    @property
    def preferences(self) -> str:
        """Where the person says what they want."""
        return f"{self.base}/preferences/{self.name}"

    @property
    def view(self) -> str:
        """The message in a browser."""
        return f"{self.base}/view/{self.name}"

    @property
    def pixel(self) -> str:
        """The image that tells of an opening."""
        return f"{self.base}/e/o/{self.name}.gif"

    def counted(self, url: str) -> str:
        """A link that counts the click and leads to ``url``; what can't be followed stays."""
        parts = urlsplit(url.strip())
        if parts.scheme not in ("http", "https") or not parts.netloc or len(url) > MAX_URL:
            return url
        return f"{self.base}/e/c/{signed_link(self.keys, self.name, url.strip())}"


def rewriter(addresses: Addresses) -> Callable[[str], str]:
    """What turns the links of a message into ones that count; our own stay as they are."""
    own = (addresses.unsubscribe, addresses.preferences, addresses.view)

    def rewrite(url: str) -> str:
        return url if url in own else addresses.counted(url)

    return rewrite
