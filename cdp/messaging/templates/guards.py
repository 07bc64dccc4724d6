"""Filters that the compiler puts where data must not say more than one thing."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from cdp.messaging.templates.filters import to_json
from cdp.messaging.templates.links import Link, address
from cdp.messaging.templates.stringify import shown

_NO_CSS = re.compile(r"[^\w\s#%.,()+/-]")
_CSS_CALL = re.compile(r"(url|image|expression|import|attr|var)\s*\(", re.IGNORECASE)


def in_json(value: Any) -> Any:
    """What stands inside of a JSON text; put by the compiler, not by authors."""
    return to_json(shown(value))[1:-1]


def one_line(value: Any) -> Any:
    """Without line breaks and what closes an address; put by the compiler, not by authors."""
    text = " ".join(shown(value).split())
    return "".join(char for char in text if char not in '<>",;:@\\()[]' and char.isprintable())


def slack_text(value: Any) -> Any:
    """Without what Slack would take for a mention or a link; put by the compiler."""
    text = shown(value)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def in_css(value: Any) -> Any:
    """One value of CSS; put by the compiler, not by authors."""
    text = _NO_CSS.sub("", shown(value))
    return "" if _CSS_CALL.search(text) else text


def in_css_url(value: Any) -> Any:
    """An address inside of ``url('…')``; put by the compiler."""
    text: str = harmless(value)
    return "".join(f"%{ord(char):02X}" if char in "'\"()\\ \t\r\n<>" else char for char in text)


def harmless(value: Any) -> Any:
    """An address that runs no code; put by the compiler."""
    text = shown(value)
    address(text, Link(False, False), None)
    return text


#: By the names that the compiler gives them; authors can't say these.
HIDDEN: dict[str, Callable[..., Any]] = {
    "in_json__": in_json,
    "one_line__": one_line,
    "slack__": slack_text,
    "css__": in_css,
    "css_url__": in_css_url,
    "address__": harmless,
}
