"""The log in SQLite files: ``<folder>/<part>/<first position>.db``.

A part has one writer (a lock file holds it) and any number of readers. A file
that has grown to its size is left and a new one begun, named by the position it
starts with; a file is dropped whole once the pipeline has taken all of it.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import structlog

from cdp.log.record import Taken, take

logger = structlog.get_logger(__name__)

_CREATE = (
    "CREATE TABLE IF NOT EXISTS log (pos INTEGER PRIMARY KEY, received_at INTEGER NOT NULL, "
    "source INTEGER NOT NULL, kind TEXT NOT NULL, meta BLOB NOT NULL, body BLOB NOT NULL)"
)
_INSERT = "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?)"
_AFTER = (
    "SELECT pos, received_at, source, kind, meta, body FROM log WHERE pos > ? ORDER BY pos LIMIT ?"
)


class PartInUse(RuntimeError):
    """Another process writes this part of the log."""


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_autocheckpoint = 2000")
    return connection


def segments(folder: Path) -> list[tuple[int, Path]]:
    """The files of a part with their first positions, oldest first."""
    return sorted((int(path.stem), path) for path in folder.glob("*.db"))


@contextmanager
def keeping(folder: Path) -> Iterator[None]:
    """While this is open no file below ``folder`` is dropped; a backup holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / "keep.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


class PartWriter:
    """Writes rows to one part; used by one thread at a time."""

    def __init__(self, folder: Path, segment_bytes: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._segment_bytes = segment_bytes
        self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise PartInUse(f"another process writes {folder}") from None
        found = segments(folder)
        first, self._path = found[-1] if found else (1, folder / f"{1:020d}.db")
        self._db = _connect(self._path)
        self._db.execute(_CREATE)
        last = self._db.execute("SELECT max(pos) FROM log").fetchone()[0]
        self.next_pos: int = last + 1 if last is not None else first
        _sync_folder(folder)

    def write(self, rows: list[tuple[Any, ...]]) -> None:
        """Append ``rows`` in one transaction; on return they are on disk."""
        db, pos = self._db, self.next_pos
        db.execute("BEGIN IMMEDIATE")
        try:
            db.executemany(_INSERT, [(pos + i, *row) for i, row in enumerate(rows)])
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        self.next_pos = pos + len(rows)
        try:
            if self._size() > self._segment_bytes:
                self._rotate()
        except (sqlite3.Error, OSError) as error:
            # What was given is on disk; the file may grow until a new one can be begun.
            logger.error("log_cannot_begin_file", folder=str(self.folder), error=str(error))

    def _size(self) -> int:
        return os.stat(self._path).st_size

    def _rotate(self) -> None:
        path = self.folder / f"{self.next_pos:020d}.db"
        db = None
        try:
            db = _connect(path)
            db.execute(_CREATE)
            _sync_folder(self.folder)
        except BaseException:
            # A file left here would hide what is still written to the one before it.
            if db is not None:
                db.close()
            _remove(path)
            raise
        self._db.close()
        self._db, self._path = db, path

    def close(self) -> None:
        """Close the file and let go of the part."""
        self._db.close()
        os.close(self._lock)


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class LogUnreadable(OSError):
    """A file of the log can't be read just now; it is worth another try."""


class FileReader:
    """Reads all parts below ``folder``; used by the pipeline's one thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open: dict[str, tuple[Path, sqlite3.Connection]] = {}

    def parts(self) -> list[str]:
        """The names of the parts that exist."""
        if not self.folder.exists():
            return []
        return sorted(entry.name for entry in os.scandir(self.folder) if entry.is_dir())

    def read(self, part: str, after: int, limit: int) -> list[Taken]:
        """Records of ``part`` behind position ``after``, holding about ``limit`` messages."""
        # The list of files is taken before the look into an older one, so a
        # record written just before a new file was begun is never skipped.
        try:
            for path in self._from(part, after):
                rows = self._connection(part, path).execute(_AFTER, (after, limit))
                taken = take(part, rows, limit)
                rows.close()
                if taken:
                    return taken
        except sqlite3.Error as error:
            self.close()
            raise LogUnreadable(f"{part}: {error}") from error
        return []

    def end(self, part: str) -> int:
        """The last position in ``part``."""
        found = segments(self.folder / part)
        for first, path in reversed(found):
            last = self._connection(part, path).execute("SELECT max(pos) FROM log").fetchone()[0]
            if last is not None:
                return int(last)
            if first > 1:
                return first - 1
        return 0

    def _from(self, part: str, after: int) -> list[Path]:
        found = segments(self.folder / part)
        start = 0
        for index, (first, _) in enumerate(found):
            if first <= after + 1:
                start = index
        return [path for _, path in found[start:]]

    def _connection(self, part: str, path: Path) -> sqlite3.Connection:
        held = self._open.get(part)
        if held is not None:
            if held[0] == path:
                return held[1]
            held[1].close()
        connection = _connect(path)
        connection.execute(_CREATE)
        self._open[part] = (path, connection)
        return connection

    def drop_taken(self, part: str, taken: int) -> None:
        """Delete the files of ``part`` of which everything is at or below ``taken``."""
        handle = os.open(self.folder / "keep.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # a backup is being made
        else:
            self._drop(part, taken)
        finally:
            os.close(handle)

    def _drop(self, part: str, taken: int) -> None:
        found = segments(self.folder / part)
        for (_, path), (next_first, _) in pairwise(found):
            if next_first > taken + 1:
                break
            held = self._open.get(part)
            if held is not None and held[0] == path:
                held[1].close()
                del self._open[part]
            _remove(path)

    def close(self) -> None:
        """Close all files."""
        for _, connection in self._open.values():
            connection.close()
        self._open.clear()
