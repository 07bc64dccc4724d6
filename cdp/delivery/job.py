"""A thread of the delivery process."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

logger = structlog.get_logger(__name__)


#: Naps get longer while there is nothing to do, up to this: an idle server costs little.
MOST_IDLE_S = 0.2
_LONGER = 1.01


class Job:
    """A thread that calls ``step`` until it is stopped.

    ``step`` returns the seconds until it wants to be called again, 0 if there is more to do.
    """

    def __init__(
        self, name: str, step: Callable[[], float], end: Callable[[], None], of: int | None
    ) -> None:
        self.stop, self.of = threading.Event(), of
        self._name, self._step, self._end = name, step, end
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def join(self, within_s: float) -> None:
        """Wait for it to end."""
        self._thread.join(within_s)

    def _run(self) -> None:
        pause, longer = 0.0, 1.0
        while not self.stop.wait(pause):
            try:
                pause = self._step()
                longer = longer * _LONGER if pause else 1.0
                pause = min(pause * longer, max(pause, MOST_IDLE_S))
            except BaseException as error:
                # The store may be away; nothing is lost, the checkpoint stands.
                logger.error("delivery_failed", job=self._name, error=str(error).splitlines()[:1])
                pause = 1.0
        try:
            self._end()
        except Exception as error:
            logger.error("delivery_not_closed", job=self._name, error=str(error)[:200])
