"""Asking the databases of others that the settings name: read-only, in time, and no more.

A query is asked of Headwater's own store or of a warehouse (`ask_at`, `peek_at`). Their
addresses come from the settings alone, so that nobody with a login can have the server
call somewhere; and no error holds what is secret in them.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus

import structlog
from sqlalchemy import URL, Connection, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from cdp.config import Settings
from cdp.definitions.own_sql import SqlError, checked, no_warehouse
from cdp.store import definitions
from cdp.store.audiences import own_sql
from cdp.store.audiences.own_sql import Answer
from cdp.store.db import Store

logger = structlog.get_logger(__name__)

_AT_ONCE, _CONNECT_S = 5_000, 10
_SECRET = ("pass", "secret", "token", "key", "credential")


def ask_at(store: Store, settings: Settings, sql: str, warehouse: str | None) -> Answer:
    """All that a query returns, of the warehouse of that name or (None) of the store.

    `SqlError` where it fails, takes longer or has more rows than the settings let it.
    """
    seconds, most = settings.query_seconds, settings.query_rows
    if warehouse is None:
        return own_sql.ask(store, sql, seconds, most)
    answer = _ask(settings, warehouse, sql, seconds, most + 1)
    if len(answer.rows) > most:
        raise own_sql.too_many(most)
    return answer


def peek_at(
    store: Store,
    settings: Settings,
    sql: str,
    warehouse: str | None,
    seconds: float,
    show: int = 20,
) -> Answer:
    """The first rows of a query, as `ask_at` gives all of them."""
    if warehouse is None:
        return own_sql.peek(store, sql, seconds, show)
    return _ask(settings, warehouse, sql, seconds, show)


class Reached(NamedTuple):
    """Whether a warehouse answers: its dialect and whether its user may do everything there,
    or what is wrong; and a trait that asks it."""

    name: str
    dialect: str = ""
    mighty: bool = False
    error: str | None = None
    trait: str | None = None


def all_reached(store: Store, settings: Settings) -> list[Reached]:
    """Every warehouse that the settings name or a trait asks."""
    with store.read() as tx:
        traits = definitions.all_current(tx, "computed_trait")
    asked = {body["warehouse"]: t.key for t in traits if "warehouse" in (body := t.body or {})}
    names = sorted({*settings.warehouses, *asked})
    return [reach(settings, name)._replace(trait=asked.get(name)) for name in names]


def reach(settings: Settings, name: str) -> Reached:
    """Whether a warehouse answers."""
    try:
        with _connected(settings, name, _CONNECT_S) as tx:
            mighty = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
            asked = mighty if tx.dialect.name == "postgresql" else "SELECT 1 WHERE 1 = 0"
            found = tx.exec_driver_sql(asked).scalar()
            return Reached(name, tx.dialect.name, bool(found))
    except SqlError as error:
        return Reached(name, error=str(error))


def _ask(settings: Settings, name: str, sql: str, seconds: float, most: int) -> Answer:
    """The first ``most`` rows."""
    sql = checked(sql, outside=True)
    with _connected(settings, name, seconds) as tx:
        asking = tx.execution_options(
            stream_results=True, max_row_buffer=_AT_ONCE, no_parameters=True
        )
        result = asking.exec_driver_sql(sql)
        columns = list(result.keys())
        rows: list[Sequence[Any]] = []
        while len(rows) < most and (some := result.fetchmany(min(_AT_ONCE, most - len(rows)))):
            rows += [tuple(row) for row in some]
        return Answer(columns, rows)


@contextmanager
def _connected(settings: Settings, name: str, seconds: float) -> Iterator[Connection]:
    """A reading transaction in a warehouse that is ended after ``seconds``, and rolled back."""
    address = settings.warehouses.get(name)
    if address is None:
        raise SqlError(no_warehouse(name, list(settings.warehouses)))
    url = _url(name, address)
    late = threading.Event()
    try:
        engine = _engine(url)
        with _said(name, url, "can't be reached"):
            tx = engine.connect()
    except (ImportError, NoSuchModuleError):
        trouble = f"the warehouse {name}: no driver for {url.drivername} is installed here"
        raise SqlError(trouble) from None
    with tx:
        raw: Any = tx.connection.driver_connection
        watch = threading.Timer(seconds, _end, (raw, late))
        watch.daemon = True
        watch.start()
        try:
            with _said(name, url, "says", late, seconds):
                _bound(tx, raw, seconds)
                yield tx
        finally:
            watch.cancel()
            if late.is_set():
                tx.invalidate()


@contextmanager
def _said(
    name: str, url: URL, what: str, late: threading.Event | None = None, seconds: float = 0
) -> Iterator[None]:
    """Whatever a driver raises, as an `SqlError` without secrets."""
    try:
        yield
    except SqlError:
        raise
    except Exception as error:  # the driver is somebody else's, and so is what it raises
        if late is not None and late.is_set():
            raise own_sql.too_slow(seconds) from None
        if not isinstance(error, DBAPIError | OSError):
            logger.warning("warehouse_driver", warehouse=name, error=type(error).__name__)
        told = str(getattr(error, "orig", None) or error).strip()
        line = (told.splitlines() or [type(error).__name__])[0]
        raise SqlError(f"the warehouse {name} {what}: {_plain(line, url)}") from None


def _url(name: str, address: str) -> URL:
    for prefix in ("postgresql://", "postgres://"):
        if address.startswith(prefix):
            address = "postgresql+psycopg://" + address[len(prefix) :]
    try:
        return make_url(address)
    except (ArgumentError, ValueError):
        # Its own words would show the address.
        raise SqlError(f"the address of the warehouse {name} in the settings is none") from None


def _engine(url: URL) -> Engine:
    dialect = url.get_backend_name()
    if dialect == "sqlite":
        file = f"file:{quote(url.database or '')}?mode=ro"
        return create_engine(
            url, poolclass=NullPool, creator=lambda: sqlite3.connect(
                file, uri=True, timeout=_CONNECT_S, check_same_thread=False
            ),
        )  # fmt: skip
    given: dict[str, Any] = {}
    if dialect == "postgresql" and "connect_timeout" not in url.query:
        given["connect_timeout"] = _CONNECT_S
    return create_engine(url, poolclass=NullPool, connect_args=given)


def _bound(tx: Connection, raw: Any, seconds: float) -> None:
    """Let the database itself see to it that nothing is changed, where it can."""
    if tx.dialect.name == "postgresql":
        tx.exec_driver_sql("SET TRANSACTION READ ONLY")
        tx.exec_driver_sql(f"SET LOCAL statement_timeout = {int(seconds * 1000) + 1000}")
        tx.exec_driver_sql("SET LOCAL standard_conforming_strings = on")
    elif tx.dialect.name == "sqlite":
        raw.execute("PRAGMA query_only = 1")
        raw.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 10_000_000)
        raw.set_authorizer(_reads_alone)


_READING = {
    sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE,
    sqlite3.SQLITE_TRANSACTION,
}  # fmt: skip


def _reads_alone(action: int, *_: str | None) -> int:
    return sqlite3.SQLITE_OK if action in _READING else sqlite3.SQLITE_DENY


def _end(raw: Any, late: threading.Event) -> None:
    """Have a driver give up what it does now, in whichever way it has."""
    late.set()
    for name in ("interrupt", "cancel", "close"):
        end = getattr(raw, name, None)
        if callable(end):
            try:
                end()
            except Exception as error:
                logger.warning("warehouse_not_ended", error=type(error).__name__)
            return


def _plain(text: str, url: URL) -> str:
    """A driver's words without what is secret in an address."""
    secrets = [str(url.password)] if url.password else []
    for name, value in url.query.items():
        if any(part in name.lower() for part in _SECRET):
            secrets += [value] if isinstance(value, str) else list(value)
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        for form in (secret, quote(secret, safe=""), quote_plus(secret)):
            text = text.replace(form, "••••")
    return text[:500]
