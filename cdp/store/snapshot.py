"""Whole SQLite files: made while others look, copied while others write, and checked."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import closing
from pathlib import Path

#: How a file begins, and bytes 18 and 19 of one with a write-ahead log (SQLite's file format, 1.3).
_MAGIC, _WAL = b"SQLite format 3\0", b"\2\2"


def make_file(path: Path, schema: str = "") -> None:
    """See that there is a database with a write-ahead log at ``path``.

    A new one holds ``schema`` and is seen when it is whole: connections that turn the
    same file into one with a write-ahead log at the same time get in each other's way
    ("database is locked", "disk I/O error"). What is no database is left to who opens it.
    """
    if _is_ready(path):
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        if _is_ready(path):
            return
        if path.exists() and path.stat().st_size:  # copied from somewhere
            with closing(sqlite3.connect(path, timeout=10)) as db:
                db.execute("PRAGMA journal_mode = WAL")
            return
        new = path.with_suffix(".new")
        remove_file(new)  # of one that was killed
        with closing(sqlite3.connect(new, isolation_level=None)) as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.executescript(schema)
        os.rename(new, path)
        os.fsync(folder)
    finally:
        os.close(folder)


def _is_ready(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(20)
    except FileNotFoundError:
        return False
    return bool(head) and (not head.startswith(_MAGIC) or head[18:] == _WAL)


def remove_file(path: Path) -> None:
    """Remove a database that nobody has open, with all that belongs to it."""
    for suffix in ("", "-journal", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def copy_file(source: Path, target: Path) -> None:
    """Copy a database as it is at one moment, with what its WAL holds."""
    with (
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as from_,
        closing(sqlite3.connect(target)) as to,
    ):
        from_.backup(to)


def faults_of(path: Path) -> list[str]:
    """What SQLite finds wrong with a file; empty for a sound one."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            found = [row[0] for row in db.execute("PRAGMA quick_check(5)")]
    except sqlite3.DatabaseError as error:
        return [str(error)]
    return [] if found == ["ok"] else found


def migration_of(path: Path) -> str | None:
    """The migration that a store's file is at; None for one that is empty."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
        table = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
        row = db.execute("SELECT version_num FROM alembic_version").fetchone() if table else None
    return row[0] if row else None
