"""The front of the app: what takes messages, and says whether all is well.

It needs little and is there in a moment. While the rest is still being put together,
`Opening` lets it work alone.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from flask import Flask

from cdp import tracking
from cdp.config import Settings
from cdp.log import GroupCommit
from cdp.server import health
from cdp.server.sessions import ConsoleSessions
from cdp.server.sources import Sources
from cdp.store import Store, meta

logger = structlog.get_logger(__name__)


def create_front(settings: Settings, store: Store, log: GroupCommit) -> Flask:
    """The app without its pages and APIs; ``extensions["sources"]`` is to be closed."""
    app = Flask("cdp", static_folder=None)
    app.session_interface = ConsoleSessions()
    app.json.sort_keys = False  # type: ignore[attr-defined]
    with store.read() as tx:
        app.secret_key = meta.get(tx, "cookie_secret")
    app.extensions["sources"] = sources = Sources(store)
    app.register_blueprint(tracking.create_blueprint(log, sources, settings=settings))
    health.register(app, store, log, settings)
    return app


class Opening:
    """A WSGI app that is the ``front`` until ``make`` has given the whole one.

    Calls that bring messages, and questions after its health, are answered meanwhile;
    who asks for anything else waits. When the whole can't be made the process ends.
    """

    def __init__(self, front: Flask, make: Callable[[], Flask]) -> None:
        self._front = front
        self._whole: Flask | None = None
        self._made = threading.Event()
        threading.Thread(target=self._run, args=(make,), name="opening", daemon=True).start()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        app = self._whole
        if app is None:
            app = self._front if self._is_for_front(environ) else self.whole()
        return app(environ, start_response)

    def whole(self) -> Flask:
        """The whole app, once it is there."""
        self._made.wait()
        assert self._whole is not None
        return self._whole

    def _is_for_front(self, environ: dict[str, Any]) -> bool:
        # What SDKs fetch may need functions that plugins bring.
        health_asked = environ["PATH_INFO"] in health.PATHS
        if environ["REQUEST_METHOD"] not in ("POST", "OPTIONS") and not health_asked:
            return False
        return self._front.url_map.bind_to_environ(environ).test()

    def _run(self, make: Callable[[], Flask]) -> None:
        try:
            self._whole = make()
        except BaseException:
            logger.exception("cannot_open")
            os._exit(1)
        else:
            self._made.set()
            self._front.extensions["sources"].close()
