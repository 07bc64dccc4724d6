"""Whose address a request comes from."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Any


def client_address(trusted: tuple[str, ...]) -> Callable[[dict[str, Any]], str | None]:
    """A function that finds a request's address; ``trusted`` proxies may name another.

    Segment fills ``context.ip`` with IPv4 only, so other addresses give None.
    """
    networks = [ip_network(item, strict=False) for item in trusted]

    def believed(address: str) -> bool:
        try:
            found = ip_address(address)
        except ValueError:
            return False
        return any(found.version == n.version and found in n for n in networks)

    def find(environ: dict[str, Any]) -> str | None:
        address: str = environ.get("REMOTE_ADDR", "")
        if networks and believed(address):
            # The nearest hop that is none of our proxies is the client.
            hops = environ.get("HTTP_X_FORWARDED_FOR", "").split(",")
            for hop in reversed([h.strip() for h in hops if h.strip()]):
                address = hop
                if not believed(hop):
                    break
        return _version_4(address)

    return find


def _version_4(address: str) -> str | None:
    if address.startswith("127.") or (address.count(".") == 3 and ":" not in address):
        return address
    try:
        found = ip_address(address)
    except ValueError:
        return None
    mapped = getattr(found, "ipv4_mapped", None)
    if isinstance(mapped, IPv4Address):
        return str(mapped)
    return None
