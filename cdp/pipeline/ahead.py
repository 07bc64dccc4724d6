"""Getting the next micro-batch ready before its turn.

A commit needs the disk and no Python; to read and normalise takes about as long.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import structlog

from cdp.identity import Rules
from cdp.log.open import Reader
from cdp.pipeline.excerpt import Reads
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
    reader: Reader,
    part: str,
    after: int,
    size: int,
    truncate_ip: bool,
    rules: Rules | None,
    reads: Reads | None = None,
) -> Ready | None:
    """About ``size`` messages behind a position of a part of the log; None of nothing."""
    taken = reader.read(part, after, size)
    if not taken:
        return None
    weight = sum(item.weight for item in taken)
    return Ready(prepare(part, taken, truncate_ip, rules, reads), weight, weight >= size)


class Ahead:
    """Looks ahead in a thread of its own, from `begin` to `settle` and never otherwise.

    ``get_ready`` has what stands behind a position of a part of the log, None of nothing.
    """

    def __init__(self, get_ready: Callable[[str, int], Ready | None]) -> None:
        self._get_ready = get_ready
        # It is woken, not started: it takes Python over when the commit lets go of it.
        self._thread = ThreadPoolExecutor(1, "ahead")
        self._looks: Future[None] | None = None
        self._found: dict[str, tuple[int, Ready]] = {}

    def begin(self, part: str, after: int) -> None:
        """Look for what comes behind ``after``."""
        self._looks = self._thread.submit(self._look, part, after)

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
        if self._looks is not None:
            looks, self._looks = self._looks, None
            looks.result()

    def take(self, part: str, after: int) -> Ready | None:
        """What was found behind ``after``, once."""
        found = self._found.pop(part, None)
        return found[1] if found is not None and found[0] == after else None
