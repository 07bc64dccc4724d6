"""When the pipeline's process looks for garbage that reference counts don't free.

A micro-batch makes some 100,000 objects and keeps a tenth of them in what is remembered
of people; Python's own rule looks through all that is kept again and again, up to half a
second at once, and finds next to nothing: the pipeline makes no cycles. So what is left
of a micro-batch is set aside unseen, and all of it is looked through when it is quiet.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

#: Net new objects in one micro-batch after which Python looks by itself all the same.
_AT_ONCE = 1_000_000
#: A sample that found as much says that somebody (a plugin) does make cycles.
_MUCH = 100
#: Most micro-batches from one sample to the next.
_SELDOM = 64
#: When all is looked through: after so long without work, or with work, since the last time.
_QUIET_S, _LATEST_S = 5.0, 600.0


class Garbage:
    """The collector of this process, from `begin` on; only its one pipeline uses it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._worked = self._looked = clock()
        self._unseen = False
        self._left = self._every = 1

    @staticmethod
    def begin() -> None:
        """Set aside what was imported; from now on `worked` and `rests` say when to look."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(_AT_ONCE, 20, 50)

    def worked(self) -> None:
        """A micro-batch is done: what it left is kept, but for a sample of cycles among it."""
        self._left -= 1
        if self._left <= 0:
            self._every = 1 if gc.collect(0) >= _MUCH else min(self._every * 2, _SELDOM)
            self._left = self._every
        gc.freeze()
        self._unseen, self._worked = True, self._clock()
        if self._worked - self._looked >= _LATEST_S:
            self._look()

    def rests(self) -> None:
        """There is nothing to do: once it has been quiet for a while, look through all."""
        if self._unseen and self._clock() - self._worked >= _QUIET_S:
            self._look()

    def _look(self) -> None:
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        self._unseen, self._looked = False, self._clock()
