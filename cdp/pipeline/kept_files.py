"""Writing closed partitions into Parquet files, beside the pipeline."""

from __future__ import annotations

from threading import Event

import structlog
from sqlalchemy.exc import DBAPIError

from cdp.config import Settings
from cdp.store import Store, StoreBusy
from cdp.store.events import kept_files

logger = structlog.get_logger(__name__)

#: How long to rest after a file, so that a long past takes no core for itself, and when
#: there is nothing to do.
_REST_S, _IDLE_S, _FAILED_S = 0.2, 10.0, 60.0


def run(store: Store, settings: Settings, stop: Event) -> None:
    """Keep the files in step with the history until ``stop``; have none if they are unwanted."""
    begun = False
    while not stop.is_set():
        try:
            if not begun:
                begin(store, settings)
                begun = True
            if not settings.columnar_history:
                return
            rest = _REST_S
            if not kept_files.write_next(store):
                kept_files.remove_unlisted(store)
                rest = _IDLE_S
        except (DBAPIError, StoreBusy, OSError) as error:
            # Without files the store itself is asked.
            logger.warning("columns_not_written", error=str(error).splitlines()[0])
            rest = _FAILED_S
        stop.wait(rest)


def begin(store: Store, settings: Settings) -> None:
    """Take up what is there, or do away with it where it is unwanted."""
    if store.path is None:
        return
    if not settings.columnar_history:
        with store.read() as tx:
            there = bool(kept_files.listed(tx))
        if there:
            with store.write() as tx:
                kept_files.forget_all(tx)
    kept_files.tidy(store)
