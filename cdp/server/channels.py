"""What comes to channels from outside, wired to the store."""

from __future__ import annotations

import time

from flask import Flask

from cdp.config import Settings
from cdp.delivery.receivers import Receiver, Receivers
from cdp.plugin import Report
from cdp.plugin.manager import Plugins
from cdp.store import Store, told
from cdp.tracking.channels import create_channels_blueprint


def register(app: Flask, store: Store, settings: Settings, plugins: Plugins) -> Receivers:
    """Add the routes under ``/channels`` to ``app``; closing what is returned ends streams."""
    receivers = Receivers(store, settings, plugins)

    def record(receiver: Receiver, reports: list[Report]) -> None:
        with store.write() as tx:
            told.record(tx, receiver.destination.id, reports, int(time.time() * 1000))

    app.register_blueprint(create_channels_blueprint(receivers, record, settings))
    return receivers
