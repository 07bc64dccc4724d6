"""Cookie sessions, for the pages that have any."""

from __future__ import annotations

from flask import Flask, Request
from flask.sessions import NullSession, SecureCookieSession, SecureCookieSessionInterface

_NONE = NullSession()


class ConsoleSessions(SecureCookieSessionInterface):
    """Flask's sessions, except for ``/v1/…``.

    The tracking API has none, and reading and signing nothing costs a fifth of a
    request there.
    """

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """The session; one that can't be written under ``/v1/``."""
        if request.environ["PATH_INFO"].startswith("/v1/"):
            return _NONE
        return super().open_session(app, request)
