"""What templates may say: channels, formats, ways with missing variables. Imports nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")

CHANNELS = ("email", "sms", "push", "in_app", "webhook", "slack")
FORMATS = ("markdown", "mjml", "html")
#: What happens where a variable has no value.
MISSING = ("fail", "fallback", "allow")
FORMS = ("banner", "modal", "slide_in", "inbox")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

_FOR_ALL = ("name", "description", "channel", "topic", "missing", "fallbacks", "utm", "locales")
#: The fields of a template by channel, beside those of all.
FIELDS: dict[str, tuple[str, ...]] = {
    "email": (
        "subject", "preheader", "format", "body", "blocks", "theme", "text", "amp", "from",
        "reply_to", "headers", "layout", "inline_css", "tracked",
    ),
    "sms": ("body", "from", "media", "tracked"),
    "push": (
        "title", "body", "image", "link", "buttons", "category", "sound", "badge",
        "collapse_key", "ttl", "data", "custom", "tracked",
    ),
    "in_app": (
        "form", "title", "format", "body", "image", "link", "buttons", "pages", "priority",
        "theme", "data", "expires_after",
    ),
    "webhook": ("url", "method", "headers", "body", "save_response"),
    "slack": ("to", "body", "blocks"),
}  # fmt: skip
#: The most buttons that a message has.
MOST_BUTTONS = {"push": 4, "in_app": 5}
#: One of these must be said.
NEEDED: dict[str, tuple[tuple[str, ...], ...]] = {
    "email": (("subject",), ("body", "blocks")),
    "sms": (("body",),),
    "push": (("title", "body", "data"),),
    "in_app": (("title", "body"),),
    "webhook": (("url",),),
    "slack": (("body", "blocks"), ("to",)),
}
#: What a locale may say differently.
LOCAL = (
    "subject", "preheader", "format", "body", "text", "amp", "from", "reply_to", "title", "image",
    "link", "buttons", "media", "blocks", "layout",
)  # fmt: skip
LOCALE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_DURATION = re.compile(r"(\d{1,6})(s|m|h|d|w)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def fields_of(channel: str) -> tuple[str, ...]:
    """The fields that a template of a channel may have."""
    return (*_FOR_ALL, *FIELDS[channel])


def seconds(text: str) -> int | None:
    """The length of ``30d`` in seconds; None if it is no duration."""
    found = _DURATION.fullmatch(text)
    return int(found[1]) * _SECONDS[found[2]] if found else None


def format_of(text: str, said: str | None) -> str:
    """The format of a body: as it was said, or as it looks."""
    if said:
        return said
    start = text.lstrip()[:200].lower()
    if start.startswith(("<mjml", "<mj-")):
        return "mjml"
    return (
        "html"
        if start.startswith(("<!doctype", "<html", "<table", "<div", "<body"))
        else "markdown"
    )


def best(found: Mapping[str, T], locale: str) -> T | None:
    """What there is for a locale (by its name in small letters), or for a wider one."""
    wanted = locale.replace("_", "-").lower()
    while wanted:
        if wanted in found:
            return found[wanted]
        wanted = wanted.rpartition("-")[0]
    return None


def language_of(traits: Mapping[str, Any]) -> str:
    """The language that is known of a person: the trait ``locale``, else ``language``."""
    said = (traits.get(name) for name in ("locale", "language"))
    return next((one for one in said if isinstance(one, str) and one), "")
