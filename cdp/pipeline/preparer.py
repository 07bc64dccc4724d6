"""Another process that gets micro-batches ready, for as long as many messages come.

Half of what a message costs can be done before its turn, without the store: to read it,
normalise it, find whom it names, compress it. `cdp.pipeline.preparing` does that on
another core. It is no more than a help: without it, or when it falls, the pipeline does
the same itself.
"""

from __future__ import annotations

import os
import pickle
import select
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from typing import Any

import structlog

from cdp.config import Settings
from cdp.identity import Rules
from cdp.pipeline.ahead import Ready
from cdp.pipeline.excerpt import Reads
from cdp.pipeline.handing import HEAD, Order, from_bytes

logger = structlog.get_logger(__name__)

#: It is worth another process when so many messages a second came for so many times this long.
MANY, BUSY, WINDOW_S = 2_000, 3, 0.25
#: Fewer than this at once the pipeline has ready itself as soon.
FEW = 100
#: It ends when nothing was asked of it for so long; how long an answer may take; and how
#: long one that fell is left alone.
IDLE_S, ANSWER_S, AGAIN_S = 30.0, 10.0, 60.0


class Preparer:
    """Starts and ends the other process, and talks to it; one order at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = False
        self._rules: Rules | None = None
        self._reads: Reads | None = None
        self._asked: tuple[str, int] | None = None
        self._answers: int | None = None
        #: Messages since when, and how many times one after the other they were many.
        self._count, self._since, self._busy = 0, time.monotonic(), 0
        #: When it was asked last, and before when it is not begun again.
        self._used, self._not_before = 0.0, float("-inf")

    @property
    def pid(self) -> int | None:
        """The other process, while there is one."""
        return self._process.pid if self._process is not None else None

    @property
    def asked(self) -> bool:
        """Whether it owes an answer."""
        return self._asked is not None

    def ask(self, part: str, after: int, size: int, rules: Rules, reads: Reads, count: int) -> None:
        """Have it get ready what stands behind ``after``, as ``count`` messages did before it."""
        self._came(count)
        if count < FEW or (self._process is None and not self._is_worth_it()):
            return
        self._used = time.monotonic()
        try:
            if self._process is None:
                self._start()
            if self._asked is not None:
                self._receive()  # which nobody wanted
            if not self._ready:
                self._ready = self._has_come(0.0) and self._receive() is not None
            if not self._ready:
                return
            self._send(Order(part, after, size, self._new(rules), self._other(reads)))
        except OSError as error:
            return self._fell(error)
        self._asked = (part, after)

    def answer(self, part: str, after: int) -> Ready | None:
        """What it found there; None where it wasn't asked, or has found nothing."""
        if self._asked != (part, after):
            return None
        assert self._rules is not None and self._reads is not None
        try:
            data = self._receive()
        except OSError as error:
            self._fell(error)
            return None
        return from_bytes(data, part, self._rules, self._reads) if data else None

    def rest(self) -> None:
        """There is no more for now; it ends when that stays so."""
        if self._process is not None and time.monotonic() - self._used > IDLE_S:
            self.close()

    def close(self) -> None:
        """End it."""
        process, self._process = self._process, None
        answers, self._answers = self._answers, None
        self._ready, self._rules, self._reads, self._asked = False, None, None, None
        if answers is not None:
            os.close(answers)
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        process.kill()
        process.wait()

    def _came(self, count: int) -> None:
        self._count += count
        passed = time.monotonic() - self._since
        if passed >= WINDOW_S:
            self._busy = self._busy + 1 if self._count >= MANY * passed else 0
            self._count, self._since = 0, self._since + passed

    def _is_worth_it(self) -> bool:
        return self._busy >= BUSY and _cores() > 1 and time.monotonic() >= self._not_before

    def _start(self) -> None:
        # An answer has some megabytes: more than goes through a pipe in one piece.
        self._answers = _nameless_file()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "cdp.pipeline.preparing"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            pass_fds=(self._answers,),
        )
        self._send((self._settings, self._answers))

    def _send(self, order: Any) -> None:
        assert self._process is not None and self._process.stdin is not None
        left = memoryview(pickle.dumps(order))
        while left:
            left = left[os.write(self._process.stdin.fileno(), left) :]

    def _new(self, rules: Rules) -> Rules | None:
        """Rules that it doesn't know yet."""
        if rules == self._rules:
            return None
        self._rules = rules
        return replace(rules)  # without what has been compiled of them

    def _other(self, reads: Reads) -> Reads | None:
        """What definitions read, where it doesn't know that yet."""
        if reads == self._reads:
            return None
        self._reads = reads
        return reads

    def _receive(self) -> bytes:
        """The next answer. Raises OSError when none comes."""
        assert self._process is not None and self._process.stdout is not None
        assert self._answers is not None
        self._asked = None
        if not self._has_come(ANSWER_S):
            raise TimeoutError(f"no answer within {ANSWER_S:g} s")
        head = os.read(self._process.stdout.fileno(), HEAD.size)
        if len(head) < HEAD.size:
            raise ConnectionError(f"it ended ({self._process.poll()})")
        (size,) = HEAD.unpack(head)
        return os.pread(self._answers, size, 0)

    def _has_come(self, within: float) -> bool:
        assert self._process is not None and self._process.stdout is not None
        return bool(select.select([self._process.stdout.fileno()], [], [], within)[0])

    def _fell(self, error: Exception) -> None:
        logger.warning("preparer_fell", error=str(error))
        self._not_before = time.monotonic() + AGAIN_S
        self.close()


def _nameless_file() -> int:
    """A file that only who inherits it can see, in memory where the system has such."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("prepared")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
