"""Opening the store and its transactions, on SQLite and on Postgres."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import QueuePool

from cdp.store.snapshot import make_file

FILE = "headwater.db"

# Of all but numbers and texts the driver asks how to bind them, each time: to be told that they
# are bound as they are takes it half as long as to find nobody who knows.
for _kind in (type(None), bytes):
    sqlite3.register_adapter(_kind, lambda value: value)
sqlite3.register_adapter(bool, int)

#: How long a writer waits for the writer before it.
BUSY_S = 60.0


class StoreBusy(RuntimeError):
    """Another writer held the database for longer than `BUSY_S`."""


class Store:
    """The database of one space.

    ``read()`` gives a connection with a consistent view; ``write()`` the same
    with the right to write, committed on leaving and rolled back on an error.

    ``write(synced=False)`` may lose its last transactions to a power cut (never to a
    killed process, and never an older one without all that followed). That is right
    for what can be done again. SQLite appends every commit to one file, so the next
    synced commit, of whatever process, brings all before it to the disk: who reads
    something here and commits what it does about it never knows more than the disk.
    """

    def __init__(self, engine: Engine, path: Path | None = None) -> None:
        self.engine = engine
        self.path = path
        self.dialect = engine.dialect.name

    @classmethod
    def open(cls, settings: Any) -> Store:
        """Open the store that ``settings`` names; makes the data folder if needed."""
        if settings.database_url:
            return cls(_postgres(settings.database_url))
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        return cls.at(settings.data / FILE)

    @classmethod
    def at(cls, path: Path) -> Store:
        """Open (or create) an SQLite store in the file ``path``."""
        make_file(path)
        return cls(_sqlite(path), path)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one moment of the store and changes nothing."""
        with self.engine.connect() as connection:
            if self.dialect == "sqlite":
                connection.exec_driver_sql("BEGIN")
            yield connection
            connection.rollback()

    @contextmanager
    def write(self, synced: bool = True) -> Iterator[Connection]:
        """A writing transaction: all of it is kept, or nothing."""
        with self.engine.connect() as connection:
            if self.dialect == "sqlite":
                _let_sync(connection, synced)
                _begin_immediate(connection)
            try:
                yield connection
                connection.commit()
            except BaseException:
                connection.rollback()
                raise

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _let_sync(connection: Connection, synced: bool) -> None:
    """Let commits wait for the disk, or not; kept with the connection while it lives."""
    if connection.info.get("synced", True) is not synced:
        connection.exec_driver_sql(f"PRAGMA synchronous = {'FULL' if synced else 'NORMAL'}")
        connection.info["synced"] = synced


def _begin_immediate(connection: Connection) -> None:
    # SQLite's own busy handler sleeps ever longer and starves beside a busy
    # pipeline; short steady naps get their turn between two micro-batches.
    deadline = time.monotonic() + BUSY_S
    while True:
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            return
        except OperationalError as error:
            if "locked" not in str(error) and "busy" not in str(error):
                raise
            if time.monotonic() > deadline:
                raise StoreBusy("another process has been writing for too long") from error
            time.sleep(0.003)


def _sqlite(path: Path) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=QueuePool,
        pool_size=8,
        max_overflow=40,
        # The connection used last knows most pages.
        pool_use_lifo=True,
        connect_args={"check_same_thread": False, "timeout": 0},
    )

    @event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun by us
        for pragma in (
            "busy_timeout = 10000",
            "synchronous = FULL",
            "foreign_keys = ON",
            "temp_store = MEMORY",
            "cache_size = -65536",
            "mmap_size = 268435456",
            "wal_autocheckpoint = 48000",
            "secure_delete = FAST",
        ):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("PRAGMA busy_timeout = 0")

    return engine


def _postgres(url: str) -> Engine:
    for prefix in ("postgresql://", "postgres://"):
        if url.startswith(prefix):
            url = "postgresql+psycopg://" + url[len(prefix) :]
    return create_engine(url, pool_size=8, max_overflow=40, pool_pre_ping=True)
