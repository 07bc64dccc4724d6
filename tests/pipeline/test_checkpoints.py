"""The write-ahead log is brought into the file beside the pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from cdp.pipeline import checkpoints
from cdp.pipeline.checkpoints import Checkpoints
from cdp.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store.at(tmp_path / "some.db")
    yield made
    made.close()


def bring(store: Store) -> tuple[int, int]:
    """Bring the write-ahead log into the file: its pages, and how many are there now."""
    with store.engine.connect() as connection:
        busy, pages, brought = connection.exec_driver_sql("PRAGMA wal_checkpoint").one()
    assert not busy
    return int(pages), int(brought)


def begins_anew(store: Store) -> bool:
    """Whether the write-ahead log has no more than 400,000 bytes that are written now."""
    grow(store)
    pages, _ = bring(store)
    return 90 < pages < 150


def grow(store: Store) -> int:
    """Write something; returns how large the file of the database is."""
    with store.write() as tx:
        tx.exec_driver_sql("CREATE TABLE IF NOT EXISTS some (data BLOB)")
        tx.exec_driver_sql("INSERT INTO some VALUES (zeroblob(400000))")
    assert store.path is not None
    return store.path.stat().st_size


def test_enough_messages_bring_what_was_written_into_the_file(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "_MESSAGES", 10)
    made = Checkpoints(store)
    small = grow(store)
    made.wrote(9)
    made.settle()
    assert grow(store) == small
    made.wrote(1)
    made.settle()
    assert store.path is not None
    assert store.path.stat().st_size > small + 800_000
    pages, brought = bring(store)
    assert pages == brought


def test_the_log_begins_anew_also_when_it_is_never_quiet(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "_MESSAGES", 10)
    monkeypatch.setattr(checkpoints, "_LITTLE", 5)
    made = Checkpoints(store)
    for _ in range(3):
        grow(store)
    made.wrote(10)
    made.settle()
    small = grow(store)  # which came while the thread was at it
    made.wrote(6)
    assert store.path is not None and store.path.stat().st_size == small
    made.wrote(4)
    made.settle()
    assert store.path.stat().st_size > small
    small = grow(store)
    made.wrote(3)
    assert store.path.stat().st_size > small
    assert begins_anew(store)  # all would be some 600


def test_who_writes_after_a_rest_begins_the_log_anew(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "_LITTLE", 5)
    made = Checkpoints(store)
    for _ in range(3):
        grow(store)
    made.wrote(5)
    made.rests()
    made.settle()
    assert store.path is not None
    small = store.path.stat().st_size  # so little is not worth it
    made.wrote(1)
    made.rests()
    made.settle()
    assert store.path.stat().st_size > small
    assert begins_anew(store)


def test_what_is_written_during_a_turn_has_another_one(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "_MESSAGES", 10)
    monkeypatch.setattr(checkpoints, "_FEW", 20)
    made = Checkpoints(store)
    grow(store)
    reader = store.engine.connect()  # has what comes now wait for the next turn
    reader.exec_driver_sql("BEGIN")
    reader.exec_driver_sql("SELECT count(*) FROM some").scalar_one()
    small = grow(store)
    turns = 0

    def let_go(_dbapi: object, _cursor: object, statement: str, *_: object) -> None:
        nonlocal turns
        turns += "wal_checkpoint" in statement
        reader.close()

    event.listen(store.engine, "after_cursor_execute", let_go)
    made.wrote(10)
    made.settle()
    event.remove(store.engine, "after_cursor_execute", let_go)
    assert turns == 3  # the last finds nothing new
    assert store.path is not None and store.path.stat().st_size >= small + 300_000
    assert begins_anew(store)


def test_what_it_cannot_do_is_left_to_the_writer(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "_MESSAGES", 1)
    made = Checkpoints(store)
    grow(store)
    with store.read() as tx:  # who still reads the old state keeps the new one out of the file
        tx.exec_driver_sql("SELECT count(*) FROM some").scalar_one()
        small = grow(store)
        made.wrote(1)
        made.settle()
        assert tx.exec_driver_sql("SELECT count(*) FROM some").scalar_one() == 1
    assert grow(store) >= small
    made.wrote(1)
    made.settle()
    pages, brought = bring(store)
    assert pages == brought
