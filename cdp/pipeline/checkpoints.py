"""Bringing SQLite's write-ahead log into the file, beside the pipeline.

The writer whose commit makes the log too long does it else, while everything waits for
its transaction to end. Here it finds little or nothing left to do, and the log begins anew
when all of it is in the file (https://www.sqlite.org/wal.html, section 3).
"""

from __future__ import annotations

from threading import Thread

import structlog
from sqlalchemy.exc import DBAPIError

from cdp.store import Store

logger = structlog.get_logger(__name__)

#: After so many messages. Beside a full log the write-ahead log never begins anew, as the next
#: transaction has begun before it is done: then `PRAGMA wal_autocheckpoint` has a commit wait
#: for the rest, which is why that is seldom (48,000 pages: once for some 35,000 messages).
_MESSAGES = 4_000
#: What so many messages at most leave behind the thread's turns is brought in between two
#: transactions: then the log begins anew, and no commit finds it too long.
_LITTLE = 500
#: What is written during a turn needs another, shorter one; so few pages are left to the end.
_TURNS, _FEW = 8, 200


class Checkpoints:
    """Started when it is worth it, one at a time; `settle` waits for it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._thread: Thread | None = None
        #: Messages that may not be in the file yet; and whether the log has yet to begin anew.
        self._written, self._left = 0, False

    def wrote(self, messages: int) -> None:
        """So many messages were committed."""
        if self._store.dialect != "sqlite":
            return
        self._written += messages
        if self._is_at_it():
            return
        if self._left and self._written <= _LITTLE:
            self._left = False
            self._run(1)
        elif self._written >= _MESSAGES:
            self._left = True
            self._begin()

    def rests(self) -> None:
        """Nothing is written for now: who writes next shall find nothing to bring in."""
        if (self._left or self._written > _LITTLE) and not self._is_at_it():
            self._left = False
            self._begin()

    def _is_at_it(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _begin(self) -> None:
        self._thread = Thread(target=self._run, args=(_TURNS,), name="checkpoint", daemon=True)
        self._thread.start()

    def _run(self, turns: int) -> None:
        try:
            with self._store.engine.connect() as connection:
                before = 0
                for _ in range(turns):
                    self._written = 0
                    row = connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)").first()
                    # Pages in the file by now, those of turns before included: fewer when
                    # the log has begun anew meanwhile.
                    if row is None or row[0] or row[2] - before <= _FEW:
                        return
                    before = row[2]
        except DBAPIError as error:  # the writer's own turn comes, and says what is wrong
            logger.info("no_checkpoint", error=str(error).splitlines()[0])

    def settle(self) -> None:
        """Wait until it is done."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
