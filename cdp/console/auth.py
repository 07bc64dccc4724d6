"""Logging in with the API token or a password, and what each role may do."""

from __future__ import annotations

import hashlib
import hmac
from functools import cache
from typing import NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask import abort, g, redirect, render_template, request, session, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from cdp.console.context import console
from cdp.console.security import Brake, csrf_holds, csrf_token, safe_next
from cdp.store import config_rows
from cdp.store.config_rows import Token, User

ROLES = ("admin", "approver", "viewer")
#: Who is shown names, identifiers and other personal values; for others they are masked, but for
#: those whose token has the scope for it.
SEE_PERSONAL = frozenset({"admin"})
#: What anybody may ask for, and what a viewer may post.
OPEN = frozenset({"console.login", "console.asset"})
OWN = frozenset(
    {
        "console.logout",
        "console.theme",
        "console.own_password",
        "console.condition_read",
        "console.condition_write",
    }
)
#: What an approver may post besides.
APPROVING = frozenset({"console.journey_approve"})
#: Scopes that together let one look at everything the console shows.
READ_SCOPES = frozenset(
    {
        "profiles:read",
        "events:read",
        "sources:read",
        "destinations:read",
        "audiences:read",
        "plugins:read",
    }
)
#: What a token needs besides to be shown personal values, by the APIs and here.
PERSONAL = "personal:read"

hasher = PasswordHasher()


@cache
def _nobody() -> str:
    """Compared with when there is no such user, so that an answer's time tells nothing."""
    return hasher.hash("nobody")


brake = Brake()


class Visitor(NamedTuple):
    """Who is looking: a person, or whoever holds a token (``user`` None) with ``scopes``."""

    name: str
    role: str
    user: User | None
    scopes: frozenset[str] = frozenset()

    @property
    def label(self) -> str:
        """What the account menu says."""
        return self.name if self.user else "API token"

    @property
    def can_change(self) -> bool:
        """Whether this visitor may change anything."""
        return self.role == "admin"

    @property
    def can_approve(self) -> bool:
        """Whether this visitor's word may let a journey be launched."""
        return self.role in ("admin", "approver")

    @property
    def sees_personal(self) -> bool:
        """Whether personal values are shown to this visitor as they are."""
        return self.role in SEE_PERSONAL or PERSONAL in self.scopes


def current() -> Visitor:
    """Who is logged in; only for views behind `guard`."""
    visitor: Visitor = g.visitor
    return visitor


def author() -> str:
    """Who is named in the activity log."""
    return current().name


def token_hash(token: str) -> str:
    """A token as it is kept: SHA-256 in hex."""
    return hashlib.sha256(token.encode()).hexdigest()


def check_password(user: User | None, password: str) -> bool:
    """Whether ``password`` is the user's; takes as long where there is no user."""
    nobody = _nobody()  # also for who is known: the first time takes longer
    try:
        hasher.verify(user.password_hash if user else nobody, password)
    except (VerificationError, InvalidHashError):
        return False
    return user is not None


def guard() -> Response | str | tuple[str, int] | None:
    """Before each request: who is it, may they, and did the form come from us?"""
    g.visitor = None
    if request.endpoint == "console.asset":
        return None
    g.visitor = recognise()
    if request.endpoint in OPEN:
        return None
    if g.visitor is None:
        return _to_login()
    if request.method == "POST":
        if not csrf_holds():
            abort(400, "This form was opened in an earlier session. Send it once more.")
        allowed = OWN | APPROVING if g.visitor.can_approve else OWN
        if not g.visitor.can_change and request.endpoint not in allowed:
            abort(403, "Your role changes nothing.")
    return None


def login() -> Response | str | tuple[str, int]:
    """The login page, and what it posts."""
    target = safe_next(request.values.get("next"))
    if request.method == "GET":
        if g.visitor is not None:
            return redirect(target or url_for("console.home"))
        return _form(target)
    if not csrf_holds():
        return _form(target, "The page had expired. Try again."), 400
    name = request.form.get("name", "").strip()
    secret = request.form.get("secret", "").strip()
    keys = [f"ip {request.remote_addr}"] + ([f"user {name}"] if name else [])
    wait = max(brake.wait_s(key) for key in keys)
    if wait:
        minutes = -(-wait // 60)
        text = f"Too many attempts. Try again in {minutes} min."
        return _form(target, text, name), 429
    with console().store.read() as tx:
        token = None if name else config_rows.token_by_hash(tx, token_hash(secret))
        user = config_rows.user_by_name(tx, name) if name else None
    if token is not None and _token_role(token):
        known = {"token": token.id, "print": token.hash[:16]}
    elif name and check_password(user, secret) and user is not None:
        known = {"user": user.name, "print": _print(user)}
    else:
        for key in keys:
            brake.failed(key)
        what = "This name and password don't match." if name else "No such API token."
        if token is not None:
            what = "This token is for less than the console shows."
        return _form(target, what, name), 401
    for key in keys:
        brake.forget(key)
    session.clear()
    session.permanent = True
    session.update(known)
    return redirect(target or url_for("console.home"))


def logout() -> Response:
    """End the session."""
    session.clear()
    return redirect(url_for("console.login"))


def recognise() -> Visitor | None:
    """Who is logged in, if anybody."""
    with console().store.read() as tx:
        return _visitor(tx)


def remember(user: User) -> None:
    """Keep this session logged in as ``user``, whose password has just changed."""
    csrf = csrf_token()
    session.clear()
    session.permanent = True
    session.update({"user": user.name, "print": _print(user), "csrf": csrf})


def _visitor(tx: Connection) -> Visitor | None:
    """Who the session says it is, if that person or token still exists."""
    mark = str(session.get("print", ""))
    if "user" in session:
        user = config_rows.user_by_name(tx, str(session["user"]))
        if user is not None and hmac.compare_digest(_print(user), mark):
            return Visitor(user.name, user.role, user)
    elif "token" in session:
        for token in config_rows.all_tokens(tx):
            role = _token_role(token)
            if token.id == session["token"] and token.hash[:16] == mark and role:
                return Visitor(f"token {token.name}", role, None, frozenset(token.scopes))
    return None


def _token_role(token: Token) -> str | None:
    """The role of whoever holds a token; None if it does not open the console."""
    if "all" in token.scopes:
        return "admin"
    return "viewer" if token.scopes >= READ_SCOPES else None


def _print(user: User) -> str:
    # A change of the password ends the sessions that were begun with the old one.
    return hashlib.sha256(user.password_hash.encode()).hexdigest()[:16]


def _to_login() -> Response | tuple[str, int]:
    if request.headers.get("HX-Request"):
        answer = redirect(url_for("console.login"))
        answer.status_code = 401
        answer.headers["HX-Redirect"] = url_for("console.login", next=_came_from())
        return answer
    if request.method == "POST":
        text = "Your login had expired. What you typed is kept in this tab."
        return _form(_came_from(), text), 401
    wanted = request.full_path.rstrip("?")
    return redirect(url_for("console.login", next=None if wanted == "/" else wanted))


def _came_from() -> str | None:
    """The page on this server that sent the request."""
    referrer = request.headers.get("HX-Current-URL") or request.referrer or ""
    if not referrer.startswith(request.host_url):
        return None
    return safe_next("/" + referrer[len(request.host_url) :])


def _form(target: str | None, wrong: str | None = None, name: str = "") -> str:
    way = "password" if name or request.values.get("with") == "password" else "token"
    return render_template("console/login.html", next=target, wrong=wrong, name=name, way=way)
