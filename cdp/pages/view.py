"""``/view/<name>``: a message as it was sent, in a page that can do nothing."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from cdp.pages.finish import missing
from cdp.pages.known import Known
from cdp.pages.render import page, words_of
from cdp.store.messages import copies

#: Somebody else wrote it: no scripts, no forms, no origin; images and links as in a mail client.
_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation; "
    "default-src 'none'; style-src 'unsafe-inline' https:; img-src * data:; font-src https: data:; "
    "media-src https:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def add(blueprint: Blueprint, known: Known) -> None:
    """Add the page."""

    @blueprint.get("/view/<name>")
    def view(name: str) -> Response:
        with known.store.read() as tx:
            letter = known.letter(tx, name)
            if letter is None:
                return missing()
            content = copies.of(tx, [letter.delivery.id]).get(letter.delivery.id)
            words = words_of(letter)
            if content is None:
                return page(tx, "note", words, 404, title=words.plain("gone_title"),
                            lines=[words.say("gone_text")])  # fmt: skip
            html = content.get("html")
            if html:
                response = Response(html, content_type="text/html; charset=utf-8")
                response.headers["Content-Security-Policy"] = _POLICY
                return response
            title = _text(content, "subject", "title") or words.plain("view_title")
            return page(tx, "message", words, title=title, text=_text(content, "text", "body"))


def _text(content: dict[str, Any], *names: str) -> str:
    return next((value for name in names if (value := content.get(name))), "")
