"""Where something is in a text."""

from __future__ import annotations


def place(source: str, index: int) -> tuple[int, int]:
    """Line and column (from 1) of a place in a text."""
    before = source[:index]
    return before.count("\n") + 1, index - (before.rfind("\n") + 1) + 1
