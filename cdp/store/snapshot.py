"""Whole SQLite files: copied while others write, and checked."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


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
