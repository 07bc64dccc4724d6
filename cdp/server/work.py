"""The pipeline's and the delivery's process, and `cdp worker`, which is both."""

from __future__ import annotations

import os
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from sqlalchemy.exc import DBAPIError

from cdp.config import Settings
from cdp.log import open_reader
from cdp.pipeline import forget, kept_files, own_queries
from cdp.pipeline.garbage import Garbage
from cdp.pipeline.run import Pipeline
from cdp.plugin import manager
from cdp.server.functions import know_functions
from cdp.server.plugins import PluginEnricher
from cdp.store import Store, meta
from cdp.store.events import progress

logger = structlog.get_logger(__name__)

HEARTBEAT = "pipeline_seen"
HEARTBEAT_S = 10.0
_OWNER_LOCK = 0x48656164  # any fixed number: the pipeline's advisory lock


def _stop_on_signal() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def run_pipeline(settings: Settings, stop: threading.Event | None = None) -> None:
    """Own the log and fold it into the store until SIGTERM.

    On Postgres one process at a time is the owner; the others wait for its lock. One
    that was deposed (its connection broke, another took over) waits anew.
    """
    stop = stop or _stop_on_signal()
    garbage = Garbage()
    garbage.begin()
    store = Store.open(settings)
    plugins = know_functions(manager.load(settings.plugin_folder))
    enricher = PluginEnricher(plugins, store, settings)
    while not stop.is_set():
        try:
            with _ownership(store, stop) as owner:
                if owner:
                    _own(store, settings, enricher, stop, garbage)
        except (DBAPIError, OSError) as error:
            # The database is away, and with it our lock: begin anew.
            logger.error("pipeline_waits", error=str(error).splitlines()[:1])
            stop.wait(1.0)
    store.close()


def _own(
    store: Store,
    settings: Settings,
    enricher: PluginEnricher,
    stop: threading.Event,
    garbage: Garbage,
) -> None:
    """Run the pipeline as its owner, until ``stop`` or until another took over."""
    beat_stop = threading.Event()
    beat = threading.Thread(target=_beat, args=(store, beat_stop), daemon=True)
    beat.start()
    forgetting = threading.Thread(target=forget.run, args=(store, settings, beat_stop), daemon=True)
    forgetting.start()
    asking = threading.Thread(
        target=own_queries.run, args=(store, settings, beat_stop), daemon=True
    )
    asking.start()
    filing = threading.Thread(target=kept_files.run, args=(store, settings, beat_stop), daemon=True)
    filing.start()
    reader = open_reader(settings)
    try:
        Pipeline(store, reader, settings, enricher).run(stop, garbage)
    except progress.Deposed as error:
        logger.warning("pipeline_deposed", part=str(error))
    finally:
        beat_stop.set()
        beat.join(5)
        forgetting.join(5)
        filing.join(5)
        asking.join(1)  # a query may take longer: it has changed nothing yet
        reader.close()


@contextmanager
def _ownership(store: Store, stop: threading.Event) -> Iterator[bool]:
    """Hold the pipeline's lock; False when asked to stop while waiting for it."""
    if store.dialect == "sqlite":
        yield True  # the folder is locked already
        return
    with store.engine.connect() as connection:
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        while not stop.is_set():
            got = connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({_OWNER_LOCK})").scalar()
            if got:
                break
            stop.wait(0.5)
        if stop.is_set():
            yield False
            return
        try:
            yield True
        finally:
            try:
                connection.exec_driver_sql(f"SELECT pg_advisory_unlock({_OWNER_LOCK})")
            except DBAPIError:
                connection.invalidate()  # the lock went with the connection


def _beat(store: Store, stop: threading.Event) -> None:
    """Leave a sign of life that /readyz looks for."""
    while True:
        try:
            # Else it would wait for the disk to have all that the pipeline wrote before it.
            with store.write(synced=False) as tx:
                meta.put(tx, HEARTBEAT, str(int(time.time() * 1000)))
        except Exception as error:  # the pipeline itself reports what is wrong
            logger.warning("no_heartbeat", error=str(error).splitlines()[0])
        if stop.wait(HEARTBEAT_S):
            return


def run_delivery(
    settings: Settings, stop: threading.Event | None = None, me: str | None = None
) -> None:
    """Carry events to destinations and plugins until SIGTERM; with Redis, through jobs.

    ``me`` is a name that outlives a restart, where only one process can have it.
    """
    stop = stop or _stop_on_signal()
    store = Store.open(settings)
    plugins = know_functions(manager.load(settings.plugin_folder))
    if settings.redis_url:
        from cdp.jobs.work import serve_jobs

        serve_jobs(settings, store, plugins, stop, work=True)
    else:
        from cdp.delivery.engine import Delivery

        Delivery(store, settings, plugins, me=me).run(stop)
    store.close()


def name_of_folder(settings: Settings) -> str:
    """The name of the one server that can hold this data folder, kept in it.

    After a crash it goes on with its own claims at once, instead of waiting until
    they have run out.
    """
    path = settings.data / "name"
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        name = f"{os.uname().nodename}-{uuid.uuid4().hex[:12]}"
        path.write_text(name)
        return name


def run_worker(settings: Settings) -> None:
    """`cdp worker`: the pipeline (if nobody else has it) and delivery, until SIGTERM."""
    stop = _stop_on_signal()
    pipeline = threading.Thread(target=run_pipeline, args=(settings, stop), daemon=True)
    pipeline.start()
    run_delivery(settings, stop)
    pipeline.join(10)
