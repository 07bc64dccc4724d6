from __future__ import annotations

from flask import Flask, session

from cdp.server.sessions import ConsoleSessions


def test_only_pages_outside_of_the_tracking_api_have_a_session() -> None:
    app = Flask("test")
    app.secret_key = "s"
    app.session_interface = ConsoleSessions()

    @app.get("/<path:_>")
    def visit(_: str) -> str:
        session["seen"] = True
        return "seen"

    client = app.test_client()
    assert "session=" in client.get("/sources").headers["Set-Cookie"]
    app.testing = False
    assert client.get("/v1/track").status_code == 500  # it can't be written
