"""Which addresses a destination may call."""

from __future__ import annotations

import socket
import threading
import time
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from cdp.plugin.errors import Reject, Retry

RESOLVE_S = 30.0

#: Beyond what `is_global` knows: NAT64 can lead to any IPv4 address inside.
_NAT64 = ip_network("64:ff9b::/96")
#: A network's own NAT64; site-local addresses, which older systems still route; IETF
#: protocol assignments, among them a cloud's metadata service.
_INSIDE = tuple(ip_network(net) for net in ("64:ff9b:1::/48", "fec0::/10", "192.0.0.0/24"))


class Forbidden(Reject):
    """The address lies inside our own network, and settings don't allow that."""


class Guard:
    """Resolves hosts and lets only public addresses pass, unless ``allow_private``.

    A connection is made to the address that was checked, so a name that changes its
    mind between the check and the call gains nothing.
    """

    def __init__(self, allow_private: bool = False) -> None:
        self.allow_private = allow_private
        self._known: dict[tuple[str, int], tuple[float, list[str]]] = {}
        self._lock = threading.Lock()

    def check_url(self, url: str) -> None:
        """Raise `Forbidden` for what is no http(s) address or lies inside."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Forbidden(f"{url[:200]!r} is no http or https address")
        self.addresses(parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))

    def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of ``host`` that may be called; `Forbidden` if there are none."""
        now = time.monotonic()
        with self._lock:
            held = self._known.get((host, port))
        if held is not None and held[0] > now:
            return held[1]
        found = resolve(host, port)
        allowed = [item for item in found if self.allow_private or is_public(item)]
        if not allowed:
            raise Forbidden(
                f"{host} has the internal address {found[0]}, which destinations may not call "
                "(CDP_ALLOW_PRIVATE_ADDRESSES=1 allows it for development)"
            )
        with self._lock:
            self._known[(host, port)] = (now + RESOLVE_S, allowed)
        return allowed


def resolve(host: str, port: int) -> list[str]:
    """All addresses of ``host``. `Retry` if its name can't be resolved just now."""
    try:
        rows = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Retry(f"{host} can't be resolved: {error}") from None
    return list(dict.fromkeys(str(row[4][0]) for row in rows))


def is_public(address: str) -> bool:
    """Whether ``address`` is one of the open internet."""
    found: IPv4Address | IPv6Address = ip_address(address.split("%")[0])
    if isinstance(found, IPv6Address):
        if found in _NAT64:
            found = IPv4Address(int(found) & 0xFFFFFFFF)
        else:
            inner = found.ipv4_mapped or found.sixtofour
            if inner is not None:
                found = inner
    if any(found in network for network in _INSIDE):
        return False
    return found.is_global and not found.is_multicast and not found.is_reserved
