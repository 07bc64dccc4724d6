"""What a driver of somebody else's does, waited for in time: not each of them has a deadline.

It works in a thread of its own. Nothing can end a thread that waits for a silent server, so
what is overdue is left to itself, and only so many are left for one name.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

#: How many threads may hang for one name.
MOST = 4

T = TypeVar("T")

_lock = threading.Lock()
_hanging: dict[str, list[threading.Thread]] = {}


class NotBegun(Exception):
    """It was not ready to work in time."""


class NotDone(Exception):
    """It was not done in time."""


class TooMany(Exception):
    """`MOST` threads hang already."""


class Attempt(Generic[T]):
    """One piece of work. It calls `begun` when it is ready to work."""

    def __init__(self, name: str, work: Callable[[Attempt[T]], T]) -> None:
        self._name, self._work = name, work
        self._ready, self._done = threading.Event(), threading.Event()
        self._left = False
        self._value: list[T] = []
        self._error: BaseException | None = None

    def begun(self) -> None:
        """Say that the work begins now; `NotBegun` if nobody waits for it any more."""
        with _lock:
            if self._left:
                raise NotBegun
            self._ready.set()

    def wait(self, ready_s: float | None, done_s: float) -> T:
        """What the work gives, or raises; `NotBegun` if it does not begin within ``ready_s``
        (None: however long that takes), `NotDone` if it takes ``done_s`` from then on."""
        if len(self._alive()) >= MOST:
            raise TooMany
        thread = threading.Thread(target=self._run, name=f"asking-{self._name}", daemon=True)
        thread.start()
        if not self._ready.wait(ready_s) and self._leave(thread):
            raise NotBegun
        if not self._done.wait(done_s):
            self._hang(thread)
            raise NotDone
        if self._error is not None:
            raise self._error
        return self._value[0]

    def _run(self) -> None:
        try:
            self._value.append(self._work(self))
        except BaseException as error:
            self._error = error
        self._done.set()
        self._ready.set()

    def _leave(self, thread: threading.Thread) -> bool:
        """Whether it has not become ready in the last moment; then nobody waits any more."""
        with _lock:
            if self._ready.is_set():
                return False
            self._left = True
        self._hang(thread)
        return True

    def _hang(self, thread: threading.Thread) -> None:
        with _lock:
            _hanging.setdefault(self._name, []).append(thread)

    def _alive(self) -> list[threading.Thread]:
        with _lock:
            alive = [thread for thread in _hanging.get(self._name, []) if thread.is_alive()]
            _hanging[self._name] = alive
            return alive
