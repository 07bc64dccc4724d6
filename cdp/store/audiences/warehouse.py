"""Asking the databases of others that the settings name: read-only, in time, and no more.

A query is asked of Headwater's own store or of a warehouse (`ask_at`, `peek_at`). Their
addresses come from the settings alone, so that nobody with a login can have the server
call somewhere; and no error holds what is secret in them.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, quote_plus

import structlog
from sqlalchemy import URL, Connection, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from cdp.config import Settings
from cdp.definitions.own_sql import SqlError, checked, no_warehouse
from cdp.store import definitions
from cdp.store.audiences import overdue, own_sql
from cdp.store.audiences.own_sql import Answer
from cdp.store.db import Store

logger = structlog.get_logger(__name__)

T = TypeVar("T")

#: Seconds: to connect; and to give up once a query is ended, before it is left to itself.
_CONNECT_S, _GRACE_S = 10.0, 3.0
_AT_ONCE = 5_000
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

    def look(tx: Connection) -> Reached:
        mighty = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
        asked = mighty if tx.dialect.name == "postgresql" else "SELECT 1 WHERE 1 = 0"
        return Reached(name, tx.dialect.name, bool(tx.exec_driver_sql(asked).scalar()))

    try:
        return _in_time(settings, name, _CONNECT_S, look)
    except SqlError as error:
        return Reached(name, error=str(error))


def _ask(settings: Settings, name: str, sql: str, seconds: float, most: int) -> Answer:
    """The first ``most`` rows."""
    sql = checked(sql, outside=True)

    def read(tx: Connection) -> Answer:
        asking = tx.execution_options(
            stream_results=True, max_row_buffer=_AT_ONCE, no_parameters=True
        )
        result = asking.exec_driver_sql(sql)
        columns = list(result.keys())
        rows: list[Sequence[Any]] = []
        while len(rows) < most and (some := result.fetchmany(min(_AT_ONCE, most - len(rows)))):
            rows += [tuple(row) for row in some]
        return Answer(columns, rows)

    return _in_time(settings, name, seconds, read)


def _in_time(settings: Settings, name: str, seconds: float, work: Callable[[Connection], T]) -> T:
    """What ``work`` reads in a warehouse, whether or not its driver knows of deadlines."""
    address = settings.warehouses.get(name)
    if address is None:
        raise SqlError(no_warehouse(name, list(settings.warehouses)))
    url = _url(name, address)

    def connect_and_work(attempt: overdue.Attempt[T]) -> T:
        with _connected(name, url, seconds, attempt.begun) as tx:
            return work(tx)

    # Postgres' own driver has one, which an address may set, for each of several hosts.
    ready_s = None if url.get_backend_name() == "postgresql" else _CONNECT_S
    unreached = f"the warehouse {name} can't be reached: "
    try:
        return overdue.Attempt(name, connect_and_work).wait(ready_s, seconds + _GRACE_S)
    except overdue.NotBegun:
        raise SqlError(f"{unreached}no answer within {_CONNECT_S:g} seconds") from None
    except overdue.NotDone:
        raise own_sql.too_slow(seconds) from None
    except overdue.TooMany:
        raise SqlError(
            f"{unreached}{overdue.MOST} earlier connections to it still wait for an answer"
        ) from None


@contextmanager
def _connected(
    name: str, url: URL, seconds: float, begun: Callable[[], None]
) -> Iterator[Connection]:
    """A reading transaction in a warehouse that is ended after ``seconds``, and rolled back."""
    late = threading.Event()
    try:
        engine = _engine(url)
        with _said(name, url, "can't be reached"):
            tx = engine.connect()
    except (ImportError, NoSuchModuleError):
        trouble = f"the warehouse {name}: no driver for {url.drivername} is installed here"
        raise SqlError(trouble) from None
    with tx:
        begun()
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
    if dialect == "postgresql":
        # So that a connection to a machine that went away ends within a minute.
        given = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
        given |= {"connect_timeout": int(_CONNECT_S)}
        given = {name: value for name, value in given.items() if name not in url.query}
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
    # `cancel` of psycopg stops the whole process while a silent server lets it wait.
    for name in ("interrupt", "cancel_safe", "cancel", "close"):
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
