"""How names and keys are listed: what is made up anew each time is left out of them.

An app that sends ``Viewed 3f2a…`` with another id each time has one event, not a
million; an e-mail address within a name is nobody's business.
"""

from __future__ import annotations

import re

from cdp.protocols.personal import text_kind

_UUID = r"[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}"
_HEX = r"(?=[a-fA-F]*\d)(?=\d*[a-fA-F])[0-9a-fA-F]{16,}"
_ID = re.compile(rf"(?<![0-9A-Za-z])(?:{_UUID}|{_HEX}|\d{{9,}})(?![0-9A-Za-z])")
_ADDRESS = re.compile(r"\S*(?:[@\uff20]|%40)\S*")
_DIGITS = re.compile(r"[+(]?\d[\d ().\-/:]*\d")
_MARKS = re.compile(r"‹[a-z_]+(?: \d+)?›")


def general_name(name: str) -> str:
    """``name`` with ids, long numbers and personal data replaced by ‹id›, ‹email›…."""
    if name.isascii() and name.replace(" ", "").isalpha():
        return name
    kind = text_kind(name)
    if kind == "email":
        name = _ADDRESS.sub("‹email›", name)
        kind = text_kind(name)
    name = _ID.sub("‹id›", name)
    if kind is not None:
        name = _DIGITS.sub(f"‹{kind}›", name)
    if kind is not None and text_kind(name) is not None:
        # Not to be cut out safely: nothing of the name is shown.
        return f"‹{kind}›"
    return name


def hides_something(name: str) -> bool:
    """Whether a listed name stands for several, so that no event has exactly this one."""
    return _MARKS.search(name) is not None
