"""`cdp backup`, `cdp restore` and `cdp doctor`."""

from __future__ import annotations

import io
import json
import os
import shutil
import sqlite3
import tarfile
import threading
from pathlib import Path

import pytest

from cdp.log import Record, open_reader
from cdp.log.files import FileReader, PartWriter, keeping
from cdp.plugin.testing import Answer, RecordingServer
from cdp.server.supervise import hold
from cdp.store import meta
from cdp.store.events import progress
from cdp.store.profiles import exports
from tests.api.test_admin import deliver
from tests.cli.conftest import Cdp
from tests.factories import KEY, TOKEN, Space, ana, basic


def restored(cdp: Cdp, file: str = "b.tar.gz", folder: str = "other") -> Path:
    target = cdp.folder / folder
    cdp("restore", file, "--data", str(target))
    return target


def test_a_backup_brings_everything_back(cdp: Cdp, space: Space) -> None:
    space.send(*ana())
    cdp("destinations", "add", "webhook", "--setting", "url=https://a.example")
    (cdp.data / "plugins").mkdir()
    (cdp.data / "plugins" / "mine.py").write_text("NAME = 'mine'")
    # Acknowledged, and not yet taken by the pipeline.
    body = b'{"event":"Late","userId":"u1","messageId":"late"}'
    space.log.append(Record(1_767_268_800_000, 1, "track", body))
    [made] = cdp.json("backup", "b.tar.gz")
    assert made["database"] == "sqlite" and made["bytes"] > 1000
    file = cdp.folder / "b.tar.gz"
    assert file.stat().st_mode & 0o077 == 0
    assert sorted(p.name for p in cdp.folder.iterdir()) == ["b.tar.gz", "data"]

    target = restored(cdp)
    again = Space(target)
    try:
        again.pipeline.drain()
        client = again.client()
        path = "/v1/spaces/default/collections/users/profiles/user_id:u1"
        events = client.get(f"{path}/events", headers=basic(TOKEN)).json
        assert events is not None
        found = {event["message_id"] for event in events["data"]}
        assert found == {"m1", "m2", "m3", "m4", "m5", "late"}
        # What comes now is not taken for something old.
        sent = client.post("/v1/track", json={"event": "New", "userId": "u1"}, headers=basic(KEY))
        assert sent.status_code == 200
        again.pipeline.drain()
        assert len(client.get(f"{path}/events", headers=basic(TOKEN)).json["data"]) == 7
    finally:
        again.close()
    assert (target / "plugins" / "mine.py").read_text() == "NAME = 'mine'"
    assert [d["key"] for d in cdp.json("destinations", "list", "--data", str(target))] == [
        "webhook"
    ]


def test_a_deletion_lists_the_backups_that_were_made_before_it(cdp: Cdp, space: Space) -> None:
    space.send(*ana())
    cdp("backup", "before.tar.gz")
    [made] = cdp.json("profiles", "delete", "user_id:u1", "--yes", "--wait")
    cdp("backup", "after.tar.gz")
    [listed] = made["exports"]
    assert f"backup to {cdp.folder / 'before.tar.gz'} by " in listed
    with space.store.read() as tx:
        noted = exports.exports_since(tx)
    assert [item.what for item in noted] == ["backup", "backup"]
    assert all(item.finished_at is not None for item in noted)


def test_nothing_acknowledged_before_it_is_missing_from_a_backup_under_load(
    cdp: Cdp, tmp_path: Path
) -> None:
    space = Space(cdp.data, log_segment_mb=1)
    stop, acknowledged = threading.Event(), [0]

    def load() -> None:
        while not stop.is_set():
            number = acknowledged[0] + 1
            message = {"type": "track", "event": "E", "userId": f"u{number % 50}",
                       "messageId": f"m{number}", "properties": {"pad": "x" * 2000}}  # fmt: skip
            space.log.append(Record(1, 1, "batch", json.dumps({"batch": [message]}).encode()))
            acknowledged[0] = number

    def fold() -> None:
        while not stop.is_set():
            space.pipeline.step()
            with space.store.read() as tx:
                at = progress.positions(tx)
            reader = open_reader(space.settings)
            for part in reader.parts():
                reader.drop_taken(part, at.get(part, 0))
            reader.close()

    threads = [threading.Thread(target=load), threading.Thread(target=fold)]
    for thread in threads:
        thread.start()
    try:
        promised = []
        for number in range(4):
            while acknowledged[0] < 150 * (number + 1):
                stop.wait(0.01)
            promised.append(acknowledged[0])
            cdp("backup", f"b{number}.tar.gz")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        space.close()
    for number, least in enumerate(promised):
        again = Space(restored(cdp, f"b{number}.tar.gz", f"r{number}"))
        again.pipeline.drain()
        with again.store.read() as tx:
            kept = meta.next_number(tx, "seq") - 1
        again.close()
        assert kept >= least


def test_while_a_backup_is_made_the_log_drops_nothing(tmp_path: Path) -> None:
    writer = PartWriter(tmp_path, "web", 1)
    for _ in range(3):
        writer.write([(1, 1, "track", b"", b"{}")])
    reader = FileReader(tmp_path)
    with keeping(tmp_path):
        reader.drop_taken(writer.part, 3)
        assert len(list((writer.folder).glob("*.db"))) == 4
    reader.drop_taken(writer.part, 3)
    assert len(list((writer.folder).glob("*.db"))) == 1
    assert reader.parts() == [writer.part]
    reader.close()
    writer.close()


def test_a_folder_that_is_in_use_or_full_is_left_alone(cdp: Cdp, space: Space) -> None:
    cdp("backup", "b.tar.gz")
    assert "exists already" in cdp.refuses("backup", "b.tar.gz")
    cdp("backup", "b.tar.gz", "--force")
    assert "is not empty; --force" in cdp.refuses("restore", "b.tar.gz")
    lock = hold(cdp.data)
    assert "another server" in cdp.refuses("restore", "b.tar.gz", "--force")
    os.close(lock)
    cdp("sources", "add", "later")
    (cdp.data / "notes.txt").write_text("not ours")
    cdp("restore", "b.tar.gz", "--force")
    assert [s["key"] for s in cdp.json("sources", "list")] == ["default"]
    assert (cdp.data / "notes.txt").exists()


def archive(path: Path, **files: bytes | None) -> str:
    with tarfile.open(path, "w:gz") as made:
        for name, body in files.items():
            item = tarfile.TarInfo(name.replace("__", "/"))
            if body is None:
                item.type, item.linkname = tarfile.SYMTYPE, "/etc/passwd"
                made.addfile(item)
            else:
                item.size = len(body)
                made.addfile(item, io.BytesIO(body))
    return str(path)


MANIFEST = json.dumps({"format": 1, "database": "sqlite", "migration": "0001"}).encode()


def test_what_is_no_whole_backup_changes_nothing(cdp: Cdp, space: Space, tmp_path: Path) -> None:
    cdp("backup", "b.tar.gz")
    whole = (tmp_path / "b.tar.gz").read_bytes()
    (tmp_path / "half.tar.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.tar.gz").write_text("hello")
    other = tmp_path / "x.tar.gz"
    cases = {
        "half.tar.gz": "no whole backup",
        "text.tar.gz": "no whole backup",
        archive(other, readme=b"x"): "no backup of Headwater",
    }
    for file, says in cases.items():
        assert says in cdp.refuses("restore", file, "--force")
    newer = json.dumps({"format": 1, "database": "sqlite", "migration": "9999"}).encode()
    for more, says in (
        ({"manifest.json": newer}, "newer"),
        ({"manifest.json": MANIFEST}, "has no store"),
        ({"manifest.json": MANIFEST, "headwater.db": b"no database" * 99}, "damaged"),
        ({"manifest.json": MANIFEST, "..__evil": b""}, "evil"),
        ({"manifest.json": MANIFEST, "__etc__evil": b""}, "evil"),
        ({"manifest.json": MANIFEST, "elsewhere__evil": b""}, "evil"),
        ({"manifest.json": MANIFEST, "plugins__link": None}, "link"),
    ):
        assert says in cdp.refuses("restore", archive(other, **more), "--force")
    assert [s["key"] for s in cdp.json("sources", "list")] == ["default"]
    assert not (tmp_path / "evil").exists()
    assert [p.name for p in cdp.data.iterdir() if p.name.startswith(".")] == []


def checks(cdp: Cdp, *words: str) -> dict[str, dict[str, str]]:
    done = cdp.run("doctor", "--json", *words)
    rows = {row["check"]: row for row in done.rows}
    failed = [row for row in rows.values() if row["state"] == "fail"]
    assert done.code == (1 if failed else 0), done
    assert all(row["state"] in ("ok", "warn", "fail") for row in rows.values())
    assert all(bool(row["todo"]) == (row["state"] != "ok") for row in rows.values())
    return rows


def test_the_doctor_finds_a_new_space_well(cdp: Cdp, space: Space) -> None:
    space.send(*ana())
    space.settings.data.chmod(0o700)
    found = checks(cdp)
    assert {row["state"] for row in found.values()} == {"ok"}, found
    assert set(found) == {
        "version", "settings", "folder", "disk", "server", "store", "integrity", "clock",
        "pipeline", "log", "destinations", "streams", "journeys", "plugins",
    }  # fmt: skip
    assert "integrity" not in checks(cdp, "--quick")
    assert cdp("doctor").out.count("\n") == len(found)


def test_the_doctor_makes_nothing(cdp: Cdp) -> None:
    found = checks(cdp)
    assert found["store"]["state"] == "warn" and not cdp.data.exists()


def test_the_doctor_sees_what_is_wrong_and_says_what_to_do(
    cdp: Cdp, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RecordingServer(Answer(401)) as hook:
        cdp("destinations", "add", "webhook", "--setting", f"url={hook.url}")
        space.send(ana()[0])
        deliver(space)
    plugins = cdp.data / "plugins"
    plugins.mkdir()
    (plugins / "broken.py").write_text("1/0")
    space.log.append(Record(1, 1, "track", b"{}"))
    with space.store.write() as tx:
        meta.put(tx, "pipeline_seen", str(2**42))
    cdp.data.chmod(0o755)
    found = checks(cdp)
    assert found["destination webhook"]["state"] == "fail"
    assert "cdp destinations enable webhook" in found["destination webhook"]["todo"]
    assert found["plugin broken"]["state"] == "fail"
    assert found["log"]["state"] == "warn" and found["log"]["text"].startswith("1 ")
    assert found["clock"]["state"] == "fail"
    assert found["folder"]["state"] == "warn"
    monkeypatch.setenv("CDP_PORT", "x")
    done = cdp.run("doctor", "--json")
    assert done.code == 1 and done.rows[0]["state"] == "fail" and "CDP_PORT" in done.out


def test_the_doctor_tells_of_a_lost_part_of_the_log_and_of_a_store_that_is_too_old(
    cdp: Cdp,
) -> None:
    space = Space(cdp.data, log_segment_mb=0)  # each write fills its file
    lost = space.log.part
    space.send(*ana())
    space.close()
    shutil.rmtree(cdp.data / "log" / lost)
    space = Space(cdp.data, log_segment_mb=0)
    part = space.log.part
    for _ in range(3):
        space.log.append(Record(1, 1, "track", b'{"event":"E","userId":"u"}'))
    open_reader(space.settings).drop_taken(part, 2)
    found = checks(cdp)
    assert found[f"log {lost}"]["state"] == "warn"
    assert "behind the 1 taken until" in found[f"log {lost}"]["text"]
    assert found[f"log {part}"]["state"] == "warn"
    assert "never took 1 to 2" in found[f"log {part}"]["text"]
    space.close()


def test_the_doctor_sees_a_damaged_store_and_a_full_disk(
    cdp: Cdp, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = Space(cdp.data)
    space.send(*ana())
    space.close()
    path = cdp.data / "headwater.db"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        page = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'profiles'").fetchone()
    with path.open("r+b") as file:
        file.seek((page[0] - 1) * 4096)
        file.write(b"\xff" * 4096)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 1 << 20))
    done = cdp.run("doctor", "--json")
    found = {row["check"]: row for row in done.rows}
    assert done.code == 1
    assert found["integrity"]["state"] == "fail" and "restore" in found["integrity"]["todo"]
    assert found["disk"]["state"] == "fail"
