"""A log that was lost, or a store and a log of different age: nothing acknowledged is skipped."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from sqlalchemy import select, update

from cdp.log import open_log, open_reader
from cdp.pipeline import run, upkeep
from cdp.store.events import progress
from cdp.store.tables import checkpoints
from tests.factories import KEY, TOKEN, Space, basic
from tests.real.server import wait_until

pytestmark = pytest.mark.slow


def say(space: Space, *ids: str) -> None:
    """Messages through the door, each with a 200, none taken yet."""
    for id_ in ids:
        body: dict[str, Any] = {"event": "E", "userId": "u1"}
        if not id_.startswith("nameless"):
            body["messageId"] = id_
        answer = space.client().post("/v1/track", json=body, headers=basic(KEY))
        assert answer.status_code == 200


def kept(space: Space) -> list[str]:
    path = "/v1/spaces/default/collections/users/profiles/user_id:u1/events?limit=100"
    answer = space.client().get(path, headers=basic(TOKEN)).json
    assert answer is not None
    return sorted(event["message_id"] for event in answer["data"])


def test_what_comes_after_the_log_was_lost_is_taken(tmp_path: Path) -> None:
    space = Space(tmp_path)
    say(space, "a", "b", "c")
    space.pipeline.drain()
    space.close()
    shutil.rmtree(tmp_path / "log")
    again = Space(tmp_path)
    say(again, "d", "e")
    again.pipeline.drain()
    assert kept(again) == ["a", "b", "c", "d", "e"]
    again.close()


def test_what_comes_after_the_log_was_removed_under_the_server_is_taken(tmp_path: Path) -> None:
    space = Space(tmp_path)
    say(space, "a", "b", "c")
    space.pipeline.drain()
    shutil.rmtree(tmp_path / "log")
    say(space, "d", "e")
    time.sleep(0.25)  # the list of parts is looked at anew
    space.pipeline.drain()
    assert kept(space) == ["a", "b", "c", "d", "e"]
    space.close()


def copied(space: Space, name: str, target: Path) -> None:
    if (space.settings.data / name).is_dir():
        shutil.copytree(space.settings.data / name, target / name)
    else:
        shutil.copy(space.settings.data / name, target / name)


@pytest.mark.parametrize("older", ["headwater.db", "log"])
def test_a_store_and_a_log_of_different_age_skip_and_double_nothing(
    tmp_path: Path, older: str
) -> None:
    data, backup = tmp_path / "data", tmp_path / "backup"
    backup.mkdir()
    space = Space(data)
    say(space, "a", "nameless")
    space.pipeline.drain()
    space.close()
    copied(space, older, backup)
    space = Space(data)
    say(space, "b", "c")
    space.pipeline.drain()
    say(space, "d")  # acknowledged and not taken
    space.close()
    if older == "log":
        shutil.rmtree(data / "log")
    else:
        for path in data.glob("headwater.db*"):
            path.unlink()
    for path in backup.iterdir():
        path.rename(data / path.name)
    again = Space(data)
    say(again, "e", "f")
    again.pipeline.drain()
    found = kept(again)
    nameless = [id_ for id_ in found if id_.startswith("hw-")]
    wanted = ["a", "b", "c", "d", "e", "f"]
    if older == "log":
        wanted.remove("d")  # went with the log
    assert len(nameless) == 1 and sorted({*found} - {*nameless}) == wanted
    assert len(found) == len(wanted) + 1
    again.close()


def test_a_store_set_back_takes_the_same_part_again_and_doubles_nothing(tmp_path: Path) -> None:
    space = Space(tmp_path)
    say(space, "a", "nameless", "b")
    space.pipeline.drain()
    before = kept(space)
    with space.store.write() as tx:
        tx.execute(update(checkpoints).values(pos=0))
    space.pipeline = run.Pipeline(space.store, open_reader(space.settings), space.settings)
    space.pipeline.drain()
    assert kept(space) == before
    space.close()


def test_parts_whose_writer_is_gone_are_dropped_whole_and_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "_DROP_S", 0.01)
    space = Space(tmp_path)
    say(space, "a", "b")
    first = space.log.part
    space.log.close()
    space.write_to(open_log(space.settings))
    say(space, "c")
    stop = Event()
    thread = Thread(target=space.pipeline.run, args=(stop,))
    thread.start()
    reader = open_reader(space.settings)
    wait_until(lambda: reader.parts() == [space.log.part])
    say(space, "d")
    wait_until(lambda: "d" in kept(space))
    stop.set()
    thread.join()
    assert reader.parts() == [space.log.part]
    assert kept(space) == ["a", "b", "c", "d"]
    with space.store.read() as tx:
        rows = {row.part: row for row in progress.parts(tx)}
        epochs = {r.part: r.epoch for r in tx.execute(select(checkpoints))}
    assert rows[first].ended_at is not None and rows[first].pos == 2
    assert rows[space.log.part].ended_at is None
    assert epochs == {first: 1, space.log.part: 1}
    space.close()


def test_each_of_several_full_parts_has_its_turn(tmp_path: Path) -> None:
    space = Space(tmp_path, batch_messages=1)
    logs = [space.log, *(open_log(space.settings) for _ in range(3))]
    for log in logs:
        space.write_to(log)
        say(space, *(f"{log.part}-{n}" for n in range(6)))
    for _ in range(12):
        space.pipeline.step()
    with space.store.read() as tx:
        at = progress.positions(tx)
    assert all(at[log.part] >= 2 for log in logs)
    for log in logs[:-1]:
        log.close()
    space.close()
