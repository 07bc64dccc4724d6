"""Header lines: folded, and encoded where they aren't ASCII (RFC 5322, 2047, 2231)."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote

from cdp_email.addresses import Address, InvalidContent

#: A line should be no longer than this; 998 is what no line may pass.
WIDTH, LIMIT = 76, 998

_NAME = re.compile(r"[!-9;-~]{1,70}")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")
#: What stands for itself in an encoded word, in phrases too.
_Q_SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
_TOKEN = re.compile(r"[A-Za-z0-9!#$&+^_`{}~.-]+")


def check(name: str, value: str) -> None:
    """`InvalidContent` if ``value`` could end the header ``name`` and begin another."""
    if not _NAME.fullmatch(name):
        raise InvalidContent(f"{name[:70]!r} is no name of a header")
    if _CONTROL.search(value):
        raise InvalidContent(f"{name} has a line break or control character in it")


@lru_cache(maxsize=1024)
def text_line(name: str, value: str) -> bytes:
    """A header of free text, such as ``Subject``."""
    check(name, value)
    if value.isascii() and "=?" not in value and value == " ".join(value.split()):
        if len(name) + len(value) + 2 <= WIDTH:
            return f"{name}: {value}".encode()
        if len(max(value.split(" "), key=len)) < WIDTH:
            return fold(name, value)
    return fold(name, " ".join(encoded_words(value, WIDTH - 2 - len(name))))


def exact_line(name: str, value: str) -> bytes:
    """A header whose words mean something to machines: folded between them, never encoded."""
    check(name, value)
    if not value.isascii():
        raise InvalidContent(f"{name} has characters that aren't ASCII")
    return fold(name, " ".join(value.split()))


def address_line(name: str, addresses: Iterable[Address]) -> bytes:
    """A header of addresses; a UTF-8 line where a local part isn't ASCII."""
    return fold(name, ", ".join(_mailbox(item) for item in addresses))


def fold(name: str, value: str) -> bytes:
    """``name: value``, with line breaks at spaces where it is long."""
    if len(name) + len(value) + 2 <= WIDTH:
        return f"{name}: {value}".encode()
    first, *words = value.split(" ")
    lines, line = [], f"{name}: {first}"  # never a line of the name alone
    for word in words:
        if len(line) + 1 + len(word) > WIDTH:
            lines.append(line)
            line = ""
        line += " " + word
    lines.append(line)
    data = "\r\n".join(lines).encode()
    if any(len(part) > LIMIT for part in data.split(b"\r\n")):
        raise InvalidContent(f"{name} has a word that is longer than a line may be")
    return data


@lru_cache(maxsize=1024)
def _mailbox(address: Address) -> str:
    name = address.name
    if not name:
        return address.spec
    if not name.isascii() or "=?" in name:
        phrase = " ".join(encoded_words(name, WIDTH - 12))
    elif _ATOMS.fullmatch(name):
        phrase = name
    else:
        phrase = _quoted(name)
    return f"{phrase} <{address.spec}>"


def _quoted(text: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def encoded_words(text: str, first: int) -> list[str]:
    """``text`` as encoded words, none longer than 75, the first no longer than ``first``."""
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise InvalidContent("there are characters that can't be written") from None
    if sum(sign in _Q_SAFE or sign == " " for sign in text) * 2 >= len(data):
        return _words("q", [_q(sign) for sign in text], first)
    return _words("b", list(text), first)


def _q(sign: str) -> str:
    if sign in _Q_SAFE:
        return sign
    return "_" if sign == " " else "".join(f"={byte:02X}" for byte in sign.encode())


def _words(kind: str, signs: list[str], first: int) -> list[str]:
    """Signs joined to words; a sign of several bytes is never cut."""
    words: list[str] = []
    held: list[str] = []
    room, used = max(30, min(first, 75)), 0
    for sign in [*signs, None]:
        size = 0 if sign is None else len(sign) if kind == "q" else len(sign.encode())
        after = used + size if kind == "q" else (used + size + 2) // 3 * 4
        if held and (sign is None or after + 12 > room):
            joined = "".join(held)
            if kind == "b":
                joined = base64.b64encode(joined.encode()).decode()
            words.append(f"=?utf-8?{kind}?{joined}?=")
            held, room, used = [], 75, 0
        if sign is not None:
            held.append(sign)
            used += size
    return words


def parameter(name: str, value: str) -> str:
    """``; name=value`` of a ``Content-…`` header, on lines of its own (RFC 2231)."""
    check(name, value)
    if value.isascii():
        shown = value if _TOKEN.fullmatch(value) else _quoted(value)
        if len(name) + len(shown) + 4 <= WIDTH:
            return f";\r\n {name}={shown}"
    coded = "utf-8''" + quote(value, safe="")
    if len(name) + len(coded) + 5 <= WIDTH:
        return f";\r\n {name}*={coded}"
    pieces, room = [], WIDTH - len(name) - 8
    while coded:
        end = room
        # A percent and its two digits stay together.
        if "%" in coded[end - 2 : end] and len(coded) > end:
            end = coded.rindex("%", 0, end)
        pieces.append(coded[:end])
        coded = coded[end:]
    return "".join(f";\r\n {name}*{i}*={piece}" for i, piece in enumerate(pieces))
