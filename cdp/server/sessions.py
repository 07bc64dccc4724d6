"""Cookie sessions, for the pages that have any."""

from __future__ import annotations

import time

from flask import Flask, Request
from flask.sessions import (
    NullSession,
    SecureCookieSession,
    SecureCookieSessionInterface,
    SessionMixin,
)

_NONE = NullSession()
#: What a session's day is kept as, and how long it is.
_DAY, _DAY_S = "day", 86_400


class ConsoleSessions(SecureCookieSessionInterface):
    """Flask's sessions, except for ``/v1/…``.

    The tracking API has none, and reading and signing nothing costs a fifth of a
    request there. An answer carries the cookie when the session has changed, else once a
    day, so that it doesn't run out. With each answer, as Flask would, one that comes late
    would put back what another has changed since: a notice lost, a logout undone.
    """

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """The session; one that can't be written under ``/v1/``."""
        if request.environ["PATH_INFO"].startswith("/v1/"):
            return _NONE
        session = super().open_session(app, request)
        # What a script fetches may come late; a page is what people wait for.
        if session and session.permanent and "text/html" in request.headers.get("Accept", ""):
            today = int(time.time()) // _DAY_S
            if session.get(_DAY) != today:
                session[_DAY] = today
        return session

    def should_set_cookie(self, app: Flask, session: SessionMixin) -> bool:
        """Only when the session has changed."""
        return session.modified
