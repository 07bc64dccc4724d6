"""Queries in SQL that people write: what they may ask, and how they are kept within bounds.

A query sees a few views and nothing else, changes nothing, and ends in time. On SQLite
an authorizer looks at every table and function that is read. Postgres has none: a query
is made a view first, whose own record says what it stands on.
"""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from cdp.definitions.own_sql import NAMES, SqlError, checked
from cdp.store.audiences.own_views import views
from cdp.store.db import Store

_AT_ONCE = 5_000
_STEPS = 20_000  # of SQLite's machine, between two looks at the clock


class Answer(NamedTuple):
    """The names of the columns, and rows."""

    columns: list[str]
    rows: list[Sequence[Any]]


def ask(store: Store, sql: str, seconds: float, most: int) -> Answer:
    """What a query returns; `SqlError` where it fails, takes longer, or has more rows."""
    sql = checked(sql)
    made = _ask_sqlite if store.dialect == "sqlite" else _ask_postgres
    answer = made(store, sql, seconds, most)
    if len(answer.rows) > most:
        raise too_many(most)
    return answer


def peek(store: Store, sql: str, seconds: float, show: int = 20) -> Answer:
    """The first rows of a query, as `ask` gives all of them."""
    sql = checked(sql)
    return ask(store, f"select * from (\n{sql}\n) as own limit {show}", seconds, show)


def shown_values(answer: Answer) -> list[list[Any]]:
    """Rows as JSON has them: what is no number, text or truth as its text."""
    plain = (str, int, float, bool, type(None))
    return [
        [
            value if isinstance(value, plain) else float(value)
            if isinstance(value, Decimal) else str(value)
            for value in row
        ]
        for row in answer.rows
    ]  # fmt: skip


def too_many(most: int) -> SqlError:
    """A query that returns more rows than it may."""
    return SqlError(f"it returns more than {most:,} rows")


def too_slow(seconds: float) -> SqlError:
    """A query that takes longer than it may."""
    return SqlError(f"it takes longer than {seconds:g} seconds")


def _ask_sqlite(store: Store, sql: str, seconds: float, most: int) -> Answer:
    with store.read() as tx:
        made = views(tx, "main")
    deadline = time.monotonic() + seconds
    connection = sqlite3.connect(f"file:{store.path}?mode=ro", uri=True, timeout=10)
    # What may look into tables has names that nobody can give to a table of a query.
    inner = {name: f"{name}_{secrets.token_hex(8)}" for name in made}
    try:
        connection.execute("PRAGMA temp_store = MEMORY")
        for name, text in made.items():
            connection.execute(f"CREATE TEMP VIEW {inner[name]} AS {text}")
            connection.execute(f"CREATE TEMP VIEW {name} AS SELECT * FROM {inner[name]}")
        tables = {row[0] for row in connection.execute("SELECT name FROM main.sqlite_master")}
        connection.execute("PRAGMA query_only = 1")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 10_000_000)
        connection.set_authorizer(_Guard(frozenset(inner.values()), tables).allows)
        connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
        cursor = connection.execute(sql)
        columns = [item[0] for item in cursor.description or ()]
        rows: list[Sequence[Any]] = []
        while len(rows) <= most and (some := cursor.fetchmany(_AT_ONCE)):
            rows += some
            if time.monotonic() > deadline:
                raise too_slow(seconds)
        return Answer(columns, rows)
    except sqlite3.Error as error:
        if time.monotonic() > deadline:
            raise too_slow(seconds) from None
        raise SqlError(_said(str(error))) from None
    finally:
        connection.close()


class _Guard(NamedTuple):
    """SQLite asks it about all that a query does; ``views`` alone may look into ``tables``."""

    views: frozenset[str]
    tables: set[str]

    def allows(
        self, action: int, one: str | None, two: str | None, where: str | None, by: str | None
    ) -> int:
        if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE):
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_FUNCTION and two != "load_extension":
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_READ:
            # Counted alone, a table has no column and no database.
            made_here = where is None and one not in self.tables
            if where == "temp" or made_here or by in self.views:
                return sqlite3.SQLITE_OK
        return sqlite3.SQLITE_DENY


_STANDS_ON = """
SELECT DISTINCT c.relname, c.relnamespace = pg_my_temp_schema()
FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class c ON c.oid = d.refobjid
WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
AND r.ev_class = 'pg_temp.own_query'::regclass AND c.oid <> r.ev_class
"""


def _ask_postgres(store: Store, sql: str, seconds: float, most: int) -> Answer:
    import psycopg

    deadline = time.monotonic() + seconds
    with store.engine.connect() as tx:
        schema = tx.exec_driver_sql("SELECT current_schema()").scalar()
        made = views(tx, f'"{schema}"')
        raw: Any = tx.connection.driver_connection
        try:
            with raw.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = {int(seconds * 1000)}")
                cursor.execute("SET LOCAL standard_conforming_strings = on")
                for name, text in made.items():
                    cursor.execute(f"CREATE TEMP VIEW {name} AS {text}")
                cursor.execute(f"CREATE TEMP VIEW own_query AS {sql}")
                for name, ours in cursor.execute(_STANDS_ON).fetchall():
                    if not ours or name not in NAMES:
                        raise SqlError(f"there is no {name} to read; there are {', '.join(NAMES)}")
                cursor.execute("SET TRANSACTION READ ONLY")
                cursor.execute("DECLARE own CURSOR FOR SELECT * FROM pg_temp.own_query")
                rows: list[Sequence[Any]] = []
                columns: list[str] = []
                while len(rows) <= most:
                    cursor.execute(f"FETCH {_AT_ONCE} FROM own")
                    columns = [item.name for item in cursor.description or ()]
                    some = cursor.fetchall()
                    rows += some
                    if not some:
                        break
                    if time.monotonic() > deadline:
                        raise too_slow(seconds)
            return Answer(columns, rows)
        except psycopg.errors.QueryCanceled:
            raise too_slow(seconds) from None
        except psycopg.OperationalError:
            raise  # the database is away
        except psycopg.Error as error:
            raise SqlError(_said(str(error))) from None
        finally:
            if not raw.closed:
                raw.rollback()


def _said(error: str) -> str:
    """A database's own words: the first line."""
    text = (error.splitlines() or ["it fails"])[0]
    if "prohibited" in text or "not authorized" in text:
        return f"{text}: there are {', '.join(NAMES)} to read"
    return text
