"""IP addresses that say where somebody is, and no longer who."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from typing import Any


def truncated_ip(value: Any) -> str | None:
    """``value`` without its last octet (IPv4) or last 80 bits (IPv6); None if it is none.

    >>> truncated_ip("203.0.113.9")
    '203.0.113.0'
    >>> truncated_ip("2001:db8:85a3::8a2e:370:7334")
    '2001:db8:85a3::'
    """
    try:
        address = ip_address(str(value).strip().partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if isinstance(address, IPv6Address):
        return str(IPv6Address(int(address) >> 80 << 80))
    return str(ip_address(int(address) >> 8 << 8))
