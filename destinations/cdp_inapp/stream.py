"""Server-sent events: a person's messages, again whenever they change."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

#: How often it is looked whether anything changed; how often something is said, so that
#: dead connections are noticed; how long a stream lives. In seconds.
LOOK_S, BEAT_S, LIFE_S = 1.0, 15.0, 300.0
#: Streams of one person at the same time: tabs that are in view.
EACH = 3


class Places:
    """Counts the streams of each person."""

    def __init__(self) -> None:
        self._taken: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    def take(self, person: tuple[str, str]) -> bool:
        """Whether there is one more for this person."""
        with self._lock:
            taken = self._taken.get(person, 0)
            if taken >= EACH:
                return False
            self._taken[person] = taken + 1
            return True

    def free(self, person: tuple[str, str]) -> None:
        """Give one back."""
        with self._lock:
            taken = self._taken.pop(person) - 1
            if taken:
                self._taken[person] = taken


class Stream:
    """An iterator of events; ``look`` says how things stand, as JSON in one line."""

    def __init__(
        self,
        look: Callable[[], bytes],
        until: float,
        stopped: threading.Event,
        ended: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look, self._until, self._stopped, self._ended = look, until, stopped, ended
        self._clock = clock
        self._told: bytes | None = None
        self._spoke = clock()
        self._open = True

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> bytes:
        while not self._stopped.is_set() and self._clock() < self._until:
            found = self._look()
            if found != self._told:
                begin = b"retry: 2000\n" if self._told is None else b""
                self._told, self._spoke = found, self._clock()
                return begin + b"event: messages\ndata: " + found + b"\n\n"
            if self._clock() - self._spoke >= BEAT_S:
                self._spoke = self._clock()
                return b": still here\n\n"
            self._stopped.wait(LOOK_S)
        self.close()
        raise StopIteration

    def close(self) -> None:
        """Give the place back; the server calls it when the client has gone."""
        if self._open:
            self._open = False
            self._ended()
