"""Parquet files of closed partitions: a copy that is never wrong, and never needed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from sqlalchemy import insert

from cdp.conditions import Context, parse
from cdp.config import ConfigError, Settings
from cdp.log.record import Record
from cdp.pipeline import kept_files as filing
from cdp.store.audiences import counting, matching, preview, quickest
from cdp.store.events import columnar, history, kept, kept_files
from cdp.store.privacy import removal
from cdp.store.tables import audiences, members
from tests.laws.world import BASE, World

QUESTION = 'count("Order Completed" where properties.total > 5) >= 2'


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Ten people with twenty orders each, in partitions of fifty."""
    monkeypatch.setattr(columnar, "LARGE", 100)
    made = World()
    with made.store.write() as tx:
        kept.keep(tx, [("Order Completed", path) for path in ((), ("properties", "total"))], BASE)
    batch = [
        {"type": "track", "event": "Order Completed", "userId": f"u{n % 10}", "messageId": f"m{n}",
         "timestamp": BASE - n, "properties": {"total": n // 10, "note": "é" * 20}}
        for n in range(200)
    ]  # fmt: skip
    for start in range(0, 200, 25):
        body = json.dumps({"batch": batch[start : start + 25]}).encode()
        made.log.append(Record(BASE, 1, "batch", body))
    made.pipeline.drain()
    yield made
    made.close()


def write_all(world: World) -> list[Path]:
    while kept_files.write_next(world.store):
        pass
    return paths(world)


def paths(world: World) -> list[Path]:
    return sorted((world.settings.data / kept_files.FOLDER).glob("*"))


def count(world: World) -> tuple[int, bool]:
    """How many meet the question, and whether DuckDB would be asked."""
    root = parse(QUESTION, Context.PERSON).root
    with world.store.read() as tx:
        try:
            large = matching.match_large(tx, root, BASE) is not None
        except columnar.Unreadable:
            large = True
        found = counting.count_people(tx, root, BASE)
    assert found.exact
    return found.people, large


def listed(world: World) -> list[kept_files.KeptFile]:
    with world.store.read() as tx:
        return kept_files.listed(tx)


def test_closed_partitions_are_written_and_read(world: World) -> None:
    assert count(world) == (10, False)
    files = write_all(world)
    with world.store.read() as tx:
        closed = [info.id for info in history.list_partitions(tx)][:-1]
    assert {item.partition for item in listed(world)} == set(closed)
    assert len(files) == 2 * len(closed) >= 4
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)
    assert count(world) == (10, True)


def test_a_preview_says_the_same_of_other_audiences(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world.store.write() as tx:
        few = {"id": 7, "kind": "audience", "key": "few", "collection": 0, "version": 1, "size": 3}
        tx.execute(insert(audiences).values(**few, state="live", made_at=BASE))
        tx.execute(insert(members), [{"audience": 7, "profile": n, "since": 1} for n in (2, 3, 99)])
    root = parse(QUESTION, Context.PERSON).root

    def said() -> tuple[Any, Any]:
        with world.store.read() as tx:
            who = quickest.Quickest(tx, root, BASE)
            return preview.overlaps(who), preview.change_of(who, 7, 3)

    before = said()
    assert before == ([preview.Overlap("few", 2, 3)], preview.Change(8, 1))
    write_all(world)
    monkeypatch.setattr(quickest, "match_gathered", None)  # without which the store can't be asked
    assert count(world) == (10, True) and said() == before


def test_what_changes_a_closed_partition_forgets_its_files(world: World) -> None:
    before = write_all(world)
    with world.store.write() as tx:
        rows = history.rows_after(tx, 0, 1_000)
        node = rows[0].node
        # But for one in the first partition and all in the last, somebody's are gone.
        removal.delete_rows(tx, [row.seq for row in rows if row.node == node][:-1])
    assert {item.partition for item in listed(world)}.isdisjoint({1})
    assert count(world)[0] == 9
    after = write_all(world)
    kept_files.remove_unlisted(world.store)
    assert set(paths(world)) == set(after) - set(before) | {
        path for path in before if path.name in {item.name for item in listed(world)}
    }
    assert count(world) == (9, True)


def test_a_file_that_was_overtaken_by_a_change_is_thrown_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = kept_files._write

    def overtaken(tx: Any, file: kept_files.KeptFile, path: Path) -> int:
        rows = write(tx, file, path)
        with world.store.write() as other:
            kept_files.forget(other, file.partition)
        return rows

    monkeypatch.setattr(kept_files, "_write", overtaken)
    assert kept_files.write_next(world.store)
    assert listed(world) == [] and paths(world) == []


def test_a_disk_that_is_full_leaves_nothing_behind(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(tx: Any, file: kept_files.KeptFile, path: Path) -> int:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept_files, "_write", full)
    with pytest.raises(OSError, match="No space left"):
        kept_files.write_next(world.store)
    assert listed(world) == [] and paths(world) == []
    assert count(world) == (10, False)


def test_files_that_are_gone_or_broken_cost_no_answer(world: World) -> None:
    files = write_all(world)
    files[0].write_bytes(b"no Parquet")
    files[1].unlink()
    assert count(world) == (10, True)


def test_a_writer_that_was_killed_is_cleaned_up_after(world: World) -> None:
    files = write_all(world)
    (files[0].parent / "9-9-left.parquet").write_bytes(b"half")
    files[1].unlink()
    with world.store.write() as tx:
        tx.exec_driver_sql("UPDATE kept_files SET rows = NULL WHERE name = ?", (files[2].name,))
    kept_files.tidy(world.store)
    assert set(paths(world)) == {files[0], *files[3:]}
    assert {item.name for item in listed(world)} == {path.name for path in paths(world)}
    assert len(write_all(world)) == len(files)


def test_a_server_without_the_setting_does_away_with_the_files(world: World) -> None:
    write_all(world)
    filing.run(world.store, world.settings, Event())
    assert listed(world) == [] and paths(world) == []


def test_the_setting_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="needs the store in SQLite"):
        Settings.load({}, columnar_history=True, database_url="postgresql://x/y")
    monkeypatch.setattr("cdp.config.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'headwater\[duckdb\]'"):
        Settings.load({}, columnar_history=True)
