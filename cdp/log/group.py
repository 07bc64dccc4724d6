"""Group commit: many requests wait, one thread writes, one fsync serves all."""

from __future__ import annotations

from _thread import allocate_lock
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

import structlog

from cdp.log.record import Record, to_row

logger = structlog.get_logger(__name__)

#: Records in one transaction at most; bounds the time a request waits.
MAX_GROUP = 1024


class LogFull(RuntimeError):
    """Too many requests wait for the log; the client should come back later."""


class LogUnavailable(RuntimeError):
    """The log cannot be written: the disk is full, the database is away."""


class _Waiting:
    __slots__ = ("error", "lock", "row")

    def __init__(self, row: tuple[Any, ...], wait: bool) -> None:
        self.row = row
        self.error: Exception | None = None
        self.lock = allocate_lock() if wait else None
        if self.lock:
            self.lock.acquire()


class GroupCommit:
    """Append records; `append` returns when they are on disk.

    ``write`` takes a list of rows, makes them durable in one transaction, and
    raises if it can't; it is only called from the writer thread. At most
    ``bound`` records wait. ``part`` names the part of the log that is written now.
    """

    def __init__(
        self,
        write: Callable[[list[tuple[Any, ...]]], None],
        bound: int,
        close: Callable[[], None] | None = None,
        part: Callable[[], str] = str,
    ) -> None:
        self._part = part
        self._write = write
        self._close = close
        self._bound = bound
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self.closed = False
        #: Why the last write failed; None when it did not.
        self.failing: str | None = None
        self._thread = Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    @property
    def part(self) -> str:
        """The part of the log that is written."""
        return self._part()

    def append(self, record: Record) -> None:
        """Keep ``record``; returns after the fsync. `LogFull`, `LogUnavailable`."""
        waiting = self._put(record, wait=True)
        assert waiting.lock is not None
        waiting.lock.acquire()
        if waiting.error is not None:
            raise LogUnavailable(str(waiting.error)) from waiting.error

    def offer(self, record: Record) -> bool:
        """Keep ``record`` if there is room, without waiting; says whether it was queued."""
        if self._queue.qsize() * 2 > self._bound:
            return False
        try:
            self._put(record, wait=False)
        except (LogFull, LogUnavailable):
            return False
        return True

    def _put(self, record: Record, wait: bool) -> _Waiting:
        if self._queue.qsize() >= self._bound:
            raise LogFull(f"{self._bound} requests wait for the log")
        if self.closed:
            raise LogUnavailable("the log is closed")
        waiting = _Waiting(to_row(record), wait)
        self._queue.put(waiting)
        return waiting

    def close(self) -> None:
        """Write what waits, then close the files."""
        if not self.closed:
            self.closed = True
            self._queue.put(None)
            self._thread.join()
            if self._close:
                self._close()

    def _run(self) -> None:
        queue, ending = self._queue, False
        while not ending:
            first = queue.get()
            group = [first] if first is not None else []
            ending = first is None
            while len(group) < MAX_GROUP:
                try:
                    item = queue.get_nowait()
                except Empty:
                    break
                if item is None:
                    ending = True
                else:
                    group.append(item)
            if group:
                self._commit(group)

    def _commit(self, group: list[_Waiting]) -> None:
        error: Exception | None = None
        try:
            self._write([item.row for item in group])
            self.failing = None
        except Exception as caught:  # every waiter is told, none hangs
            error = caught
            self.failing = str(caught)
            logger.error("log_write_failed", error=str(caught), records=len(group))
        for item in group:
            item.error = error
            if item.lock:
                item.lock.release()
