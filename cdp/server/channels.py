"""What comes to channels from outside, wired to the store."""

from __future__ import annotations

import time

from flask import Flask

from cdp.config import Settings
from cdp.delivery.messages.reports import record_reports
from cdp.delivery.receivers import Receiver, Receivers
from cdp.plugin import Report
from cdp.plugin.manager import Plugins
from cdp.store import Store
from cdp.store.messages.inbox import PersonalInbox
from cdp.tracking.channels import create_channels_blueprint


def register(app: Flask, store: Store, settings: Settings, plugins: Plugins) -> Receivers:
    """Add the routes under ``/channels`` to ``app``; closing what is returned ends streams."""
    receivers = Receivers(
        store, settings, plugins, lambda found: PersonalInbox(store, found.id, found.enabled)
    )

    def record(receiver: Receiver, reports: list[Report]) -> None:
        channel = receiver.channel.channel
        record_reports(store, receiver.destination, channel, reports, int(time.time() * 1000))

    app.register_blueprint(create_channels_blueprint(receivers, record, settings))
    return receivers
