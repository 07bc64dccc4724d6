"""Getting the next micro-batch ready before its turn.

A commit needs the disk and no Python; to read and normalise takes about as long.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import NamedTuple

import structlog

from cdp.identity import Rules
from cdp.log.open import Reader
from cdp.pipeline.prepare import Prepared, prepare

logger = structlog.get_logger(__name__)


class Ready(NamedTuple):
    """A micro-batch that is prepared.

    ``weight`` is about how many messages were read for it, ``full`` whether as many as
    were asked for: there is more, most likely.
    """

    batch: Prepared
    weight: int
    full: bool


def read_ready(
    reader: Reader, part: str, after: int, size: int, truncate_ip: bool, rules: Rules | None
) -> Ready | None:
    """About ``size`` messages behind a position of a part of the log; None of nothing."""
    taken = reader.read(part, after, size)
    if not taken:
        return None
    weight = sum(item.weight for item in taken)
    return Ready(prepare(part, taken, truncate_ip, rules), weight, weight >= size)


class Ahead:
    """Looks ahead in a thread of its own, from `begin` to `settle` and never otherwise.

    ``get_ready`` has what stands behind a position of a part of the log, None of nothing.
    """

    def __init__(self, get_ready: Callable[[str, int], Ready | None]) -> None:
        self._get_ready = get_ready
        self._thread: Thread | None = None
        self._found: dict[str, tuple[int, Ready]] = {}

    def begin(self, part: str, after: int) -> None:
        """Look for what comes behind ``after``."""
        self._thread = Thread(target=self._look, args=(part, after), name="ahead", daemon=True)
        self._thread.start()

    def _look(self, part: str, after: int) -> None:
        try:
            found = self._get_ready(part, after)
        except OSError as error:  # whose turn it is to read it waits it out
            logger.info("not_read_ahead", part=part, error=str(error))
            return
        if found is not None:
            self._found[part] = (after, found)

    def settle(self) -> None:
        """Wait until it is done."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def take(self, part: str, after: int) -> Ready | None:
        """What was found behind ``after``, once."""
        found = self._found.pop(part, None)
        return found[1] if found is not None and found[0] == after else None
