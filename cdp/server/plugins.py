"""The plugins as the pipeline meets them."""

from __future__ import annotations

import time
from typing import Any

from cdp.config import Settings
from cdp.events import Message
from cdp.store import Store


class PluginEnricher:
    """Calls `enrich` hooks with a deadline; what they raise is kept against them."""

    def __init__(self, plugins: Any, store: Store, settings: Settings) -> None:
        self._plugins, self._store = plugins, store
        self._deadline_s = settings.enrich_deadline_ms / 1000
        self.wanted = bool(plugins.subscribers("enrich"))

    def tells_changes(self) -> bool:
        """Whether any plugin follows changes of profiles."""
        return bool(self._plugins.subscribers("on_profile_changes"))

    def enrich(self, messages: list[Message]) -> dict[int, dict[str, Any]]:
        """What plugins add to each message, by its index."""
        additions, failures = self._plugins.call_enrich(messages, self._deadline_s)
        if failures:
            from cdp.store.destinations.plugin_errors import record_failures

            with self._store.write() as tx:
                record_failures(tx, failures, int(time.time() * 1000))
        found: dict[int, dict[str, Any]] = additions
        return found
