"""What a recipe says, as a template of the channel by which it is to go.

A message has a ``subject``, a ``body`` in Markdown, the same in ``short``, and what the
``button`` says that leads somewhere, if an address is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: The channels in which recipes can speak; the first is meant when nothing is said.
SPOKEN = ("email", "in_app", "push", "sms")
_GREETING = "Hello {{ customer.$first_name | default: 'there' }},"
_WAY_OUT = "[No more of these messages]({% unsubscribe_url %})"


def message(said: Mapping[str, Any], channel: str, link: str, *, way_out: bool) -> dict[str, Any]:
    """The body of a template; with ``way_out`` an email says how to get no more of them."""
    button = said.get("button") if link else None
    if channel == "sms":
        subject = said["subject"]
        text = f"{subject}{'' if subject.endswith('?') else '.'} {said['short']}"
        return {"channel": channel, "body": f"{text} {link}" if button else text}
    if channel == "push":
        short = {"channel": channel, "title": said["subject"], "body": said["short"]}
        return {**short, "link": link} if button else short
    if channel == "in_app":
        shown = {"channel": channel, "form": "slide_in", "title": said["subject"],
                 "body": said["short"], "expires_after": "14d"}  # fmt: skip
        return {**shown, "buttons": [{"text": button, "link": link}]} if button else shown
    parts = [_GREETING, said["body"].strip()]
    if button:
        parts.append(f"[{button}]({link})")
    if way_out:
        parts.append(_WAY_OUT)
    return {"channel": "email", "subject": said["subject"], "format": "markdown",
            "body": "\n\n".join(parts) + "\n"}  # fmt: skip
