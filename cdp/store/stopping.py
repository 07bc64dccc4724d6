"""Reading that ends early: when it takes too long, or a newer question has come."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

#: SQLite asks after so many of its instructions, a millisecond or so, whether to go on.
_STEPS = 100_000
#: How often somebody looks whether work elsewhere is to go on (s), and where a transaction
#: says how one knows.
_LOOK_S, _ENOUGH = 0.05, "stopping_enough"


class Stopped(Exception):
    """It took longer than it may, or nobody waits for it any more."""


class Turn:
    """One question of an asker; ``over`` once there is a newer one."""

    def __init__(self, turns: Turns, asker: str) -> None:
        self._turns, self._asker = turns, asker
        self.over = False
        self._cancel: Callable[[], object] | None = None

    def __enter__(self) -> Turn:
        self._turns.take(self._asker, self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._turns.leave(self._asker, self)

    def end(self) -> None:
        """End the work on it."""
        self.over = True
        cancel = self._cancel
        if cancel is not None:
            cancel()

    def cancelled_by(self, cancel: Callable[[], object] | None) -> None:
        """What ends a statement that runs elsewhere; None when none does."""
        self._cancel = cancel


class Turns:
    """Of what one asker asks, only the newest question is worked on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest: dict[str, Turn] = {}

    def begin(self, asker: str) -> Turn:
        """A new question, to be entered; without an asker there is nobody to ask a newer one."""
        return Turn(self, asker)

    def take(self, asker: str, turn: Turn) -> None:
        """Make a question the newest one, and end the one before it."""
        with self._lock:
            before = self._newest.get(asker) if asker else None
            if asker:
                self._newest[asker] = turn
        if before is not None:
            before.end()

    def leave(self, asker: str, turn: Turn) -> None:
        """Forget a question that has been answered."""
        with self._lock:
            if self._newest.get(asker) is turn:
                del self._newest[asker]


@contextmanager
def stopping(tx: Connection, seconds: float, turn: Turn) -> Iterator[None]:
    """Within it what runs in ``tx`` ends with `Stopped` after ``seconds``, or with the turn.

    Of what the transaction has read nothing more can be read then, on Postgres.
    """
    raw = tx.connection.dbapi_connection
    assert raw is not None
    until = time.monotonic() + seconds

    def enough() -> bool:
        return turn.over or time.monotonic() > until

    on_sqlite = tx.dialect.name == "sqlite"
    if on_sqlite:
        raw.set_progress_handler(enough, _STEPS)
    else:
        tx.exec_driver_sql(f"SET LOCAL statement_timeout = {max(1, int(seconds * 1000))}")
        turn.cancelled_by(raw.cancel_safe)
    tx.info[_ENOUGH] = enough
    try:
        if turn.over:
            raise Stopped
        yield
    except OperationalError as error:
        if enough():
            raise Stopped from error
        raise
    finally:
        del tx.info[_ENOUGH]
        if on_sqlite:
            raw.set_progress_handler(None, 0)
        else:
            turn.cancelled_by(None)


@contextmanager
def elsewhere(tx: Connection, cancel: Callable[[], object]) -> Iterator[None]:
    """Within it another database works for ``tx``: ``cancel`` ends that when `stopping` would."""
    enough: Callable[[], bool] | None = tx.info.get(_ENOUGH)
    if enough is None:
        yield
        return
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_LOOK_S):
            if enough():
                cancel()  # and again: it may not have begun

    watching = threading.Thread(target=watch, name="watching", daemon=True)
    watching.start()
    try:
        yield
    except Exception as error:
        if enough():
            raise Stopped from error
        raise
    finally:
        done.set()
        watching.join()
