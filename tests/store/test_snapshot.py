"""Files of SQLite: made whole, whoever else looks."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from cdp.store import Store
from cdp.store.snapshot import make_file


def mode(path: Path) -> str:
    with closing(sqlite3.connect(path)) as db:
        return str(db.execute("PRAGMA journal_mode").fetchone()[0])


def test_a_file_is_not_there_before_it_has_its_log_and_its_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, seen, connect = tmp_path / "a.db", [], sqlite3.connect

    def look(*args: object, **kwargs: object) -> sqlite3.Connection:
        seen.append(path.exists())
        return connect(*args, **kwargs)  # type: ignore[call-overload, no-any-return]

    (tmp_path / "a.new").write_bytes(b"of one that was killed")
    monkeypatch.setattr(sqlite3, "connect", look)
    make_file(path, "CREATE TABLE t (a)")
    assert seen == [False] and mode(path) == "wal"
    with closing(connect(path)) as db:
        assert db.execute("SELECT count(*) FROM t").fetchone() == (0,)
    assert [file.name for file in tmp_path.iterdir()] == ["a.db"]


def test_of_many_that_open_a_new_store_at_once_each_gets_it(tmp_path: Path) -> None:
    start, found = threading.Barrier(8), []

    def open_it() -> None:
        start.wait()
        store = Store.at(tmp_path / "a.db")
        with store.write() as tx:
            tx.exec_driver_sql("CREATE TABLE IF NOT EXISTS t (a)")
            tx.exec_driver_sql("INSERT INTO t VALUES (1)")
        found.append(store)
        store.close()

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and mode(tmp_path / "a.db") == "wal"
    with closing(sqlite3.connect(tmp_path / "a.db")) as db:
        assert db.execute("SELECT count(*) FROM t").fetchone() == (8,)


def test_a_file_that_was_copied_without_a_log_gets_one_and_keeps_what_it_holds(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE t AS SELECT 7 AS a")
    assert mode(path) == "delete"
    make_file(path, "CREATE TABLE t (b)")
    assert mode(path) == "wal"
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT a FROM t").fetchone() == (7,)
