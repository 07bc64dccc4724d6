"""What of the log has been taken goes, and what is kept only for a while."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

from cdp.config import Settings
from cdp.log.open import Reader
from cdp.store import Store
from cdp.store.events import progress

_DROP_S, _CLEAN_S = 5.0, 600.0
_DAY_MS = 86_400_000


class Upkeep:
    """Tidies up after a pipeline, now and then."""

    def __init__(
        self, store: Store, reader: Reader, settings: Settings, clock: Callable[[], float]
    ) -> None:
        self._store, self._reader, self._settings = store, reader, settings
        self._clock = clock
        self._dropped = self._cleaned = 0.0
        self._synced: dict[str, int] = {}
        self._unheard: set[str] = set()

    def heard_nobody(self, part: str) -> None:
        """A part of the log holds what suppressed people said."""
        self._unheard.add(part)

    def tidy(
        self, taken: Mapping[str, int], epochs: Mapping[str, int], parts: list[str]
    ) -> Iterator[str]:
        """Drop what is ``taken`` (up to a position of each part); gives the parts that are gone.

        ``parts`` are those that the log has.
        """
        now = time.monotonic()
        if now - self._dropped > _DROP_S:
            self._dropped = now
            positions = dict(taken)
            if positions != self._synced:
                progress.sync(self._store)  # until here the log is the only copy on the disk
                self._synced = positions
            for part, position in positions.items():
                if self._drop(part, position, epochs[part], part in parts):
                    yield part
        if now - self._cleaned > _CLEAN_S:
            self._cleaned = now
            self._clean(taken)

    def _drop(self, part: str, position: int, epoch: int, there: bool) -> bool:
        """Drop what is taken of ``part``, all of it where nothing more can come."""
        self._reader.drop_taken(part, position)
        if not self._reader.ended(part, position):
            return not there
        with self._store.write() as tx:
            progress.end_part(tx, part, epoch, int(self._clock() * 1000))
        return self._reader.drop(part)

    def _clean(self, taken: Mapping[str, int]) -> None:
        if self._unheard:
            progress.sync(self._store)
        while self._unheard:  # of suppressed people the log keeps nothing for long, either
            part = self._unheard.pop()
            if part in taken:
                self._reader.forget_taken(part, taken[part])
        before = int(self._clock() * 1000) - self._settings.rejected_days * _DAY_MS
        with self._store.write() as tx:
            progress.drop_rejected(tx, before)
