"""Bringing events of our own into the log."""

from __future__ import annotations

import time

from cdp.config import Settings
from cdp.log import GroupCommit, open_log
from cdp.log.record import CHECKED, Record, checked_body
from cdp.store import Store, config_rows
from cdp.store.messages import emissions
from cdp.store.messages.emissions import Emission

#: Events in one record of the log, and after how long without any its part is ended.
MANY, IDLE_S = 200, 60.0


class Emitter:
    """Moves emissions into a part of the log; what was moved twice counts once there."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store, self._settings = store, settings
        self._log: GroupCommit | None = None
        self._used = 0.0

    def step(self) -> float:
        """Move some; seconds until it is worth asking again."""
        # On Postgres the rows stay locked until the log has them, so that each goes once;
        # on SQLite one process moves them, and nobody is kept from writing meanwhile.
        alone = self._store.dialect == "sqlite"
        with self._store.read() if alone else self._store.write() as tx:
            found = emissions.oldest(tx, MANY)
            if not found:
                self._rest()
                return 0.1
            sources = config_rows.own_sources(tx)
            if not alone:
                self._append(found, sources[0].id if sources else 0)
                emissions.gone(tx, [item.id for item in found])
        if alone:
            self._append(found, sources[0].id if sources else 0)
            with self._store.write() as tx:
                emissions.gone(tx, [item.id for item in found])
        return 0.0

    def _append(self, found: list[Emission], fallback: int) -> None:
        if self._log is None:
            self._log = open_log(self._settings, "system")
        self._used = time.monotonic()
        by_source: dict[int, list[bytes]] = {}
        for item in found:
            by_source.setdefault(item.source or fallback, []).append(item.body)
        now = int(time.time() * 1000)
        for source, bodies in by_source.items():
            # Checked: an event of ours may name its person by any identifier.
            body = checked_body((body, b"null") for body in bodies)
            self._log.append(Record(now, source, CHECKED, body))

    def close(self) -> None:
        """End the part."""
        if self._log is not None:
            self._log.close()
            self._log = None

    def _rest(self) -> None:
        if self._log is not None and time.monotonic() - self._used > IDLE_S:
            self.close()
