"""The APIs: Segment's Profile API, and the admin API for all that the console can do.

`profiles` is Segment's. The admin API is made of rooms (`room`), one a noun, that
`admin` puts together with the OpenAPI document; `auth` knows tokens and scopes,
`errors` the one shape of errors.
"""

from __future__ import annotations

from typing import Any

from flask import Flask

from cdp.config import Settings
from cdp.store import Store


def register(app: Flask, store: Store, settings: Settings, plugins: Any) -> None:
    """Add the APIs to ``app``."""
    from cdp.api import addresses, admin, inbound, profiles, send, triggers

    addresses.allow(app)
    app.register_blueprint(profiles.create_blueprint(store, settings))
    app.register_blueprint(send.create_blueprint(store))
    app.register_blueprint(triggers.create_blueprint(store))
    app.register_blueprint(inbound.create_blueprint(store, app.extensions["sources"]))
    admin.register(app, store, settings, plugins)
