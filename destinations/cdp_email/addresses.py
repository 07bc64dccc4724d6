"""Email addresses: read from text, written as the envelope and as headers want them."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

import idna

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_DOT_ATOM = re.compile(rf"{_ATEXT}+(\.{_ATEXT}+)*")
_DOTTED = re.compile(rf"(?:{_ATEXT}|\.)+")
_QUOTED = re.compile(r'"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])*"')
_DOMAIN = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class InvalidContent(ValueError):
    """A message that can't be written down: a bad address, a line break in a header."""


class Address(NamedTuple):
    """An address: ``name`` as people read it, ``domain`` in ASCII (IDNA)."""

    name: str
    local: str
    domain: str

    @property
    def spec(self) -> str:
        """``local@domain``, as the envelope has it."""
        return f"{self.local}@{self.domain}"

    @property
    def utf8(self) -> bool:
        """Whether a server must speak SMTPUTF8 to carry it."""
        return not self.local.isascii()


@lru_cache(maxsize=4096)
def parse(text: str) -> Address:
    """Read ``ana@example.org`` or ``Ana <ana@example.org>``; `InvalidContent` if it's neither."""
    shown = text if len(text) <= 100 else text[:100] + "…"
    if _CONTROL.search(text):
        raise InvalidContent(f"the address {shown!r} has a line break or control character")
    name, spec = "", text.strip()
    if spec.endswith(">"):
        name, _, spec = spec[:-1].rpartition("<")
        name, spec = _unquoted(" ".join(name.split())), spec.strip()
    local, at, domain = spec.rpartition("@")
    if not at or not local or not domain:
        raise InvalidContent(f"{shown!r} is no email address")
    return Address(name, _local(local, shown), domain_in_ascii(domain))


def _unquoted(name: str) -> str:
    if len(name) >= 2 and name[0] == name[-1] == '"':
        return re.sub(r"\\(.)", r"\1", name[1:-1])
    return name


def _local(local: str, shown: str) -> str:
    try:
        size = len(local.encode())
    except UnicodeEncodeError:
        raise InvalidContent(f"{shown!r} has characters that can't be written") from None
    if size > 64:
        raise InvalidContent(f"{shown!r}: more than 64 bytes before the @")
    if not local.isascii():
        if any(sign in local for sign in ' "<>(),:;@[\\]') or not local.isprintable():
            raise InvalidContent(f"{shown!r} is no email address")
        return local
    if _DOT_ATOM.fullmatch(local) or _QUOTED.fullmatch(local):
        return local
    if _DOTTED.fullmatch(local):  # dots side by side or at an end: old carriers gave these out
        return f'"{local}"'
    raise InvalidContent(f"{shown!r} is no email address")


@lru_cache(maxsize=4096)
def domain_in_ascii(domain: str) -> str:
    """The domain as DNS has it; `InvalidContent` if there can't be one of this name."""
    found = domain.rstrip(".").lower()
    if not found.isascii():
        try:
            found = idna.encode(found, uts46=True).decode()
        except idna.IDNAError as error:
            raise InvalidContent(f"{domain[:100]!r} is no domain: {error}") from None
    if len(found) > 253 or not _DOMAIN.fullmatch(found):
        raise InvalidContent(f"{domain[:100]!r} is no domain")
    return found
