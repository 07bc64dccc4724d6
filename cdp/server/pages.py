"""The public pages, wired to the store."""

from __future__ import annotations

import atexit
from multiprocessing.util import Finalize

from flask import Flask

from cdp.config import Settings
from cdp.delivery.messages.seen import Seeing
from cdp.pages import create_blueprint
from cdp.store import Store


def register(app: Flask, store: Store, settings: Settings) -> Seeing:
    """Add the public pages to ``app``; closing what is returned keeps the visits that wait."""
    seeing = Seeing(store, folder=settings.data / "visits")
    Finalize(None, seeing.close, exitpriority=10)  # in a worker of granian
    atexit.register(seeing.close)
    app.register_blueprint(create_blueprint(store, seeing))
    return seeing
