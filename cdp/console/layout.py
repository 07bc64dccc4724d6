"""What every page shows: the rail, the theme, who is logged in."""

from __future__ import annotations

from typing import Any

from flask import current_app, flash, g, redirect, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response

from cdp.console import format
from cdp.console.context import EXTENSION, console
from cdp.console.security import csrf_token, safe_next

#: The rail: name, endpoint, icon. The order is that of the data.
PLACES = (
    ("Home", "console.home", "home"),
    ("Live", "console.live", "live"),
    ("Catalogue", "console.catalogue", "catalogue"),
    ("People", "console.people", "people"),
    ("Audiences", "console.audiences", "audiences"),
    ("Journeys", "console.journeys", "journeys"),
    ("Messages", "console.messages", "letter"),
    ("Connections", "console.connections", "links"),
    ("Settings", "console.account", "settings"),
)
THEMES = ("auto", "light", "dark")
_PREFIXES = {
    "/live": "Live",
    "/catalogue": "Catalogue",
    "/people": "People",
    "/audiences": "Audiences",
    "/journeys": "Journeys",
    "/messages": "Messages",
    "/connections": "Connections",
    "/settings": "Settings",
}


def shared() -> dict[str, Any]:
    """The names that every template may use."""
    now = console().now()
    return {
        "places": PLACES,
        "place": _place(request.path),
        "theme": current_theme(),
        "visitor": g.get("visitor"),
        "can_change": bool(g.get("visitor") and g.visitor.can_change),
        "here": request.full_path.rstrip("?"),
        "csrf_token": csrf_token,
        "asset": asset_address,
        "when": lambda ms: format.when(ms, now),
        "now": now,
        "partial": is_partial(),
        "masked": None,
        "blank": Markup("<span class='muted'>none</span>"),
    }


def asset_address(path: str) -> str:
    """The address of a static file in its present version."""
    version = current_app.extensions[EXTENSION + ".assets"]
    return url_for("console.asset", version=version, path=path)


def current_theme() -> str:
    """The theme that the cookie asks for."""
    theme = request.cookies.get("theme", "auto")
    return theme if theme in THEMES else "auto"


def is_partial() -> bool:
    """Whether a script asked for a piece of a page."""
    return "HX-Request" in request.headers


def number_arg(name: str) -> int | None:
    """A whole number from the address or the form; None for what neither database can hold."""
    text = request.values.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def confirmed(word: str, otherwise: str = "Not removed") -> bool:
    """Whether ``word`` was typed, without which something is not done; if not, that is told."""
    if request.form.get("confirm", "").strip() == word:
        return True
    flash(f"{otherwise}: type {word} to go on.", "bad")
    return False


def back(fallback: str) -> Response:
    """To the page that the form named, or to ``fallback``."""
    return redirect(safe_next(request.form.get("next")) or fallback, 303)


def theme() -> Response:
    """Keep the chosen theme in a cookie."""
    chosen = request.form.get("theme", "auto")
    response = back(url_for("console.home"))
    response.set_cookie(
        "theme",
        chosen if chosen in THEMES else "auto",
        max_age=365 * 86400,
        samesite="Lax",
        httponly=True,
        secure=current_app.config["SESSION_COOKIE_SECURE"],
    )
    return response


def _place(path: str) -> str:
    if path == "/":
        return "Home"
    for prefix, name in _PREFIXES.items():
        if path.startswith(prefix):
            return name
    return ""
