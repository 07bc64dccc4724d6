"""The write-ahead log is brought into the file beside the pipeline."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdp.pipeline import checkpoints
from cdp.pipeline.checkpoints import Checkpoints
from cdp.store import Store


def waiting(store: Store) -> int:
    """Pages of the write-ahead log that are not in the file yet, which brings them there."""
    with store.engine.connect() as connection:
        busy, pages, brought = connection.exec_driver_sql("PRAGMA wal_checkpoint").one()
    assert not busy
    return int(pages - brought)


def grow(store: Store) -> int:
    """Write something; returns how large the file of the database is."""
    with store.write() as tx:
        tx.exec_driver_sql("CREATE TABLE IF NOT EXISTS some (data BLOB)")
        tx.exec_driver_sql("INSERT INTO some VALUES (zeroblob(400000))")
    assert store.path is not None
    return store.path.stat().st_size


def test_enough_messages_bring_what_was_written_into_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "_MESSAGES", 10)
    store = Store.at(tmp_path / "some.db")
    made = Checkpoints(store)
    small = grow(store)
    made.wrote(9)
    made.settle()
    assert grow(store) == small
    made.wrote(1)
    made.settle()
    assert store.path is not None
    assert store.path.stat().st_size > small + 800_000
    assert waiting(store) == 0
    store.close()


def test_the_log_begins_anew_also_when_it_is_never_quiet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "_MESSAGES", 10)
    monkeypatch.setattr(checkpoints, "_LITTLE", 5)
    store = Store.at(tmp_path / "some.db")
    made = Checkpoints(store)
    for _ in range(3):
        grow(store)
    made.wrote(10)
    made.settle()
    small = grow(store)  # which came while the thread was at it
    made.wrote(6)
    assert store.path is not None and store.path.stat().st_size == small
    made.wrote(3)
    assert store.path.stat().st_size > small
    grow(store)
    with store.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA wal_checkpoint").one()[1]
    assert 90 < pages < 150  # of 400,000 bytes; all would be some 500
    store.close()


def test_what_it_cannot_do_is_left_to_the_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "_MESSAGES", 1)
    store = Store.at(tmp_path / "some.db")
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
    assert waiting(store) == 0
    store.close()
