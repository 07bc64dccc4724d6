"""Which parts the log has, whose turn it is, and how far each is taken."""

from __future__ import annotations

import time

from cdp.log.open import Reader
from cdp.pipeline.clock import NO_NEWS
from cdp.store import Store
from cdp.store.events import progress

_POLL_S = 0.2
#: Once in so many turns what is history comes before live traffic: it is never starved for good.
_EVERY = 8


class Turns:
    """The parts of a log, for the one who owns it.

    ``positions`` are the last ones that are taken, as far as they are known here, and
    ``epochs`` tell this owner from one that deposed it (`progress.take_over`), by part.
    """

    def __init__(self, store: Store, reader: Reader) -> None:
        self._store, self._reader = store, reader
        self._turn = 0
        self._listed = float("-inf")
        self.parts: list[str] = []
        self.positions: dict[str, int] = {}
        self.epochs: dict[str, int] = {}

    def order(self) -> list[str]:
        """The parts as they are asked this time: who is always full starves no other."""
        now = time.monotonic()
        if now - self._listed > _POLL_S:
            self._listed, self.parts = now, self._reader.parts()
        self._turn += 1
        first = self._turn % max(1, len(self.parts))
        turned = self.parts[first:] + self.parts[:first]
        parts = sorted(turned, key=lambda part: part.startswith(NO_NEWS))
        if self._turn % _EVERY == 0:
            parts.reverse()
        return parts

    def position(self, part: str, now: int) -> int:
        """How far a part is taken; it is ours from the first time on, at ``now`` (ms)."""
        if part not in self.positions and part in self.epochs:
            with self._store.read() as tx:
                self.positions[part] = progress.position(tx, part, self.epochs[part])
        elif part not in self.positions:
            with self._store.write() as tx:
                position, epoch = progress.take_over(tx, part, now)
            self.positions[part], self.epochs[part] = position, epoch
        return self.positions[part]

    def forget(self, part: str) -> None:
        """A part is no more: look anew which there are."""
        del self.positions[part], self.epochs[part]
        self._listed = float("-inf")
