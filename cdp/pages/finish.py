"""What all public pages have in common: headers, and what is said when something is wrong."""

from __future__ import annotations

from typing import Any

import structlog
from flask import Blueprint, Response
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from cdp.pages.render import page, words_of
from cdp.store import StoreBusy

logger = structlog.get_logger(__name__)


def missing() -> Response:
    """The page for an address that is none of ours."""
    words = words_of(None)
    return page(None, "note", words, 404, title=words.plain("missing_title"),
                lines=[words.say("missing_text")])  # fmt: skip


def add(blueprint: Blueprint) -> None:
    """Let every answer of ``blueprint`` be finished here."""

    @blueprint.after_request
    def headers(response: Response) -> Response:
        found = response.headers
        found.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
        found["X-Content-Type-Options"] = "nosniff"
        found["X-Robots-Tag"] = "noindex, nofollow"
        found.setdefault("Cache-Control", "no-store")
        # The names in our addresses are nobody else's to read.
        found["Referrer-Policy"] = "no-referrer"
        return response

    @blueprint.errorhandler(StoreBusy)
    @blueprint.errorhandler(OperationalError)
    def busy(error: Any) -> Response:
        logger.warning("page_failed", error=str(error)[:500])
        words = words_of(None)
        response = page(None, "note", words, 503, title=words.plain("busy_title"),
                        lines=[words.say("busy_text")])  # fmt: skip
        response.headers["Retry-After"] = "5"
        return response

    @blueprint.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        words = words_of(None)
        return page(None, "note", words, error.code or 500, title=error.name,
                    lines=[words.say("missing_text")])  # fmt: skip
