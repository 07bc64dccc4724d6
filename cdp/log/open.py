"""Choosing the log that goes with the settings."""

from __future__ import annotations

from typing import Protocol

from cdp.config import Settings
from cdp.log.files import FileReader, PartInUse, PartWriter
from cdp.log.group import GroupCommit
from cdp.log.record import Taken

#: Parts that one kind of writer may have at the same time.
MAX_WRITERS = 64


class Reader(Protocol):
    """What the pipeline needs of a log."""

    def parts(self) -> list[str]: ...
    def read(self, part: str, after: int, limit: int) -> list[Taken]: ...
    def end(self, part: str) -> int: ...
    def drop_taken(self, part: str, taken: int) -> None: ...
    def close(self) -> None: ...


def open_log(settings: Settings, kind: str = "web") -> GroupCommit:
    """Open a part of the log for writing: the first free one of ``kind``."""
    if settings.database_url:
        from cdp.log.postgres import TableWriter

        table = TableWriter(settings.database_url, kind, settings.log_segment_mb << 20)
        return GroupCommit(table.write, settings.log_queue, table.close, table.part)
    for number in range(MAX_WRITERS):
        try:
            part = PartWriter(
                settings.data / "log" / f"{kind}-{number}",
                settings.log_segment_mb << 20,
            )
        except PartInUse:
            continue
        return GroupCommit(part.write, settings.log_queue, part.close, f"{kind}-{number}")
    raise PartInUse(f"{MAX_WRITERS} processes write the log as {kind!r} already")


def open_reader(settings: Settings) -> Reader:
    """Open the whole log for reading."""
    if settings.database_url:
        from cdp.log.postgres import TableReader

        return TableReader(settings.database_url)
    return FileReader(settings.data / "log")
