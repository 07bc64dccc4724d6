"""The log in SQLite files."""

import random
import shutil
import sqlite3
import threading
from pathlib import Path

import pytest

from cdp.log import files
from cdp.log.files import FileReader, PartWriter, keeping, segments
from cdp.log.group import GroupCommit, LogFull, LogUnavailable
from cdp.log.record import Record, to_row


def record(text: str = "{}", **more: object) -> Record:
    return Record(1_700_000_000_000, 1, "track", text.encode(), **more)  # type: ignore[arg-type]


def rows(*texts: str) -> list[tuple[object, ...]]:
    return [to_row(record(text)) for text in texts]


def test_what_was_written_is_read_in_order_from_any_position(tmp_path: Path) -> None:
    writer = PartWriter(tmp_path, "web", 1 << 20)
    writer.write(rows("a", "b"))
    writer.write(rows("c"))
    reader = FileReader(tmp_path)
    assert reader.parts() == [writer.part]
    assert [item.record.body for item in reader.read(writer.part, 0, 10)] == [b"a", b"b", b"c"]
    assert [item.pos for item in reader.read(writer.part, 1, 1)] == [2]
    assert reader.read(writer.part, 3, 10) == []
    assert reader.end(writer.part) == 3


def test_a_record_comes_back_with_everything_it_had(tmp_path: Path) -> None:
    writer = PartWriter(tmp_path, "web", 1 << 20)
    big = record("x" * 10_000, ip="1.2.3.4", user_agent="SDK", live=False)
    refused = record("{", code="invalid_json", detail="cut short")
    writer.write([to_row(big), to_row(refused)])
    found = FileReader(tmp_path).read(writer.part, 0, 10)
    assert [item.record for item in found] == [big, refused]


def test_each_writer_begins_a_part_that_no_other_ever_had(tmp_path: Path) -> None:
    first = PartWriter(tmp_path, "web", 1 << 20)
    first.write(rows("a", "b"))
    first.close()
    second = PartWriter(tmp_path, "web", 1 << 20)
    second.write(rows("c"))
    third = PartWriter(tmp_path, "web", 1 << 20)
    reader = FileReader(tmp_path)
    assert reader.parts() == sorted({first.part, second.part, third.part})
    assert len(reader.parts()) == 3
    refs = [item.ref for part in reader.parts() for item in reader.read(part, 0, 9)]
    assert len(set(refs)) == 3


def test_a_part_ends_when_its_writer_is_gone_and_all_is_taken(tmp_path: Path) -> None:
    writer = PartWriter(tmp_path, "web", 1 << 20)
    writer.write(rows("a", "b"))
    reader = FileReader(tmp_path)
    assert not reader.ended(writer.part, 2)  # more may come
    writer.close()
    assert not reader.ended(writer.part, 1)
    assert reader.ended(writer.part, 2)
    assert not reader.ended("web-never", 0)
    with keeping(tmp_path):
        assert not reader.drop(writer.part)
    assert reader.drop(writer.part)
    assert reader.parts() == []


def test_a_part_out_of_a_backup_has_no_lock_and_ends_too(tmp_path: Path) -> None:
    writer = PartWriter(tmp_path, "web", 1 << 20)
    writer.write(rows("a"))
    writer.close()
    (tmp_path / writer.part / "lock").unlink()
    reader = FileReader(tmp_path)
    assert (reader.ended(writer.part, 0), reader.ended(writer.part, 1)) == (False, True)


@pytest.mark.parametrize("put_back", [False, True])
def test_what_is_written_after_the_folder_was_removed_is_kept_elsewhere(
    tmp_path: Path, put_back: bool
) -> None:
    log = tmp_path / "log"
    writer = PartWriter(log, "web", 1 << 20)
    writer.write(rows("a"))
    old = writer.part
    shutil.copytree(log, tmp_path / "copy")
    shutil.rmtree(log)
    if put_back:
        (tmp_path / "copy").rename(log)
    writer.write(rows("b"))
    writer.write(rows("c"))
    assert writer.part != old
    reader = FileReader(log)
    assert [item.record.body for item in reader.read(writer.part, 0, 9)] == [b"b", b"c"]
    assert reader.parts() == ([old, writer.part] if put_back else [writer.part])


def test_a_writer_whose_folder_cannot_be_made_anew_acknowledges_nothing(tmp_path: Path) -> None:
    log = tmp_path / "log"
    writer = PartWriter(log, "web", 1 << 20)
    commits = GroupCommit(writer.write, 10, writer.close, lambda: writer.part)
    shutil.rmtree(log)
    log.write_text("in the way")
    with pytest.raises(LogUnavailable):
        commits.append(record("a"))
    log.unlink()
    commits.append(record("b"))
    assert [item.record.body for item in FileReader(log).read(commits.part, 0, 9)] == [b"b"]
    commits.close()


def test_full_files_are_left_read_across_and_dropped_whole(tmp_path: Path) -> None:
    writer = PartWriter(tmp_path, "web", 1)  # each write fills its file
    for number in range(5):
        writer.write(rows(f"{number}"))
    reader = FileReader(tmp_path)
    seen, after = [], 0
    while taken := reader.read(writer.part, after, 2):
        seen += [item.record.body for item in taken]
        after = taken[-1].pos
    assert seen == [b"0", b"1", b"2", b"3", b"4"]
    reader.drop_taken(writer.part, 3)
    assert [first for first, _ in segments(writer.folder)] == [4, 5, 6]
    assert [item.record.body for item in reader.read(writer.part, 3, 9)] == [b"3"]
    reader.drop_taken(writer.part, 5)
    writer.write(rows("5"))
    assert [item.pos for item in reader.read(writer.part, 5, 9)] == [6]
    assert reader.end(writer.part) == 6


def test_nobody_ever_sees_a_file_that_is_not_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect, seen = sqlite3.connect, []

    def look(*args: object, **kwargs: object) -> sqlite3.Connection:
        connection = connect(*args, **kwargs)  # type: ignore[call-overload]
        reader = FileReader(tmp_path)
        for path in (path for part in reader.parts() for path in (tmp_path / part).glob("*.db")):
            # Bytes 18 and 19 of a file: 2 with a write-ahead log (SQLite's file format, 1.3.3).
            assert path.read_bytes()[18:20] == b"\2\2", path
            seen.append(path.name)
        return connection  # type: ignore[no-any-return]

    monkeypatch.setattr(sqlite3, "connect", look)
    writer = PartWriter(tmp_path, "web", 1)
    for _ in range(3):
        writer.write(rows("x"))
    writer.close()
    assert len(set(seen)) == 4


def test_group_commit_acknowledges_only_what_is_on_disk(tmp_path: Path) -> None:
    writer = PartWriter(tmp_path, "web", 1 << 20)
    log = GroupCommit(writer.write, 1000, writer.close)
    reader = FileReader(tmp_path)
    missing: list[int] = []

    def client(number: int) -> None:
        for index in range(20):
            body = f"{number}/{index}".encode()
            log.append(record(body.decode()))
            with sqlite3.connect(segments(writer.folder)[-1][1]) as db:
                if not db.execute("SELECT 1 FROM log WHERE body = ?", (body,)).fetchone():
                    missing.append(number)

    threads = [threading.Thread(target=client, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    assert not missing
    assert len(reader.read(writer.part, 0, 1000)) == 160


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
        go.wait(60)

    log = GroupCommit(write, 2)
    assert log.offer(record())
    assert began.wait(60)
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
        waiter.join(60)
    log.close()


def test_a_file_that_cannot_be_begun_hides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = PartWriter(tmp_path, "web", 1)  # wants a new file after every write
    reader = FileReader(tmp_path)
    real = files.make_file

    def fail(path: Path, schema: str) -> None:
        real(path, schema)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "make_file", fail)
    for _ in range(3):
        writer.write([to_row(record())])  # is on disk, whatever becomes of the next file
    monkeypatch.setattr(files, "make_file", real)
    for _ in range(2):
        writer.write([to_row(record())])
    found, after = [], 0
    while taken := reader.read(writer.part, after, 1):
        found.append(taken[0].pos)
        after = taken[0].pos
    assert found == [1, 2, 3, 4, 5]
    reader.drop_taken(writer.part, 2)
    assert [item.pos for item in reader.read(writer.part, 2, 100)] == [3, 4]
    writer.close()
    reader.close()


def test_a_disk_that_is_full_refuses_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    writer = PartWriter(tmp_path, "web", 64 << 20)
    log = GroupCommit(writer.write, 10, writer.close)
    log.append(record())
    pages = writer._db.execute("PRAGMA page_count").fetchone()[0]
    writer._db.execute(f"PRAGMA max_page_count = {pages}")
    large = record()._replace(body=random.Random(1).randbytes(200_000))
    with pytest.raises(LogUnavailable, match="full"):
        log.append(large)
    writer._db.execute("PRAGMA max_page_count = 1000000")
    log.append(large)
    log.close()
    reader = FileReader(tmp_path)
    assert [len(t.record.body) for t in reader.read(writer.part, 0, 100)][1] == len(large.body)
    reader.close()


def test_a_file_that_cannot_be_read_is_an_error_that_can_be_waited_out(tmp_path: Path) -> None:
    folder = tmp_path / "web-0"
    folder.mkdir()
    (folder / f"{1:020d}.db").write_bytes(b"this is no database at all" * 100)
    reader = FileReader(tmp_path)
    with pytest.raises(OSError, match="web-0"):
        reader.read("web-0", 0, 10)
