"""Making a public page: words, branding, headers."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from flask import Response, make_response, render_template, request
from sqlalchemy import Connection

from cdp.messaging.colors import HEX, ink_on
from cdp.pages.known import Letter
from cdp.pages.language import Words, words_for
from cdp.store.messages import branding
from cdp.store.messages.branding import Branding

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
    if not HEX.fullmatch(color):
        return None
    return {"accent": color, "ink": ink_on(color)}
