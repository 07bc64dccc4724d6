"""The power fails: what the store had not synced is gone, and the log still has it."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from cdp.log import files, open_reader
from cdp.log.files import PartWriter, segments
from cdp.log.record import Record, to_row
from cdp.pipeline import run, upkeep
from cdp.pipeline.run import Pipeline
from cdp.store import Store
from cdp.store.db import FILE
from cdp.store.events import progress
from tests.factories import TOKEN, Space, basic
from tests.real.server import wait_until


def synchronous(store: Store, synced: bool) -> int:
    with store.write(synced=synced) as tx:
        return int(tx.exec_driver_sql("PRAGMA synchronous").scalar_one())


def test_each_commit_waits_for_the_disk_but_those_that_can_be_done_again(tmp_path: Path) -> None:
    store = Store.at(tmp_path / FILE)
    full, normal = 2, 1
    asked = (True, False, False, True, False, True)
    assert [synchronous(store, synced) for synced in asked] == [
        full if synced else normal for synced in asked
    ]
    store.close()


class Disk:
    """What a power cut leaves of the data folder: of the write-ahead log what was synced."""

    def __init__(self, space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
        self._data, self._sync = space.settings.data, progress.sync
        self._synced = self._wal().stat().st_size
        self.left: list[Path] = []
        monkeypatch.setattr(run.progress, "sync", self.sync)

    def _wal(self) -> Path:
        return self._data / f"{FILE}-wal"

    def sync(self, store: Store) -> None:
        self._sync(store)
        self._synced = self._wal().stat().st_size

    def cut(self, target: Path) -> None:
        """Keep a copy of what would be left now."""
        shutil.copytree(self._data, target, ignore=shutil.ignore_patterns("*-shm"))
        with (target / f"{FILE}-wal").open("r+b") as wal:
            wal.truncate(self._synced)
        self.left.append(target)


def small_files(path: Path, connect: Any = files._connect) -> Any:
    """A file of the log that grows with each commit, not only now and then."""
    connection = connect(path)
    connection.execute("PRAGMA wal_autocheckpoint = 1")
    return connection


@pytest.mark.slow
def test_a_power_cut_at_any_moment_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = Space(tmp_path / "data", batch_messages=3)
    disk = Disk(space, monkeypatch)
    monkeypatch.setattr(files, "_connect", small_files)
    writer = PartWriter(space.settings.data / "log", "web", segment_bytes=30_000)
    messages = [f"m{number:03d}" for number in range(60)]
    for id_ in messages:
        body = b'{"userId":"u1","event":"E","messageId":"%s","properties":{"p":"%s"}}'
        text = body % (id_.encode(), b"x" * 1_500)
        writer.write([to_row(Record(int(time.time() * 1000), 1, "track", text))])
    before = len(segments(writer.folder))
    assert before > 3

    class Watched(Pipeline):
        def _tidy(self) -> None:
            super()._tidy()
            disk.cut(tmp_path / f"cut-{len(disk.left)}")

    pipeline = Watched(space.store, space.pipeline._reader, space.settings)
    monkeypatch.setattr(upkeep, "_DROP_S", 0.02)
    stop = Event()
    thread = Thread(target=pipeline.run, args=(stop,))
    thread.start()
    # A reader of its own: the pipeline's belongs to its thread.
    watching = Pipeline(space.store, open_reader(space.settings), space.settings)
    wait_until(lambda: not sum(watching.backlog().values()))
    wait_until(lambda: len(segments(writer.folder)) < before)  # what is synced is dropped
    stop.set()
    thread.join()
    writer.close()
    space.close()

    unsynced = 0
    for folder in {disk.left[n] for n in range(0, len(disk.left), max(1, len(disk.left) // 12))}:
        again = Space(folder)
        unsynced += sum(again.pipeline.backlog().values())
        again.pipeline.drain()
        path = "/v1/spaces/default/collections/users/profiles/user_id:u1/events?limit=100"
        answer: Any = again.client().get(path, headers=basic(TOKEN)).json
        assert sorted(event["message_id"] for event in answer["data"]) == messages
        again.close()
    assert unsynced  # the cuts did take something away
