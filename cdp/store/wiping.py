"""What deleted rows leave behind on the disk, and overwriting it."""

from __future__ import annotations

import mmap
import time
from collections.abc import Iterable

import structlog
from sqlalchemy import Connection, inspect
from sqlalchemy.exc import OperationalError, ProgrammingError

from cdp.store.db import Store

logger = structlog.get_logger(__name__)

#: Zeros in one row of the table that fills the free pages.
_PIECE = 1 << 20
_TRIES = 50
#: On Postgres: bytes from which on a table is rewritten only if it lost rows, after so many
#: seconds in which each process has told the server's statistics of that.
_LARGE, _STATISTICS_S = 64 << 20, 12.0
#: How long (ms) a table is waited for while all others wait behind us, and how often.
_LOCK_MS, _TRIES_TO_LOCK = 2_000, 20
_LOCKED, _NO_SUCH_TABLE = "55P03", "42P01"


def wipe(store: Store, needles: Iterable[str] | None) -> list[str]:
    """Overwrite free pages and empty the write-ahead log, so that nothing is left of rows.

    On SQLite the file is searched for ``needles`` afterwards, and rewritten as a whole
    (VACUUM) if one is still in it, or if they are not known. On Postgres tables are
    rewritten (VACUUM FULL), since a plain VACUUM leaves the bytes of deleted rows in their
    pages; what its own log and its archives hold is not ours to change.
    Returns what could not be wiped, in words.
    """
    if store.dialect == "sqlite":
        _fill_free_pages(store)
        emptied = truncate_wal(store)
        if needles is None or found_in_file(store, needles):
            _vacuum(store)
            emptied = truncate_wal(store)
        return [] if emptied else ["write-ahead log (it was being read)"]
    with store.engine.connect() as connection:
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.exec_driver_sql(f"SET lock_timeout = {_LOCK_MS}")
        try:
            names = _lost_rows(connection)
            return [
                f"free space of {name} (it was in use)"
                for name in names
                if not _rewrite(connection, name)
            ]
        finally:
            connection.exec_driver_sql("RESET lock_timeout")


def _lost_rows(connection: Connection) -> list[str]:
    """The tables that may hold bytes of deleted rows: all but large ones that never lost any."""
    large = {
        name: 0
        for name, size in connection.exec_driver_sql(
            "SELECT relname, pg_total_relation_size(relid) FROM pg_stat_user_tables"
            " WHERE schemaname = current_schema()"
        )
        if size > _LARGE
    }
    if large:
        time.sleep(_STATISTICS_S)
        connection.exec_driver_sql("SELECT pg_stat_clear_snapshot()")
        rows = connection.exec_driver_sql(
            "SELECT relname, n_tup_upd + n_tup_del FROM pg_stat_user_tables"
            " WHERE schemaname = current_schema()"
        )
        large = {name: lost for name, lost in rows if name in large}
    names = inspect(connection).get_table_names()
    return [name for name in sorted(names) if large.get(name, 1)]


def _rewrite(connection: Connection, name: str) -> bool:
    """False if somebody had the table for too long."""
    for _ in range(_TRIES_TO_LOCK):
        try:
            connection.exec_driver_sql(f'VACUUM FULL "{name}"')
            return True
        except ProgrammingError as error:
            if getattr(error.orig, "sqlstate", None) == _NO_SUCH_TABLE:
                return True  # a part of the log, dropped meanwhile
            raise
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != _LOCKED:
                raise
            time.sleep(0.5)  # let those go on who waited behind us
    return False


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
