"""How much is done in one transaction: the more the cheaper, but others who write wait for it."""

from __future__ import annotations

#: Messages or timers to begin with, and how long others who write should wait at most.
BATCH, BATCH_S = 500, 0.4


class Fit:
    """A size that grows while there is more to do, up to ``most``."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.size = min(BATCH, most)

    def took(self, count: int, seconds: float) -> None:
        """Take more or fewer at once from now on, where it was all that could be taken."""
        if count >= self.size:
            fitting = int(self.size * min(2.0, BATCH_S / max(seconds, 0.001)))
            self.size = min(max(fitting, BATCH), self._most)
