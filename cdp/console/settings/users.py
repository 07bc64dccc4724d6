"""Settings: one's own account, API tokens, people and roles, the activity log."""

from __future__ import annotations

import secrets

from flask import abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from cdp.console import auth
from cdp.console.auth import author
from cdp.console.context import console
from cdp.console.layout import number_arg
from cdp.console.names import MAX_NAME
from cdp.store import config_rows, user_rows
from cdp.store.events import console_queries

MIN_PASSWORD = 10
MAX_PASSWORD = 1000
PAGE = 50

#: What a token may be made for: scopes, and what they allow in words.
SCOPES = (
    ("all", "Everything"),
    (" ".join(sorted(auth.READ_SCOPES)), "Read everything, change nothing"),
    ("profiles:read", "The Profile API only"),
    ("metrics:read", "Metrics only"),
)
#: Those that may see personal values as well; whoever may do everything does.
PERSONAL = tuple(scopes for scopes, _ in SCOPES if scopes not in ("all", "metrics:read"))


def account() -> str:
    """Who one is, and one's password."""
    return render_template("console/account.html", tab="account", wrong={})


def own_password() -> Response | tuple[str, int]:
    """Change one's own password; who came with a token is nobody yet and makes a user."""
    me = auth.current()
    if me.user is None:
        abort(403, "You are logged in by an API token. Make a user under People and roles.")
    old, new = request.form.get("old", ""), request.form.get("new", "")
    wrong: dict[str, str] = {}
    if not auth.check_password(me.user, old):
        wrong["old"] = "This is not your present password."
    if trouble := password_trouble(new):
        wrong["new"] = trouble
    if wrong:
        return render_template("console/account.html", tab="account", wrong=wrong), 422
    here = console()
    with here.store.write() as tx:
        config_rows.put_user(tx, here.now(), me.name, auth.hasher.hash(new), me.role, author())
        changed = config_rows.user_by_name(tx, me.name)
    if changed is not None:
        auth.remember(changed)
    flash("Your password is changed. Other sessions of yours have ended.", "good")
    return redirect(url_for("console.account"), 303)


def tokens(fresh: str | None = None, wrong: str | None = None) -> str:
    """API tokens; ``fresh`` is one just made, shown this once."""
    with console().store.read() as tx:
        found = config_rows.all_tokens(tx)
    return render_template(
        "console/tokens.html", tab="tokens", tokens=found, fresh=fresh, wrong=wrong, scopes=SCOPES
    )


def create_token() -> str | tuple[str, int]:
    """Make a token and show it once: only its hash is kept."""
    name = request.form.get("name", "").strip()[:MAX_NAME]
    scopes = request.form.get("scopes", "")
    if not name:
        return tokens(wrong="A name is needed, so that you know later which one it was."), 422
    if scopes not in dict(SCOPES):
        abort(400, "Unknown scope.")
    if request.form.get("personal") and scopes in PERSONAL:
        scopes += f" {auth.PERSONAL}"
    secret = "hw_" + secrets.token_urlsafe(32)
    here = console()
    with here.store.write() as tx:
        config_rows.add_token(tx, here.now(), name, auth.token_hash(secret), scopes, author())
    return tokens(fresh=secret)


def revoke_token(number: int) -> Response:
    """Revoke a token; sessions begun with it end at once."""
    here = console()
    with here.store.write() as tx:
        found = config_rows.delete_token(tx, here.now(), number, author())
    if not found:
        abort(404, "This token is revoked already.")
    flash("The token is revoked. Nothing that uses it works any more.", "good")
    return redirect(url_for("console.tokens"), 303)


def users(wrong: dict[str, str] | None = None) -> str:
    """Who may log in, and as what."""
    with console().store.read() as tx:
        found = config_rows.all_users(tx)
    return render_template(
        "console/users.html",
        tab="users",
        users=found,
        roles=auth.ROLES,
        wrong=wrong or {},
        form=request.form,
    )


def create_user() -> Response | tuple[str, int]:
    """Add somebody."""
    name = request.form.get("name", "").strip()
    password, role = request.form.get("password", ""), request.form.get("role", "")
    if role not in auth.ROLES:
        abort(400, "Unknown role.")
    wrong: dict[str, str] = {}
    if not name or len(name) > MAX_NAME or "/" in name:
        wrong["name"] = f"A name has 1 to {MAX_NAME} characters and no slash."
    if trouble := password_trouble(password):
        wrong["password"] = trouble
    hashed = auth.hasher.hash(password) if not wrong else ""
    here = console()
    with here.store.write() as tx:
        if not wrong and config_rows.user_by_name(tx, name) is not None:
            wrong["name"] = f"There is a user {name} already."
        if not wrong:
            config_rows.put_user(tx, here.now(), name, hashed, role, author())
    if wrong:
        return users(wrong), 422
    flash(f"{name} may log in now, with the name and the password.", "good")
    return redirect(url_for("console.users"), 303)


def change_user(name: str) -> Response:
    """Give another role, or take the access away."""
    here = console()
    what = request.form.get("what", "")
    with here.store.write() as tx:
        user = config_rows.user_by_name(tx, name)
        if user is None:
            abort(404, f"There is no user {name}.")
        if what == "remove":
            if request.form.get("confirm", "").strip() != name:
                flash("The name didn't match; nothing was changed.", "bad")
            else:
                user_rows.delete_user(tx, here.now(), user, author())
                flash(f"{name} can't log in any more.", "good")
        elif what in auth.ROLES:
            config_rows.put_user(tx, here.now(), name, user.password_hash, what, author())
            flash(f"{name} is {what} now.", "good")
        else:
            abort(400, "Unknown change.")
    return redirect(url_for("console.users"), 303)


def activity() -> str:
    """Who changed what, and when."""
    before = number_arg("before")
    kind = request.args.get("kind") or None
    with console().store.read() as tx:
        found = console_queries.newest_changes(tx, PAGE, before, kind)
    return render_template(
        "console/activity.html",
        tab="activity",
        changes=found,
        kind=kind,
        more=found[-1].id if len(found) == PAGE else None,
    )


def password_trouble(password: str) -> str | None:
    """Why a password is not good enough; None if it is."""
    if len(password) < MIN_PASSWORD:
        return f"A password has at least {MIN_PASSWORD} characters."
    return "That is too long." if len(password) > MAX_PASSWORD else None
