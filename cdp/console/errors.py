"""What went wrong, to what, and the one thing to do."""

from __future__ import annotations

import traceback
from typing import Any

import structlog
from flask import Blueprint, g, make_response, render_template, request, url_for
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException, NotFound

from cdp.console import auth, layout, security
from cdp.store import StoreBusy

log = structlog.get_logger(__name__)

_TITLES = {
    400: "That request can't be used",
    403: "Not with your role",
    404: "There is nothing at this address",
    405: "That can't be done here",
    413: "That is too large",
}


def register(bp: Blueprint) -> None:
    """Answer errors of the console's own views with its own pages."""
    bp.register_error_handler(HTTPException, _refused)
    bp.register_error_handler(StoreBusy, _broken)
    bp.register_error_handler(SQLAlchemyError, _broken)
    bp.register_error_handler(Exception, _broken)
    # Not of 404: Flask would take that before what the other parts have for all codes.
    bp.app_errorhandler(HTTPException)(_nowhere)


def _nowhere(error: Any) -> Any:
    """A mistyped address that belongs to no part: a page for people, as it is for programs."""
    wanted = request.method == "GET" and "text/html" in request.headers.get("Accept", "")
    if not isinstance(error, NotFound) or not wanted or request.path.startswith(("/v1/", "/api/")):
        return error
    g.visitor = auth.recognise()
    text, code = _refused(error)
    return security.add_headers(make_response(text, code))


def _refused(error: Exception) -> tuple[str, int]:
    code = error.code if isinstance(error, HTTPException) and error.code else 500
    title = _TITLES.get(code, "That didn't work")
    what = error.description if isinstance(error, HTTPException) else None
    if code == 404 and (what or "").startswith("The requested URL"):
        what = "It may have been deleted, renamed or merged, or the link is incomplete."
    return _page(code, title, what or "", "", None)


def _broken(error: Exception) -> tuple[str, int]:
    log.exception("console page failed", path=request.path)
    detail = None
    if g.get("visitor") and g.visitor.can_change:
        detail = "".join(traceback.format_exception(error))
    what = f"{request.method} {request.path} failed: {type(error).__name__}."
    todo = "Nothing was changed. Try again; if it stays, send the detail to your engineer."
    return _page(500, "This page failed", what, todo, detail)


def _page(code: int, title: str, what: str, todo: str, detail: str | None) -> tuple[str, int]:
    logged_in = g.get("visitor") is not None
    template = "console/error.html" if logged_in else "console/error_alone.html"
    page = render_template(
        template,
        **layout.shared(),
        code=code,
        title=title,
        what=what,
        todo=todo,
        detail=detail,
        back=url_for("console.home" if logged_in else "console.login"),
        back_word="To Home" if logged_in else "Log in",
    )
    return page, code
