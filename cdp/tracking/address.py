"""Whose address a request comes from, and by which address it reached us."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

_HOST = re.compile(r"[A-Za-z0-9._\-\[\]:]+")


class Hops:
    """The way of a request, proxies in ``trusted`` (addresses or networks) believed."""

    def __init__(self, trusted: Iterable[str]) -> None:
        self._networks = [ip_network(item, strict=False) for item in trusted]

    def client(self, environ: dict[str, Any]) -> str | None:
        """The client's address; None if it isn't IPv4, as Segment fills in no others."""
        return _version_4(self.remote(environ))

    def remote(self, environ: dict[str, Any]) -> str:
        """The client's address, of any kind."""
        address: str = environ.get("REMOTE_ADDR", "")
        if self._networks and self._believed(address):
            # The nearest hop that is none of our proxies is the client.
            hops = environ.get("HTTP_X_FORWARDED_FOR", "").split(",")
            for hop in reversed([h.strip() for h in hops if h.strip()]):
                address = hop.partition(":")[0] if hop.count(":") == 1 else hop
                if not self._believed(address):
                    break
        return address

    def base(self, environ: dict[str, Any]) -> str:
        """Our scheme, host and port as the client sees them."""
        scheme, host = environ["wsgi.url_scheme"], environ.get("HTTP_HOST", "")
        if self._networks and self._believed(environ.get("REMOTE_ADDR", "")):
            scheme = _first(environ, "HTTP_X_FORWARDED_PROTO") or scheme
            host = _first(environ, "HTTP_X_FORWARDED_HOST") or host
        if not _HOST.fullmatch(host):
            host = f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
        return f"{'https' if scheme.lower() == 'https' else 'http'}://{host}"

    def _believed(self, address: str) -> bool:
        return _within(address, tuple(self._networks))


def _first(environ: dict[str, Any], header: str) -> str:
    value: str = environ.get(header, "")
    return value.partition(",")[0].strip()


@lru_cache(maxsize=4096)
def _within(address: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return any(found.version == n.version and found in n for n in networks)


@lru_cache(maxsize=4096)
def _version_4(address: str) -> str | None:
    try:
        found = ip_address(address)
    except ValueError:
        return None
    if isinstance(found, IPv4Address):
        return str(found)
    return str(found.ipv4_mapped) if found.ipv4_mapped else None
