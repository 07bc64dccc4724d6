"""Colours as ``#rrggbb``, and which ink is read upon one."""

from __future__ import annotations

import re

#: How a colour is written.
HEX = re.compile(r"#[0-9a-fA-F]{6}")


def ink_on(color: str) -> str:
    """Black or white, whichever is read better on a colour."""
    return "#ffffff" if luminance(color) < 0.179 else "#000000"


def luminance(color: str) -> float:
    """Relative luminance (WCAG 2.2); from 0.179 on black is read better than white."""
    found = []
    for at in (1, 3, 5):
        part = int(color[at : at + 2], 16) / 255
        found.append(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4)
    red, green, blue = found
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
