"""When to try again, and how fast to go."""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable

FIRST_S, MOST_S = 0.5, 300.0


def pause_s(attempt: int, after: float | None, draw: Callable[[], float] = random.random) -> float:
    """Seconds to wait after the ``attempt``-th failure: exponential, with full jitter.

    What the provider asked for (``after``) is never undercut, at most a day.
    """
    most = min(MOST_S, FIRST_S * 2.0 ** min(attempt, 12))
    own = most / 2 + draw() * most / 2
    return max(own, min(after, 86_400.0)) if after is not None else own


class RateLimit:
    """At most ``rate`` calls a second, evenly spaced; shared by all lanes."""

    def __init__(
        self,
        rate: float | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._gap = 1.0 / rate if rate else 0.0
        self._clock, self._sleep = clock, sleep
        self._next = clock() + self._gap  # also across restarts: never two at once
        self._lock = threading.Lock()

    def wait(self, until: float = math.inf) -> bool:
        """Wait for this call's turn; False, and no turn taken, if it comes after ``until``."""
        if not self._gap:
            return True
        with self._lock:
            now = self._clock()
            at = max(self._next, now)
            if at <= until:
                self._next = at + self._gap
        if min(at, until) > now:
            self._sleep(min(at, until) - now)
        return at <= until
