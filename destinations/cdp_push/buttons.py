"""Buttons of a push: what apps and browsers are told of them."""

from __future__ import annotations

import hashlib
import json

from cdp.plugin import PushContent


def listed(content: PushContent) -> list[dict[str, str]]:
    """Each with its ``id`` (its action, or else its place), ``title`` and, if it leads anywhere,
    ``link``."""
    found = []
    for number, button in enumerate(content.buttons, 1):
        one = {"id": button.get("action") or f"button_{number}", "title": button.get("text", "")}
        if button.get("link"):
            one["link"] = button["link"]
        found.append(one)
    return found


def category(content: PushContent) -> str:
    """The name of the set of buttons; made of what they say where the template has none.

    Apps register buttons under it: the same ones are always called the same.
    """
    if content.category or not content.buttons:
        return content.category
    said = [[one["id"], one["title"]] for one in listed(content)]
    return f"buttons_{hashlib.sha256(json.dumps(said).encode()).hexdigest()[:12]}"
