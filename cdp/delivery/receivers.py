"""The channels that take what comes to ``/channels/…``, as they are configured just now."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import structlog

from cdp.config import Settings
from cdp.plugin import Channel, DestinationContext, Inbox
from cdp.plugin.manager import Plugins, failure
from cdp.store import Store, config_rows, meta
from cdp.store.config_rows import Destination
from cdp.store.destinations.plugin_errors import record_failures

logger = structlog.get_logger(__name__)

#: How long a change of the configuration may go unnoticed, in seconds.
FRESH_S = 0.4


class Misconfigured(Exception):
    """There is a destination, and no channel: its settings are wrong, its plugin is gone."""


class Receiver(NamedTuple):
    """A destination and its channel."""

    destination: Destination
    channel: Channel


class Receivers:
    """One `Channel` a destination, made when something comes for it.

    A destination that is switched off goes on to take what its provider has to tell of
    the messages it sent before.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        plugins: Plugins,
        inbox_of: Callable[[Destination], Inbox] | None = None,
    ) -> None:
        self._store, self._settings, self._inbox_of = store, settings, inbox_of
        self._classes = plugins.destinations()
        self._lock = threading.Lock()
        self._closed = False
        self._version, self._looked = -1, 0.0
        self._named: dict[str, Destination] = {}
        self._made: dict[int, Receiver] = {}

    def find(self, name: str) -> Receiver | None:
        """The channel of the destination with that key, or else that name.

        None if there is none, or if it carries no messages. Raises `Misconfigured`.
        """
        with self._lock:
            if self._closed:
                raise Misconfigured("closed")
            self._refresh()
            found = self._named.get(name)
            if found is None:
                return None
            made = self._made.get(found.id)
            if made is None:
                channel = self._make(found)
                if channel is None:
                    return None
                made = self._made[found.id] = Receiver(found, channel)
            return made

    def close(self) -> None:
        """Close all channels for good; streams that they hold open end."""
        with self._lock:
            self._closed = True
            for id_ in list(self._made):
                self._drop(id_)

    def failed(self, plugin: str, error: BaseException) -> None:
        """Keep what a channel's `receive` raised that nobody foresaw."""
        with self._store.write() as tx:
            record_failures(tx, [failure(plugin, "receive", error)], _now())

    def _refresh(self) -> None:
        moment = time.monotonic()
        if self._version >= 0 and moment - self._looked < FRESH_S:
            return
        with self._store.read() as tx:
            version = meta.version(tx)
            if version != self._version:
                # Of several with one name the first made has it; a key goes before all names.
                rows = config_rows.all_destinations(tx)[::-1]
                self._named = {row.name: row for row in rows} | {row.key: row for row in rows}
                now = {row.id: row for row in rows}
                for id_, (known, _) in list(self._made.items()):
                    if now.get(id_) != known:
                        self._drop(id_)
        self._version, self._looked = version, moment

    def _make(self, found: Destination) -> Channel | None:
        cls: Any = self._classes.get(found.plugin)
        if cls is not None and not issubclass(cls, Channel):
            return None
        try:
            if cls is None:
                raise LookupError(f"no plugin brings the destination {found.plugin!r}")
            settings = self._settings
            context = DestinationContext(
                found.name,
                settings.allow_private_addresses,
                settings.public_url or "",
                key=found.key,
            )
            if self._inbox_of is not None:
                context.inbox = self._inbox_of(found)
            made: Channel = cls(found.settings, context)
        except Exception as error:
            self.failed(found.plugin, error)
            raise Misconfigured(found.key) from error
        return made

    def _drop(self, id_: int) -> None:
        _, channel = self._made.pop(id_)
        try:
            channel.close()
        except Exception as error:
            logger.warning("channel_not_closed", plugin=channel.key, error=str(error)[:200])


def _now() -> int:
    return int(time.time() * 1000)
