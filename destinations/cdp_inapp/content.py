"""Messages as clients get them: cleaned, and with nothing that a page need parse."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from html.parser import HTMLParser
from typing import Any, TypeAlias

import msgspec
import nh3

from cdp.plugin import InAppContent, InAppMessage

FORMS = ("banner", "modal", "slide_in", "inbox")
#: Of one message, in bytes of JSON.
MOST_BYTES = 64 * 1024
#: Parts of a page's theme: custom properties, ``--hw-accent`` and so on.
THEME = (
    "accent", "accent-text", "background", "text", "muted", "border", "radius", "shadow",
    "font", "width", "z-index",
)  # fmt: skip

_TAGS = {
    "a", "b", "blockquote", "br", "code", "del", "div", "em", "h1", "h2", "h3", "h4", "hr", "i",
    "img", "ins", "li", "ol", "p", "pre", "s", "small", "span", "strong", "sub", "sup", "u", "ul",
}  # fmt: skip
_ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"src", "alt", "width", "height"},
    "*": {"lang", "dir"},
}
_VOID = {"br", "hr", "img"}
_SCHEMES = {"http", "https", "mailto", "tel"}
#: What a link may never begin with. Apps have schemes of their own, so these are listed.
_FORBIDDEN = {
    "javascript",
    "data",
    "vbscript",
    "file",
    "blob",
    "about",
    "view-source",
    "filesystem",
}
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):")
_VALUE = re.compile(r"[\w#%.,()'\" /+-]{1,200}")

#: A text, or [tag, attributes, *children].
Node: TypeAlias = str | list[Any]


def fault(content: InAppContent) -> str | None:
    """Why a message can't be shown to anybody; None if it can."""
    if content.form not in FORMS:
        return f"{content.form!r} is no form; there are {', '.join(FORMS)}"
    if not (content.title.strip() or content.text.strip() or content.html.strip() or content.image):
        return "the message has neither title nor text nor image"
    for pattern in content.pages:
        try:
            re.compile(pattern)
        except re.error as error:
            return f"the page rule {pattern[:80]!r} is no regular expression: {error}"
    links = [content.link, *(button.get("link", "") for button in content.buttons)]
    for link in links:
        if link and safe_link(link) is None:
            return f"the link {link[:80]!r} can't be followed"
    if any(not button.get("text", "").strip() for button in content.buttons):
        return "a button has no text"
    if wrong := wrong_theme(content.theme):
        return wrong
    size = len(msgspec.json.encode(content))
    return (
        f"the message has {size:,} bytes, {MOST_BYTES:,} are allowed" if size > MOST_BYTES else None
    )


def wrong_theme(theme: Mapping[str, str]) -> str | None:
    """What is wrong with a theme. Its values go into a style sheet, so they say one thing each."""
    for name, value in theme.items():
        if name not in THEME:
            return f"a theme has no {name[:40]!r}; it has {', '.join(THEME)}"
        if not _VALUE.fullmatch(value) or "url(" in value.replace(" ", "").lower():
            return f"the theme's {name} is {value[:80]!r}, which is no plain value of CSS"
    return None


def safe_link(link: str) -> str | None:
    """``link`` if a person may be led there; None if it could run something."""
    link = link.strip()
    if not link or any(ord(sign) < 33 or ord(sign) == 127 for sign in link):
        return None
    scheme = _SCHEME.match(link)
    return None if scheme and scheme[1].lower() in _FORBIDDEN else link


def shown(message: InAppMessage) -> dict[str, Any]:
    """One message in the API's words."""
    content = message.content
    html = clean(content.html)
    return {
        "id": message.id,
        "form": content.form,
        "title": content.title,
        "text": content.text,
        "html": html,
        "body": tree(html) if html else _paragraphs(content.text),
        "image": _picture(content.image),
        "link": safe_link(content.link) or "",
        "buttons": [
            {
                "text": button.get("text", ""),
                "link": safe_link(button.get("link", "")) or "",
                "action": button.get("action", ""),
            }
            for button in content.buttons
        ],
        "pages": list(content.pages),
        "priority": content.priority,
        "theme": {} if wrong_theme(content.theme) else dict(content.theme),
        "data": dict(content.data),
        "sent_at": _time(message.at),
        "expires_at": _time(content.expires_at),
        "opened": message.opened_at is not None,
        "clicked": message.clicked_at is not None,
    }


@lru_cache(maxsize=1024)
def clean(html: str) -> str:
    """``html`` with nothing in it that runs, styles, or leads anywhere unsafe."""
    if not html.strip():
        return ""
    return nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes=_SCHEMES,
        link_rel="noopener noreferrer",
    ).strip()


@lru_cache(maxsize=1024)
def tree(html: str) -> list[Node]:
    """Cleaned ``html`` as nodes, so that no page has to parse markup."""
    parser = _Tree()
    parser.feed(html)
    parser.close()
    return parser.top


class _Tree(HTMLParser):
    """Cleaned HTML is well-formed: what is opened is closed."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.top: list[Node] = []
        self._open: list[list[Any]] = [self.top]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node: list[Any] = [tag, {name: value or "" for name, value in attrs}]
        self._open[-1].append(node)
        if tag not in _VOID:
            self._open.append(node)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID and len(self._open) > 1:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        self._open[-1].append(data)


def _paragraphs(text: str) -> list[Node]:
    return [["p", {}, part.strip()] for part in re.split(r"\n\s*\n", text) if part.strip()]


def _picture(image: str) -> str:
    found = safe_link(image) or ""
    scheme = _SCHEME.match(found)
    return found if not scheme or scheme[1].lower() in ("http", "https") else ""


def _time(at: int | None) -> str | None:
    if at is None:
        return None
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
