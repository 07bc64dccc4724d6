"""The destinations as they are configured just now, ready to send."""

from __future__ import annotations

import threading
import time
from typing import Any

from cdp.conditions import ConditionError, read_filter
from cdp.config import Settings
from cdp.delivery.sending import Sender
from cdp.plugin import DestinationContext
from cdp.plugin.manager import Plugins, failure
from cdp.store import Store, config_rows, meta
from cdp.store.config_rows import Destination
from cdp.store.destinations import streams as delivery
from cdp.store.destinations.plugin_errors import record_failures


class Senders:
    """One `Sender` a destination, made when it is first needed.

    ``refresh`` reads the configuration if it changed and says which senders are no
    longer valid; the caller closes them with `drop` when their streams have ended.
    """

    def __init__(self, store: Store, settings: Settings, plugins: Plugins) -> None:
        self._store, self._settings = store, settings
        self._classes = plugins.destinations()
        self._version = -1
        self._held: dict[int, tuple[Destination, Sender]] = {}
        self._broken: set[tuple[int, int]] = set()
        self._lock = threading.Lock()
        self.destinations: dict[int, Destination] = {}

    @property
    def known(self) -> bool:
        """Whether the configuration has been read."""
        return self._version >= 0

    def held(self, destination_id: int) -> Any:
        """The plugin's object of a destination, if one was made."""
        held = self._held.get(destination_id)
        return held[1].destination if held is not None else None

    def refresh(self) -> set[int] | None:
        """None if nothing changed; else the numbers of the destinations to `drop`."""
        with self._store.read() as tx:
            version = meta.version(tx)
            if version == self._version:
                return None
            self.destinations = {item.id: item for item in config_rows.all_destinations(tx)}
        self._version = version
        return {id_ for id_, (old, _) in self._held.items() if self.destinations.get(id_) != old}

    def get(self, destination: Destination) -> Sender | None:
        """The sender of a destination; None if its plugin, settings or filter are wrong."""
        with self._lock:
            held = self._held.get(destination.id)
            if held is not None:
                return held[1]
            try:
                cls = self._classes.get(destination.plugin)
                if cls is None:
                    raise LookupError(f"no plugin brings the destination {destination.plugin!r}")
                _check_filter(destination)
                context = DestinationContext(
                    destination.name,
                    self._settings.allow_private_addresses,
                    self._settings.public_url or "",
                    key=destination.key,
                )
                made: Any = cls(destination.settings, context)
            except BaseException as error:
                self._refuse(destination, error)
                return None
            sender = Sender(destination.id, made)
            self._held[destination.id] = (destination, sender)
            return sender

    def enabled(self, destination_id: int) -> Sender | None:
        """The sender of a destination that is switched on."""
        found = self.destinations.get(destination_id)
        return self.get(found) if found is not None and found.enabled else None

    def interrupt(self) -> None:
        """End all lanes after the call in flight."""
        for _, sender in list(self._held.values()):
            sender.stopping.set()

    def drop(self, destination_id: int) -> None:
        """Close a sender."""
        with self._lock:
            held = self._held.pop(destination_id, None)
        if held is not None:
            held[1].stopping.set()
            try:
                held[1].close()
            except BaseException as error:
                found = failure(held[0].plugin, "close", error)
                with self._store.write() as tx:
                    record_failures(tx, [found], int(time.time() * 1000))

    def close(self) -> None:
        """Close all senders."""
        for id_ in list(self._held):
            self.drop(id_)

    def _refuse(self, destination: Destination, error: BaseException) -> None:
        """A destination whose settings or plugin are wrong is stopped, and says why."""
        if (destination.id, destination.updated_at) in self._broken:
            return
        self._broken.add((destination.id, destination.updated_at))
        now = int(time.time() * 1000)
        with self._store.write() as tx:
            record_failures(tx, [failure(destination.plugin, "settings", error)], now)
            text = str(error)[:1000] or type(error).__name__
            delivery.stop_stream(tx, f"destination:{destination.id}", text, now)


def _check_filter(destination: Destination) -> None:
    """A filter that can't be read lets nothing through, and is to be seen."""
    try:
        read_filter(destination.filter)
    except ConditionError as error:
        raise ValueError(f"its filter can't be read: {error.located}") from None
