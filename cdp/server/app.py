"""The Flask app: tracking, APIs and console on one port."""

from __future__ import annotations

from flask import Flask

from cdp import api, console
from cdp.config import Settings
from cdp.demo import Demo
from cdp.log import GroupCommit
from cdp.pages import language
from cdp.pages.preferences import sample
from cdp.plugin import manager
from cdp.server import channels, pages
from cdp.server.front import create_front
from cdp.server.functions import know_functions
from cdp.store import Store


def create_app(settings: Settings, store: Store, log: GroupCommit) -> Flask:
    """Compose the app. The store must be migrated (`cdp.server.bootstrap`)."""
    app = create_front(settings, store, log)
    plugins = know_functions(manager.load(settings.plugin_folder))
    app.extensions["receivers"] = channels.register(app, store, settings, plugins)
    app.extensions["seeing"] = pages.register(app, store, settings)
    api.register(app, store, settings, plugins)
    services = console.Services(
        append=log.append, plugins=plugins, demo=Demo(store, settings),
        preferences=sample, page_languages=language.names(),
    )  # fmt: skip
    app.register_blueprint(console.create_blueprint(store, settings, services))
    return app
