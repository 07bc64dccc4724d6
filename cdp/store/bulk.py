"""Many rows at the speed of the driver, with statements written in Core.

SQLAlchemy's own executemany builds a dict of parameters for each row; on the hot
path the statement is compiled once and the rows go to the driver as tuples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Insert,
    Table,
    Text,
    bindparam,
    func,
    insert,
    literal_column,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql import ClauseElement

Row = Sequence[Any]

_encode = msgspec.json.Encoder().encode

_dialects: Any = (sqlite.dialect, postgresql.dialect)
_SQLITE = _dialects[0](paramstyle="qmark")
_POSTGRES = _dialects[1](paramstyle="format")


def upsert(tx: Connection, table: Table) -> Any:
    """The dialect's INSERT, which has ``on_conflict_do_update`` and ``…_nothing``."""
    return upsert_of(tx.dialect.name, table)


def upsert_of(dialect: str, table: Table) -> Any:
    """`upsert` of a dialect by its name, for statements that are made once."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


def insert_many(
    tx: Connection, table: Table, columns: tuple[str, ...], rows: Sequence[Row]
) -> None:
    """Insert ``rows``, whose values are in the order of ``columns``.

    Postgres takes them by COPY, SQLite by executemany.
    """
    if not rows:
        return
    if tx.dialect.name == "sqlite":
        tx.exec_driver_sql(_insert_sql(table, columns), [tuple(row) for row in rows])
        return
    names = ", ".join(columns)
    if not tx.in_transaction():
        tx.begin()  # or nobody would commit what goes past SQLAlchemy
    cursor = tx.connection.cursor()
    with cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


@lru_cache(maxsize=512)
def _insert_sql(table: Table, columns: tuple[str, ...]) -> str:
    return _compiled(insert(table).values({name: bindparam(name) for name in columns}), "sqlite")[0]


@lru_cache(maxsize=1024)
def _compiled(statement: ClauseElement, dialect: str) -> tuple[str, tuple[str, ...]]:
    if isinstance(statement, Insert):
        # Or SQLAlchemy has it give back keys that it takes for the database's own.
        statement = statement.inline()
    if dialect == "sqlite":
        compiled: Any = statement.compile(dialect=_SQLITE)
    else:
        compiled = statement.compile(dialect=_POSTGRES)
    return str(compiled), tuple(compiled.positiontup or ())


def blob(value: Any) -> bytes | None:
    """A BLOB as the driver gave it, as bytes."""
    return bytes(value) if value is not None else None


def run_many(tx: Connection, statement: ClauseElement, rows: Iterable[dict[str, Any]]) -> None:
    """Run ``statement`` once a row; its parameters are bindparams, by name.

    Keep the statement object (a module constant): it is compiled once.
    """
    sql, names = _compiled(statement, tx.dialect.name)
    values = [(row[names[0]],) for row in rows] if len(names) == 1 else [*map(_picker(names), rows)]
    if values:
        tx.exec_driver_sql(sql, values)


def run_rows(
    tx: Connection, statement: ClauseElement, names: tuple[str, ...], rows: Sequence[Row]
) -> None:
    """`run_many` of rows whose values are in the order of ``names``, which it asks for so."""
    sql, asked = _compiled(statement, tx.dialect.name)
    if asked != names:
        raise ValueError(f"the statement asks for {', '.join(asked)}, not {', '.join(names)}")
    if rows:
        tx.exec_driver_sql(sql, list(rows))


@lru_cache(maxsize=1024)
def _picker(names: tuple[str, ...]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    return itemgetter(*names)


def fetch(tx: Connection, statement: ClauseElement, values: dict[str, Any]) -> list[Row]:
    """The rows of a query at the speed of the driver; its parameters as in `run_many`."""
    sql, names = _compiled(statement, tx.dialect.name)
    cursor = tx.connection.cursor()
    cursor.execute(sql, tuple(values[name] for name in names))
    rows = cursor.fetchall()
    cursor.close()
    return list(rows)


def chunks(items: Sequence[Any], size: int = 500) -> Iterable[Sequence[Any]]:
    """Cut ``items`` into pieces that fit into one IN list."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def select_by(
    tx: Connection,
    columns: tuple[Column[Any], ...],
    key: Column[Any],
    values: Sequence[int],
) -> list[Row]:
    """The ``columns`` of all rows whose integer ``key`` is among ``values``, as tuples."""
    if not values:
        return []
    dialect = tx.dialect.name
    cursor = tx.connection.cursor()
    packed = _encode(values).decode() if dialect == "sqlite" else list(values)
    cursor.execute(_select_sql(columns, key, dialect), (packed,))
    rows = cursor.fetchall()
    cursor.close()
    return list(rows)


@lru_cache(maxsize=1024)
def _select_sql(columns: tuple[Column[Any], ...], key: Column[Any], dialect: str) -> str:
    statement = select(*columns)
    if dialect == "sqlite":
        listed: Any = select(literal_column("value")).select_from(
            func.json_each(bindparam("packed", type_=Text))
        )
        return str(statement.where(key.in_(listed)).compile(dialect=_SQLITE))
    among = key == func.any(bindparam("packed", type_=postgresql.ARRAY(BigInteger)))
    return str(statement.where(among).compile(dialect=_POSTGRES))
