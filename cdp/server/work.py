"""The pipeline's and the delivery's process."""

from __future__ import annotations

import os
import signal
import threading
import time

from cdp.config import Settings
from cdp.log import open_reader
from cdp.pipeline import Pipeline
from cdp.plugin import manager
from cdp.server.plugins import PluginEnricher
from cdp.store import Store, meta

HEARTBEAT = "pipeline_seen"
HEARTBEAT_S = 10.0


def _stop_on_signal() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def run_pipeline(settings: Settings) -> None:
    """Own the log and fold it into the store until SIGTERM."""
    stop = _stop_on_signal()
    store = Store.open(settings)
    enricher = PluginEnricher(manager.load(settings.plugin_folder), store, settings)
    reader = open_reader(settings)
    threading.Thread(target=_beat, args=(store, stop), name="heartbeat", daemon=True).start()
    Pipeline(store, reader, settings, enricher).run(stop)
    reader.close()
    store.close()


def _beat(store: Store, stop: threading.Event) -> None:
    """Leave a sign of life that /readyz looks for."""
    while True:
        with store.write() as tx:
            meta.put(tx, HEARTBEAT, str(int(time.time() * 1000)))
        if stop.wait(HEARTBEAT_S):
            return


def run_delivery(settings: Settings) -> None:
    """Carry events to destinations and plugins until SIGTERM."""
    from cdp.delivery.engine import Delivery

    stop = _stop_on_signal()
    store = Store.open(settings)
    plugins = manager.load(settings.plugin_folder)
    Delivery(store, settings, plugins, me=f"serve-{os.uname().nodename}").run(stop)
    store.close()
