"""Places inside of a message, and what conditions call it."""

from __future__ import annotations

from typing import Any

Path = tuple[str, ...]

#: Calls that count as one event, whatever page or screen it was.
_ONE_EVENT = {"page": "Page Viewed", "screen": "Screen Viewed"}


def event_name(type_: str, name: str) -> str:
    """What conditions call a message; empty for one that is no event (identify, group, alias)."""
    return name if type_ == "track" else _ONE_EVENT.get(type_, "")


def at_path(root: Any, parts: Path) -> Any:
    """What is at a path; None where nothing is. Keys of digits pick from lists, from 0."""
    for part in parts:
        if type(root) is dict:
            root = root.get(part)
        elif type(root) is list and part.isdecimal() and part.isascii() and len(part) < 10:
            index = int(part)
            root = root[index] if index < len(root) else None
        else:
            return None
    return root
