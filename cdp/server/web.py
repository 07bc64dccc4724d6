"""The web process: granian over the Flask app."""

from __future__ import annotations

from typing import Any

from cdp.config import Settings
from cdp.server.process import die_with_parent


def run_web(settings: Settings) -> None:
    """Serve HTTP until SIGTERM; requests in flight are finished."""
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    def load() -> Any:
        die_with_parent()
        from cdp.server.app import create_app

        return create_app(settings)

    server = Granian(
        "cdp.server.app",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=settings.web_threads,
        backpressure=max(256, settings.web_threads * 2),
        log_level=LogLevels.error,
        log_access=False,
        workers_kill_timeout=8,
        ssl_cert=settings.tls_cert,
        ssl_key=settings.tls_key,
    )
    server.serve(target_loader=load, wrap_loader=False)
