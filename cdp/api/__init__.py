"""The APIs: Segment's Profile API, and the admin API for all that the console can do."""

from __future__ import annotations

from typing import Any

from flask import Flask

from cdp.config import Settings
from cdp.store import Store


def register(app: Flask, store: Store, settings: Settings, plugins: Any) -> None:
    """Add the APIs to ``app``."""
    from cdp.api import profiles

    app.register_blueprint(profiles.create_blueprint(store, settings))
