"""The web process: granian over the Flask app."""

from __future__ import annotations

from typing import Any

from cdp.config import Settings
from cdp.server.process import die_with_parent, when_asked_to_stop


def run_web(settings: Settings) -> None:
    """Serve HTTP until SIGTERM; requests in flight are finished."""
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    def load() -> Any:
        die_with_parent()
        from cdp.server.app import create_app

        app = create_app(settings)
        # Requests in flight are waited for, and streams would never end by themselves.
        when_asked_to_stop(app.extensions["receivers"].close)
        return app

    threads = settings.web_threads + settings.open_streams
    server = Granian(
        "cdp.server.app",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=threads,
        backpressure=max(256, threads * 2),
        log_level=LogLevels.error,
        log_access=False,
        workers_kill_timeout=8,
        ssl_cert=settings.tls_cert,
        ssl_key=settings.tls_key,
    )
    server.serve(target_loader=load, wrap_loader=False)
