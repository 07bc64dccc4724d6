"""The process that gets micro-batches ready while the pipeline's own writes those before.

``python -m cdp.pipeline.preparing``: `cdp.pipeline.preparer` starts it and gives it its
orders. It reads the log and nothing else, and ends with whoever began it.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys

from cdp.identity import DEFAULT, Rules
from cdp.log import open_reader
from cdp.log.open import Reader
from cdp.pipeline.ahead import read_ready
from cdp.pipeline.excerpt import Reads
from cdp.pipeline.handing import HEAD, Order, to_bytes


def main() -> None:
    """Carry out orders until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal tells everybody: we are told by EOF
    orders = sys.stdin.buffer
    told = os.dup(1)
    os.dup2(2, 1)  # who prints must not print into an answer
    settings, file = pickle.load(orders)
    reader = open_reader(settings)
    gc.freeze()
    gc.disable()  # what is made here has no cycles
    _send(told, file, b"")
    rules, reads = DEFAULT, Reads()
    try:
        while True:
            order: Order = pickle.load(orders)
            rules = order.rules or rules
            reads = reads if order.reads is None else order.reads
            _send(told, file, _answer(reader, order, rules, reads, settings.truncate_ip))
    except (EOFError, BrokenPipeError):
        pass
    finally:
        reader.close()


def _answer(reader: Reader, order: Order, rules: Rules, reads: Reads, truncate_ip: bool) -> bytes:
    """The micro-batch, or nothing where there is none or it can't be read just now."""
    try:
        part, after, size = order.part, order.after, order.size
        ready = read_ready(reader, part, after, size, truncate_ip, rules, reads)
    except OSError:
        return b""  # whose turn it is to read it says so
    return to_bytes(ready) if ready is not None else b""


def _send(told: int, file: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.pwrite(file, left, len(data) - len(left)) :]
    os.write(told, HEAD.pack(len(data)))


if __name__ == "__main__":
    main()
