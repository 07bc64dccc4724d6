"""How many parts a text is sent in: GSM 03.38 and UCS-2, with concatenation (3GPP TS 23.040)."""

from __future__ import annotations

from typing import NamedTuple

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
#: Each takes two places: an escape stands before it.
_EXTENDED = frozenset("\f^{}\\[~]|€")

#: Places in a text that is one part, and in each part of a longer one.
GSM_7 = (160, 153)
UCS_2 = (70, 67)


class Segments(NamedTuple):
    """``parts`` of a text in ``encoding`` (gsm-7, ucs-2); ``left`` places in the last one.

    ``units`` are septets or 16-bit units; ``odd`` the characters that made it UCS-2.
    """

    encoding: str
    units: int
    parts: int
    left: int
    odd: tuple[str, ...] = ()


def count(text: str) -> Segments:
    """The parts of ``text``; none of an empty one."""
    odd = tuple(dict.fromkeys(c for c in text if c not in _BASIC and c not in _EXTENDED))
    if odd:
        widths = [2 if ord(c) > 0xFFFF else 1 for c in text]
        return _fill("ucs-2", widths, UCS_2, odd)
    return _fill("gsm-7", [2 if c in _EXTENDED else 1 for c in text], GSM_7, ())


def _fill(
    encoding: str, widths: list[int], sizes: tuple[int, int], odd: tuple[str, ...]
) -> Segments:
    alone, each = sizes
    units = sum(widths)
    if units <= alone:
        return Segments(encoding, units, 1 if units else 0, alone - units, odd)
    parts, used = 1, 0
    for width in widths:
        # An escape and its character, or a surrogate pair, are never parted.
        if used + width > each:
            parts, used = parts + 1, 0
        used += width
    return Segments(encoding, units, parts, each - used, odd)
