"""Choosing the log that goes with the settings."""

from __future__ import annotations

from typing import Protocol

from cdp.config import Settings
from cdp.log.files import FileReader, PartWriter
from cdp.log.group import GroupCommit
from cdp.log.record import Taken


class Reader(Protocol):
    """What the pipeline needs of a log."""

    def parts(self) -> list[str]: ...
    def read(self, part: str, after: int, limit: int) -> list[Taken]: ...
    def first(self, part: str) -> int: ...
    def end(self, part: str) -> int: ...
    def ended(self, part: str, taken: int) -> bool: ...
    def drop_taken(self, part: str, taken: int) -> None: ...
    def drop(self, part: str) -> bool: ...
    def forget_taken(self, part: str, taken: int) -> bool: ...
    def close(self) -> None: ...


def open_log(settings: Settings, kind: str = "web") -> GroupCommit:
    """Begin a part of the log, of ``kind``, and open it for writing."""
    segment_bytes = settings.log_segment_mb << 20
    if settings.database_url:
        from cdp.log.postgres import TableWriter

        table = TableWriter(settings.database_url, kind, segment_bytes)
        return GroupCommit(table.write, settings.log_queue, table.close, lambda: table.part)
    part = PartWriter(settings.data / "log", kind, segment_bytes)
    return GroupCommit(part.write, settings.log_queue, part.close, lambda: part.part)


def open_reader(settings: Settings) -> Reader:
    """Open the whole log for reading."""
    if settings.database_url:
        from cdp.log.postgres import TableReader

        return TableReader(settings.database_url)
    return FileReader(settings.data / "log")
