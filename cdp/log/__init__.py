"""The durable log: append, be acknowledged, read from a checkpoint.

One record is one HTTP request, as it came. A writer thread commits whatever has
queued up in one transaction (group commit), so one fsync serves many requests,
and a request is answered 200 only after it. On SQLite the log is a folder of
files of its own (`files`), so that accepting never waits for the pipeline; on
Postgres a table (`postgres`). What the pipeline has taken is dropped whole.
"""

from cdp.log.group import GroupCommit, LogFull, LogUnavailable
from cdp.log.open import open_log, open_reader
from cdp.log.record import Record

__all__ = [
    "GroupCommit",
    "LogFull",
    "LogUnavailable",
    "Record",
    "open_log",
    "open_reader",
]
