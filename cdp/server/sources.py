"""The sources as the tracking endpoints need them: in memory, fresh within a second."""

from __future__ import annotations

import threading
import time
from typing import Any

import structlog

from cdp.store import Store, config_rows, meta
from cdp.store.config_rows import Destination, Source
from cdp.tracking.routing import routing_rules

logger = structlog.get_logger(__name__)

REFRESH_S = 0.4


class Sources:
    """Sources by write key; a thread follows the configuration's version.

    When the store is away, what was known goes on to answer: accepting does not
    depend on it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._version = -1
        self._by_key: dict[str, Source] = {}
        self._destinations: list[Destination] = []
        self._stop = threading.Event()
        self._load()
        self._thread = threading.Thread(target=self._follow, name="sources", daemon=True)
        self._thread.start()

    def by_write_key(self, key: str) -> Source | None:
        """The source with that write key."""
        return self._by_key.get(key)

    def routing_rules(self, source: Source) -> list[dict[str, Any]]:
        """What pages apply to what they send to the source's destinations by themselves."""
        return routing_rules(
            item
            for item in self._destinations
            if item.enabled and item.source_id in (None, source.id)
        )

    def close(self) -> None:
        """Stop following; the store is left alone when this returns."""
        self._stop.set()
        self._thread.join()

    def _load(self) -> None:
        with self._store.read() as tx:
            version = meta.version(tx)
            if version != self._version:
                self._by_key = {s.write_key: s for s in config_rows.all_sources(tx)}
                self._destinations = config_rows.all_destinations(tx)
                self._version = version

    def _follow(self) -> None:
        complained = 0.0
        while not self._stop.wait(REFRESH_S):
            try:
                self._load()
            except Exception as error:  # the next round tries again
                if time.monotonic() - complained > 30:
                    complained = time.monotonic()
                    logger.warning("sources_not_refreshed", error=str(error).splitlines()[0])
