"""What deleted rows leave behind on the disk, and overwriting it."""

from __future__ import annotations

import mmap
import time
from collections.abc import Iterable

import structlog
from sqlalchemy import inspect
from sqlalchemy.exc import OperationalError

from cdp.store.db import Store

logger = structlog.get_logger(__name__)

#: Zeros in one row of the table that fills the free pages.
_PIECE = 1 << 20
_TRIES = 50


def wipe(store: Store, needles: Iterable[str] | None) -> bool:
    """Overwrite free pages and empty the write-ahead log, so that nothing is left of rows.

    On SQLite the file is searched for ``needles`` afterwards, and rewritten as a whole
    (VACUUM) if one is still in it, or if they are not known. On Postgres the tables are
    vacuumed; what its own log and its archives hold is not ours to change.
    False if a reader kept the write-ahead log from being emptied.
    """
    if store.dialect == "sqlite":
        _fill_free_pages(store)
        emptied = truncate_wal(store)
        if needles is None or found_in_file(store, needles):
            _vacuum(store)
            emptied = truncate_wal(store)
        return emptied
    with store.engine.connect() as connection:
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        for name in inspect(connection).get_table_names():
            connection.exec_driver_sql(f'VACUUM "{name}"')
    return True


def found_in_file(store: Store, needles: Iterable[str]) -> list[str]:
    """Those of ``needles`` whose bytes are in the database file."""
    assert store.path is not None
    wanted = {needle: needle.encode() for needle in needles if needle}
    with open(store.path, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as data:
        return [needle for needle, raw in wanted.items() if data.find(raw) >= 0]


def _fill_free_pages(store: Store) -> None:
    """Let zeros have the free pages once: they are given out before the file grows."""
    with store.engine.connect() as connection:
        free, size = (
            int(connection.exec_driver_sql(f"PRAGMA {name}").scalar() or 0)
            for name in ("freelist_count", "page_size")
        )
    if not free:
        return
    with store.write() as tx:
        tx.exec_driver_sql("CREATE TABLE wiped (id INTEGER PRIMARY KEY, zeros BLOB)")
        left = free * size
        while left > 0:
            tx.exec_driver_sql(f"INSERT INTO wiped (zeros) VALUES (zeroblob({min(left, _PIECE)}))")
            left -= _PIECE
        tx.exec_driver_sql("DROP TABLE wiped")


def truncate_wal(store: Store) -> bool:
    """Bring the write-ahead log into the file and empty it; False if a reader held it up."""
    for _ in range(_TRIES):
        with store.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout = 2000")
            try:
                row = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").first()
            except OperationalError:
                row = None
            finally:
                connection.exec_driver_sql("PRAGMA busy_timeout = 0")
        if row is not None and row[0] == 0:
            return True
        time.sleep(0.1)
    return False


def _vacuum(store: Store) -> None:
    logger.info("store_rewritten", reason="deleted rows have left traces in pages that are used")
    with store.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 60000")
        try:
            connection.exec_driver_sql("VACUUM")
        finally:
            connection.exec_driver_sql("PRAGMA busy_timeout = 0")
