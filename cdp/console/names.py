"""Names that people give to things, and the keys that are made of them."""

from __future__ import annotations

import re

MAX_NAME = 100


def name_trouble(name: str) -> str | None:
    """Why ``name`` can't be a name; None if it can."""
    if not name:
        return "A name is needed."
    if len(name) > MAX_NAME:
        return f"A name has at most {MAX_NAME} characters."
    return None if slug(name) else "A name needs a letter or a digit."


def slug(name: str) -> str:
    """The key that is made from a name: small letters, digits, dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
