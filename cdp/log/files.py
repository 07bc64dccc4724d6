"""The log in SQLite files: ``<folder>/<part>/<first position>.db``.

A writer begins a part of its own under a name that no other ever has, and holds its
lock file; nobody writes to a part that another process began. So how far the store
has taken a part never says anything about another one, whichever of store and log
was lost or came out of a backup. A file that has grown to its size is left and a new
one begun, named by the position it starts with; a file is dropped whole once the
pipeline has taken all of it, and the part with the last one when its writer is gone.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import structlog

from cdp.log.record import FORGOTTEN, Taken, new_part, take
from cdp.store.snapshot import make_file, remove_file

logger = structlog.get_logger(__name__)

_CREATE = (
    "CREATE TABLE IF NOT EXISTS log (pos INTEGER PRIMARY KEY, received_at INTEGER NOT NULL, "
    "source INTEGER NOT NULL, kind TEXT NOT NULL, meta BLOB NOT NULL, body BLOB NOT NULL)"
)
_INSERT = "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?)"
_AFTER = (
    "SELECT pos, received_at, source, kind, meta, body FROM log WHERE pos > ? ORDER BY pos LIMIT ?"
)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True, isolation_level=None, check_same_thread=False, timeout=10,
    )  # fmt: skip
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
    """Begins a part of ``kind`` below ``root`` and writes to it; used by one thread at a time."""

    def __init__(self, root: Path, kind: str, segment_bytes: int) -> None:
        self._root, self._kind, self._segment_bytes = root, kind, segment_bytes
        self._begin()

    def _begin(self) -> None:
        part = new_part(self._kind)
        hidden, folder = self._root / f".{part}", self._root / part
        hidden.mkdir(parents=True)
        lock = os.open(hidden / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # Locked before it can be seen, so that nobody takes it for one that was left.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            make_file(hidden / f"{1:020d}.db", _CREATE)
            os.rename(hidden, folder)
            _sync_folder(self._root)
            path = folder / f"{1:020d}.db"
            db = _connect(path)
        except BaseException:
            os.close(lock)
            for left in (hidden, folder):
                shutil.rmtree(left, ignore_errors=True)
            raise
        self.part, self.folder, self._lock = part, folder, lock
        self.next_pos = 1
        self._use(db, path)

    def _use(self, db: sqlite3.Connection, path: Path) -> None:
        self._db, self._path, self._inode = db, path, os.stat(path).st_ino

    def write(self, rows: list[tuple[Any, ...]]) -> None:
        """Append ``rows`` in one transaction; on return they are on disk."""
        self._append(rows)
        if self._size() is None:
            # Somebody removed the files under us: what went there is nowhere.
            logger.error("log_part_removed", part=self.part)
            db, lock = self._db, self._lock
            self._begin()
            db.close()
            os.close(lock)
            self._append(rows)
        size = self._size()
        if size is None:
            raise FileNotFoundError(f"{self._path} was removed while it was written")
        try:
            if size > self._segment_bytes:
                self._rotate()
        except (sqlite3.Error, OSError) as error:
            # What was given is on disk; the file may grow until a new one can be begun.
            logger.error("log_cannot_begin_file", folder=str(self.folder), error=str(error))

    def _append(self, rows: list[tuple[Any, ...]]) -> None:
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

    def _size(self) -> int | None:
        """The size of the file; None if it is not where we made it."""
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            return None
        return found.st_size if found.st_ino == self._inode else None

    def _rotate(self) -> None:
        path = self.folder / f"{self.next_pos:020d}.db"
        try:
            make_file(path, _CREATE)
            db = _connect(path)
        except BaseException:
            # A file left here would hide what is still written to the one before it.
            remove_file(path)
            raise
        self._db.close()
        self._use(db, path)

    def close(self) -> None:
        """Close the file and let go of the part."""
        self._db.close()
        os.close(self._lock)


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
        found = (entry.name for entry in os.scandir(self.folder) if entry.is_dir())
        return sorted(name for name in found if not name.startswith("."))

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
        try:
            for first, path in reversed(found):
                query = "SELECT max(pos) FROM log"
                last = self._connection(part, path).execute(query).fetchone()[0]
                if last is not None:
                    return int(last)
                if first > 1:
                    return first - 1
        except sqlite3.Error as error:
            self.close()
            raise LogUnreadable(f"{part}: {error}") from error
        return 0

    def first(self, part: str) -> int:
        """The first position of which ``part`` still has the file; 1 if it has none."""
        found = segments(self.folder / part)
        return found[0][0] if found else 1

    def ended(self, part: str, taken: int) -> bool:
        """Whether ``part`` has no writer any more and nothing behind ``taken``."""
        folder = self.folder / part
        if not folder.is_dir():
            return False
        try:
            lock = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return self.end(part) <= taken  # it came out of a backup
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(lock)
        return self.end(part) <= taken

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
            del self._open[part]
        connection = _connect(path)
        connection.execute(_CREATE)
        self._open[part] = (path, connection)
        return connection

    def drop_taken(self, part: str, taken: int) -> None:
        """Delete the files of ``part`` of which everything is at or below ``taken``."""
        with self._dropping() as allowed:
            if allowed:
                self._drop(part, taken)

    def drop(self, part: str) -> bool:
        """Delete a part that has `ended`; False while a backup needs it."""
        with self._dropping() as allowed:
            if allowed:
                self._forget(part)
                shutil.rmtree(self.folder / part)
            return allowed

    @contextmanager
    def _dropping(self) -> Iterator[bool]:
        handle = os.open(self.folder / "keep.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            allowed = True
        except BlockingIOError:
            allowed = False  # a backup is being made
        try:
            yield allowed
        finally:
            os.close(handle)

    def _forget(self, part: str) -> None:
        held = self._open.pop(part, None)
        if held is not None:
            held[1].close()

    def _drop(self, part: str, taken: int) -> None:
        found = segments(self.folder / part)
        for (_, path), (next_first, _) in pairwise(found):
            if next_first > taken + 1:
                break
            held = self._open.get(part)
            if held is not None and held[0] == path:
                self._forget(part)
            remove_file(path)

    def forget_taken(self, part: str, taken: int) -> bool:
        """Take the bodies at or below ``taken`` out of the files of ``part`` that are left.

        The newest record stays without its body, as it says which position is next.
        False if a reader or the writer held up the emptying of the write-ahead log.
        """
        self.drop_taken(part, taken)
        emptied = True
        for _, path in segments(self.folder / part):
            connection = _connect(path)
            try:
                connection.execute("PRAGMA secure_delete = ON")
                connection.execute(_CREATE)
                connection.execute("BEGIN IMMEDIATE")
                newest = connection.execute("SELECT max(pos) FROM log").fetchone()[0] or 0
                connection.execute("DELETE FROM log WHERE pos <= ? AND pos < ?", (taken, newest))
                if newest <= taken:
                    connection.execute("UPDATE log SET kind = ?, meta = ?, body = ?", FORGOTTEN)
                connection.execute("COMMIT")
                row = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                emptied = emptied and row[0] == 0
            except sqlite3.Error as error:
                raise LogUnreadable(f"{part}: {error}") from error
            finally:
                connection.close()
        return emptied

    def close(self) -> None:
        """Close all files."""
        for _, connection in self._open.values():
            connection.close()
        self._open.clear()
