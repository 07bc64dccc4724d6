"""Making a public page: words, branding, headers."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from flask import Response, make_response, render_template, request
from sqlalchemy import Connection

from cdp.pages.known import Letter
from cdp.pages.language import Words, words_for
from cdp.store import branding
from cdp.store.branding import COLOR, Branding

FOLDER = Path(__file__).parent


def words_of(letter: Letter | None) -> Words:
    """The words in the person's language, else in one that the browser asks for."""
    own: list[str] = []
    if letter is not None and letter.person is not None:
        traits = letter.person.traits
        own = [v for key in ("locale", "language") if isinstance(v := traits.get(key), str)]
        data = letter.delivery.data.get("language")
        own += [data] if isinstance(data, str) else []
    asked = [request.args["lang"]] if "lang" in request.args else []
    return words_for(asked, own, request.accept_languages.values())


def page(
    tx: Connection | None, template: str, words: Words, status: int = 200, **context: Any
) -> Response:
    """A page in the look of the house; without ``tx`` in none."""
    brand = branding.load(tx) if tx is not None else Branding()
    nonce = secrets.token_urlsafe(16)
    body = render_template(
        f"pages/{template}.html", t=words, brand=brand, look=_look(brand.color), nonce=nonce,
        **context,
    )  # fmt: skip
    response = make_response(body, status)
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; img-src data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    return response


def _look(color: str) -> dict[str, str] | None:
    """The house's colour, and that of a text upon it."""
    if not COLOR.fullmatch(color):
        return None
    return {"accent": color, "ink": "#ffffff" if _luminance(color) < 0.179 else "#000000"}


def _luminance(color: str) -> float:
    """Relative luminance (WCAG 2.2); from 0.179 on black is read better than white."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
