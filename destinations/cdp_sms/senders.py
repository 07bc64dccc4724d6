"""Which of several numbers or names a message comes from."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import NamedTuple

_NUMBER = re.compile(r"\+[1-9]\d{6,14}")
_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 +&_.-]{1,11}")
_SHORT = re.compile(r"\d{3,8}")


class Sender(NamedTuple):
    """``sender`` for numbers that begin with ``prefix`` (empty: all)."""

    prefix: str
    sender: str


def parse(text: str) -> Sender:
    """``+15550001111``, ``Shop``, or for numbers of a country ``+48:Shop``; ValueError."""
    prefix, colon, sender = text.rpartition(":")
    prefix, sender = prefix.strip(), sender.strip()
    if colon and not re.fullmatch(r"\+[1-9]\d{0,6}", prefix):
        raise ValueError(f"{text!r}: before the colon stands a country's prefix, such as +48")
    if not any(kind.fullmatch(sender) for kind in (_NUMBER, _SHORT, _NAME)):
        raise ValueError(
            f"{sender!r} is no sender: a number with its country (+48…), a short code, or a "
            "name of at most 11 letters and digits"
        )
    return Sender(prefix, sender)


def choose(pool: Sequence[Sender], to: str) -> str:
    """The sender for ``to``: of those with the longest prefix always the same one.

    A pool that grows or shrinks changes the sender of as few people as can be. Empty if
    there is none for that number.
    """
    fitting = [item for item in pool if to.startswith(item.prefix)]
    if not fitting:
        return ""
    longest = max(len(item.prefix) for item in fitting)
    among = [item.sender for item in fitting if len(item.prefix) == longest]
    return max(among, key=lambda sender: hashlib.sha256(f"{sender}|{to}".encode()).digest())


def is_number(text: str) -> bool:
    """Whether ``text`` is a phone number in E.164."""
    return _NUMBER.fullmatch(text) is not None


def e164(text: str) -> str:
    """A provider's way of writing a number, with the plus that some leave out."""
    digits = text.strip().removeprefix("whatsapp:")
    return f"+{digits}" if re.fullmatch(r"[1-9]\d{6,14}", digits) else digits
