"""The Flask app: tracking, APIs and console on one port."""

from __future__ import annotations

import atexit
from multiprocessing.util import Finalize

from flask import Flask

from cdp import api, console, tracking
from cdp.config import Settings
from cdp.demo import Demo
from cdp.log import GroupCommit, open_log
from cdp.pages import language
from cdp.pages.preferences import sample
from cdp.plugin import manager
from cdp.server import channels, health, pages
from cdp.server.functions import know_functions
from cdp.server.sessions import ConsoleSessions
from cdp.server.sources import Sources
from cdp.store import Store, meta


def create_app(
    settings: Settings, store: Store | None = None, log: GroupCommit | None = None
) -> Flask:
    """Compose the app. The store must be migrated (`cdp.server.bootstrap`)."""
    store = store or Store.open(settings)
    if log is None:
        log = open_log(settings)
        Finalize(None, log.close, exitpriority=10)  # in a worker of granian
        atexit.register(log.close)
    app = Flask("cdp", static_folder=None)
    app.session_interface = ConsoleSessions()
    app.json.sort_keys = False  # type: ignore[attr-defined]
    with store.read() as tx:
        app.secret_key = meta.get(tx, "cookie_secret")
    app.extensions["sources"] = sources = Sources(store)
    plugins = know_functions(manager.load(settings.plugin_folder))
    app.register_blueprint(tracking.create_blueprint(log, sources, settings=settings))
    app.extensions["receivers"] = channels.register(app, store, settings, plugins)
    app.extensions["seeing"] = pages.register(app, store, settings)
    health.register(app, store, log, settings)
    api.register(app, store, settings, plugins)
    services = console.Services(
        append=log.append, plugins=plugins, demo=Demo(store, settings),
        preferences=sample, page_languages=language.names(),
    )  # fmt: skip
    app.register_blueprint(console.create_blueprint(store, settings, services))
    return app
