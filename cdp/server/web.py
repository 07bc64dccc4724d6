"""The web process: granian over the Flask app."""

from __future__ import annotations

import atexit
from multiprocessing.util import Finalize

from flask import Flask

from cdp.config import Settings
from cdp.log import open_log
from cdp.server.front import Opening, create_front
from cdp.server.process import die_with_parent, when_asked_to_stop
from cdp.store import Store


def run_web(settings: Settings) -> None:
    """Serve HTTP until SIGTERM; requests in flight are finished."""
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    def load() -> Opening:
        die_with_parent()
        opening = _open(settings)
        # Requests in flight are waited for, and streams would never end by themselves.
        when_asked_to_stop(lambda: opening.whole().extensions["receivers"].close())
        return opening

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


def _open(settings: Settings) -> Opening:
    """The app, which takes messages at once."""
    store, log = Store.open(settings), open_log(settings)
    Finalize(None, log.close, exitpriority=10)  # in a worker of granian
    atexit.register(log.close)

    def make() -> Flask:
        from cdp.server.app import create_app

        return create_app(settings, store, log)

    return Opening(create_front(settings, store, log), make)
