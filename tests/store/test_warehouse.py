"""Warehouses: asked read-only, within bounds, on real databases; nothing secret in what fails."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import URL
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from cdp.config import Settings
from cdp.definitions.own_sql import SqlError, checked
from cdp.store import Store
from cdp.store.audiences import overdue, warehouse
from cdp.store.audiences.warehouse import ask_at, peek_at, reach
from tests.postgres import new_database

ROWS = """create table spent (email text, total numeric);
insert into spent values ('Ana@x.com', 120.5), ('bo@x.com', 7)"""
ENDLESS = (
    "with recursive n (i) as (select 1 union all select i + 1 from n) "
    "select i as user_id, 1 as value from n where i < 0"
)


class _Plain(SQLiteDialect_pysqlite):
    """A dialect that we know nothing of."""

    name = "plain"
    supports_statement_cache = True


class _Waiting(_Plain):
    """A driver without deadlines: it waits for as long as the server at the port is silent,
    before it connects or, if that is the password, before it asks."""

    def connect(self, *args: Any, **kwargs: Any) -> Any:
        return sqlite3.connect(":memory:", check_same_thread=False)

    def create_connect_args(self, url: URL) -> Any:
        self._server = (url.host, url.port)
        self._when = url.password
        if self._when == "connecting":
            self._wait()
        return [], {}

    def do_execute_no_params(self, cursor: Any, statement: str, context: Any = None) -> None:
        if self._when == "asking":
            self._wait()
        super().do_execute_no_params(cursor, statement, context)

    def _wait(self) -> None:
        with socket.create_connection(self._server) as silent:
            silent.recv(1)


registry.register("plain", __name__, "_Plain")
registry.register("waiting", __name__, "_Waiting")


@pytest.fixture(params=["sqlite", "plain", pytest.param("postgres", marks=pytest.mark.postgres)])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    if request.param == "postgres":
        url = new_database()
        with psycopg.connect(url) as tx:
            tx.execute(ROWS)
    else:
        with sqlite3.connect(tmp_path / "main.db") as tx:
            tx.executescript(ROWS)
        url = f"{request.param}:///{tmp_path / 'main.db'}"
    return Settings(query_seconds=60, query_rows=50, warehouses={"main": url})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.at(tmp_path / "own.db")


def test_all_rows_or_the_first(store: Store, settings: Settings) -> None:
    sql = "select lower(email) as email, total as value from spent -- all 100 %\norder by 1;"
    answer = ask_at(store, settings, sql, "main")
    assert answer.columns == ["email", "value"]
    assert [(name, float(value)) for name, value in answer.rows] == [
        ("ana@x.com", 120.5), ("bo@x.com", 7.0),
    ]  # fmt: skip
    assert len(peek_at(store, settings, sql, "main", 60.0, show=1).rows) == 1
    assert reach(settings, "main").mighty is settings.warehouses["main"].startswith("postgres")


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        (ENDLESS, "longer than 0.3 seconds"),
        ("select nope as email, 1 as value from spent", "the warehouse main says: .*nope"),
        ("select 1, a.total from spent a, spent b, spent c, spent d, spent e, spent f", "50 rows"),
        ("insert into spent values ('x', 1)", "only read"),
        ("with a as (delete from spent returning 1) select * from a", "says"),
        ("select 1 as email, '\\' as value", "can't stand in a query"),
        ("select pg_sleep(1) as email, 1 as value", "pg_sleep"),
    ],
)
def test_bounds(store: Store, settings: Settings, sql: str, why: str) -> None:
    bound = replace(settings, query_seconds=0.3) if sql == ENDLESS else settings
    with pytest.raises(SqlError, match=why):
        ask_at(store, bound, sql, "main")
    assert len(ask_at(store, settings, "select * from spent", "main").rows) == 2


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql://ana:s3cret@127.0.0.1:1/x?sslpassword=s3cret", "can't be reached"),
        ("postgresql://ana:s3cret@127.0.0.1:p0rt/x", "is none"),
        ("nodb://ana:s3cret@127.0.0.1/x", "no driver for nodb"),
        ("mysql://ana:s3cret@127.0.0.1/x", "no driver for mysql"),
        ("sqlite:////nowhere/at/all.db", "can't be reached: unable to open"),
        ("postgresql://ana:s3cret@127.0.0.1:1/x?nonsense=s3cret&token=s3cret", "main"),
    ],
)
def test_what_can_t_be_reached_says_so_without_secrets(store: Store, url: str, why: str) -> None:
    settings = Settings(warehouses={"main": url})
    with pytest.raises(SqlError, match=why) as told:
        ask_at(store, settings, "select 1", "main")
    assert "s3cret" not in str(told.value)


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.mark.parametrize(
    ("when", "why"),
    [
        ("connecting", "main can't be reached: no answer within 0.05 seconds"),
        ("asking", "longer than 0.05 seconds"),
    ],
)
def test_a_silent_server_and_a_driver_without_deadlines(
    store: Store, monkeypatch: pytest.MonkeyPatch, silent: socket.socket, when: str, why: str
) -> None:
    monkeypatch.setattr(warehouse, "_CONNECT_S", 0.05 if when == "connecting" else 60.0)
    monkeypatch.setattr(warehouse, "_GRACE_S", 0.0)
    url = f"waiting://ana:{when}@127.0.0.1:{silent.getsockname()[1]}/x"
    settings = Settings(query_seconds=0.05, warehouses={"main": url})
    hanging: dict[str, Any] = {}
    monkeypatch.setattr(overdue, "_hanging", hanging)
    for _ in range(overdue.MOST):
        with pytest.raises(SqlError, match=why):
            ask_at(store, settings, "select 1 as email, 2 as value", "main")
    threads = list(hanging["main"])
    assert len(threads) == overdue.MOST
    with pytest.raises(SqlError, match="4 earlier connections to it still wait"):
        ask_at(store, settings, "select 1 as email, 2 as value", "main")
    for _ in threads:
        silent.accept()[0].close()
    for thread in threads:
        thread.join()
    answering = Settings(query_seconds=60, warehouses={"main": "waiting:///x"})
    assert ask_at(store, answering, "select 1 as email, 2 as value", "main").rows == [(1, 2)]


def test_names(store: Store) -> None:
    with pytest.raises(SqlError, match="no warehouse mian: the server's settings name none"):
        ask_at(store, Settings(), "select 1", "mian")
    with pytest.raises(SqlError, match=r"no warehouse mian\. Did you mean main"):
        ask_at(store, Settings(warehouses={"main": "sqlite:///x"}), "select 1", "mian")


def test_comments_are_left_out_and_texts_stay() -> None:
    sql = "select '-- a', \"/* b */\" /*! c */ -- d\n, 1 --1\nfrom t"
    left = checked(sql, outside=True).split()
    assert " ".join(left) == "select '-- a', \"/* b */\" , 1 from t"
    with pytest.raises(SqlError, match="evil"):
        checked("select 1 /* /* */ evil(1) */", outside=True)
    with pytest.raises(SqlError, match="datediff"):
        checked("select datediff(1, 2)")
    assert checked("select datediff(1, 2)", outside=True)
