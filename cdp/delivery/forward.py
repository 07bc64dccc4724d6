"""Telling destinations that a person was deleted, with retries like any delivery's."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from cdp.config import Settings
from cdp.delivery.backoff import pause_s
from cdp.plugin import Destination, DestinationContext, Retry
from cdp.plugin.manager import failure
from cdp.store import Store, config_rows
from cdp.store.destinations.plugin_errors import record_failures
from cdp.store.profiles import regulations
from cdp.store.profiles.regulations import Forward

#: How long a call may take before another process tries it.
CLAIM_MS = 120_000
_IDLE_S = 1.0


class Forwarder:
    """Calls ``on_delete`` of the destinations that have one, for each regulation that asks.

    ``step`` returns the seconds after which it wants to be called again.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        classes: Mapping[str, type[Destination]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._settings, self._classes = store, settings, classes
        self._clock = clock
        self._retry_ms = int(settings.retry_hours * 3_600_000)

    def step(self) -> float:
        """Tell what is due."""
        now = int(self._clock() * 1000)
        with self._store.read() as tx:
            due = regulations.due_forwards(tx, now)
        done = 0
        for item in due:
            done += self._tell(item, now)
        return 0.0 if done else _IDLE_S

    def _tell(self, item: Forward, now: int) -> bool:
        with self._store.read() as tx:
            about = regulations.get(tx, item.regulation)
        if about is None or about.work is None or about.phase == "finding":
            return False  # not all of a person's identifiers are known yet
        claimed = item._replace(next_at=now + CLAIM_MS)
        with self._store.write() as tx:
            if not regulations.claim_forward(tx, item, claimed.next_at):
                return False
        identifiers = [(str(type_), str(value)) for type_, value in about.work["identifiers"]]
        error = self._call(item.destination_id, identifiers, now)
        state, next_at = ("done", now) if error is None else ("failed", now)
        if isinstance(error, _Unsupported):
            state, error = "unsupported", None
        elif error is not None and not self._is_over(error, about.created_at, now):
            after = error.after if isinstance(error, Retry) else None
            state, next_at = "waiting", now + int(pause_s(item.attempts, after) * 1000)
        with self._store.write() as tx:
            told = item._replace(
                state=state,
                attempts=item.attempts + 1,
                next_at=next_at,
                # The text of an answer may repeat whom it is about.
                error=type(error).__name__ if error is not None else None,
            )
            regulations.put_forward(tx, told)
        return True

    def _is_over(self, error: BaseException, since: int, now: int) -> bool:
        lasting = type(error).__name__ in ("Reject", "Stop")
        return lasting or now - since > self._retry_ms

    def _call(
        self, number: int, identifiers: list[tuple[str, str]], now: int
    ) -> BaseException | None:
        with self._store.read() as tx:
            found = {item.id: item for item in config_rows.all_destinations(tx)}.get(number)
        cls = self._classes.get(found.plugin) if found is not None else None
        if found is None or cls is None or cls.on_delete is Destination.on_delete:
            return _Unsupported()
        try:
            allow = self._settings.allow_private_addresses
            destination = cls(found.settings, DestinationContext(found.name, allow))
            destination.open()
            try:
                destination.on_delete(identifiers)
            finally:
                destination.close()
        except NotImplementedError:
            return _Unsupported()
        except BaseException as error:
            told = failure(found.plugin, "on_delete", error)
            hidden = told._replace(error=type(error).__name__, traceback="")
            with self._store.write() as tx:
                record_failures(tx, [hidden], now)
            return error
        return None


class _Unsupported(Exception):
    """The destination knows no deletion, was told to tell of none, or is gone."""
