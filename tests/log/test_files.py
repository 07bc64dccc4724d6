"""The log in SQLite files."""

import sqlite3
import threading
from pathlib import Path

import pytest

from cdp.log.files import FileReader, PartInUse, PartWriter, segments
from cdp.log.group import GroupCommit, LogFull, LogUnavailable
from cdp.log.record import Record, to_row


def record(text: str = "{}", **more: object) -> Record:
    return Record(1_700_000_000_000, 1, "track", text.encode(), **more)  # type: ignore[arg-type]


def rows(*texts: str) -> list[tuple[object, ...]]:
    return [to_row(record(text)) for text in texts]


def test_what_was_written_is_read_in_order_from_any_position(tmp_path: Path) -> None:
    writer = PartWriter(tmp_path / "web-0", 1 << 20)
    writer.write(rows("a", "b"))
    writer.write(rows("c"))
    reader = FileReader(tmp_path)
    assert reader.parts() == ["web-0"]
    assert [item.record.body for item in reader.read("web-0", 0, 10)] == [b"a", b"b", b"c"]
    assert [item.pos for item in reader.read("web-0", 1, 1)] == [2]
    assert reader.read("web-0", 3, 10) == []
    assert reader.end("web-0") == 3


def test_a_record_comes_back_with_everything_it_had(tmp_path: Path) -> None:
    writer = PartWriter(tmp_path / "web-0", 1 << 20)
    big = record("x" * 10_000, ip="1.2.3.4", user_agent="SDK", live=False)
    refused = record("{", code="invalid_json", detail="cut short")
    writer.write([to_row(big), to_row(refused)])
    found = FileReader(tmp_path).read("web-0", 0, 10)
    assert [item.record for item in found] == [big, refused]


def test_positions_go_on_after_a_restart(tmp_path: Path) -> None:
    first = PartWriter(tmp_path / "web-0", 1 << 20)
    first.write(rows("a", "b"))
    first.close()
    second = PartWriter(tmp_path / "web-0", 1 << 20)
    second.write(rows("c"))
    assert [item.pos for item in FileReader(tmp_path).read("web-0", 0, 9)] == [1, 2, 3]


def test_a_part_has_one_writer(tmp_path: Path) -> None:
    writer = PartWriter(tmp_path / "web-0", 1 << 20)
    with pytest.raises(PartInUse):
        PartWriter(tmp_path / "web-0", 1 << 20)
    writer.close()
    PartWriter(tmp_path / "web-0", 1 << 20).close()


def test_full_files_are_left_read_across_and_dropped_whole(tmp_path: Path) -> None:
    writer = PartWriter(tmp_path / "web-0", 1)  # each write fills its file
    for number in range(5):
        writer.write(rows(f"{number}"))
    reader = FileReader(tmp_path)
    seen, after = [], 0
    while taken := reader.read("web-0", after, 2):
        seen += [item.record.body for item in taken]
        after = taken[-1].pos
    assert seen == [b"0", b"1", b"2", b"3", b"4"]
    reader.drop_taken("web-0", 3)
    assert [first for first, _ in segments(tmp_path / "web-0")] == [4, 5, 6]
    assert [item.record.body for item in reader.read("web-0", 3, 9)] == [b"3"]
    reader.drop_taken("web-0", 5)
    writer.write(rows("5"))
    assert [item.pos for item in reader.read("web-0", 5, 9)] == [6]
    assert reader.end("web-0") == 6


def test_group_commit_acknowledges_only_what_is_on_disk(tmp_path: Path) -> None:
    writer = PartWriter(tmp_path / "web-0", 1 << 20)
    log = GroupCommit(writer.write, 1000, writer.close)
    reader = FileReader(tmp_path)
    missing: list[int] = []

    def client(number: int) -> None:
        for index in range(20):
            body = f"{number}/{index}".encode()
            log.append(record(body.decode()))
            with sqlite3.connect(segments(tmp_path / "web-0")[-1][1]) as db:
                if not db.execute("SELECT 1 FROM log WHERE body = ?", (body,)).fetchone():
                    missing.append(number)

    threads = [threading.Thread(target=client, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    assert not missing
    assert len(reader.read("web-0", 0, 1000)) == 160


def test_a_write_that_fails_is_told_to_every_waiter_and_the_next_one_may_succeed() -> None:
    failing = [True]
    written: list[tuple[object, ...]] = []

    def write(group: list[tuple[object, ...]]) -> None:
        if failing[0]:
            raise sqlite3.OperationalError("database or disk is full")
        written.extend(group)

    log = GroupCommit(write, 10)
    with pytest.raises(LogUnavailable, match="disk is full"):
        log.append(record())
    assert log.failing == "database or disk is full"
    failing[0] = False
    log.append(record())
    assert len(written) == 1 and log.failing is None
    log.close()
    with pytest.raises(LogUnavailable):
        log.append(record())


def test_a_full_queue_refuses_instead_of_growing() -> None:
    go, began = threading.Event(), threading.Event()

    def write(_: list[tuple[object, ...]]) -> None:
        began.set()
        go.wait(10)

    log = GroupCommit(write, 2)
    assert log.offer(record())
    assert began.wait(5)
    waiters = [threading.Thread(target=log.append, args=(record(),)) for _ in range(2)]
    for waiter in waiters:
        waiter.start()
    for _ in range(500):
        if log._queue.qsize() == 2:
            break
        threading.Event().wait(0.01)
    with pytest.raises(LogFull):
        log.append(record())
    assert not log.offer(record())
    go.set()
    for waiter in waiters:
        waiter.join(5)
    log.close()
