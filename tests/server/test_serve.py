"""`cdp serve` from the outside: what it prints, how it stops, what it survives."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from cdp.config import ConfigError, Settings
from tests.real.server import WRITE_KEY, ServeProcess, free_port, wait_until

KEY = (WRITE_KEY, "")


def environment(data: Path, **more: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("CDP_")}
    return {**kept, "CDP_DATA": str(data), **more}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServeProcess]:
    made = ServeProcess(tmp_path / "data").start()
    yield made
    made.kill()


def pid_of(server: ServeProcess) -> int:
    assert server._process is not None
    return server._process.pid


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


def track(server: ServeProcess, number: int) -> bool:
    """Whether a track call was acknowledged."""
    body = {"event": "E", "userId": "u", "messageId": f"m{number}"}
    try:
        answer = requests.post(f"{server.url}/v1/track", json=body, auth=KEY, timeout=60)
    except requests.RequestException:
        return False
    return answer.status_code == 200


def stored(server: ServeProcess) -> set[str]:
    return {event["messageId"] for event in server.stored()}


def test_flags_beat_the_environment_and_that_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cdp.toml").write_text("port = 1001\nhost = '127.0.0.2'\nweb_threads = 7\n")
    env = {"CDP_PORT": "1002", "CDP_HOST": "127.0.0.3"}
    found = Settings.load(env, port=1003, host=None)
    assert (found.port, found.host, found.web_threads) == (1003, "127.0.0.3", 7)
    assert Settings.load(env).port == 1002
    assert Settings.load({}).port == 1001


def test_a_wrong_number_is_told_in_words() -> None:
    with pytest.raises(ConfigError, match=r"CDP_PORT: must be a whole number, not 'abc'"):
        Settings.load({"CDP_PORT": "abc"})
    with pytest.raises(ConfigError, match=r"CDP_RETRY_HOURS: must be a number, not 'long'"):
        Settings.load({"CDP_RETRY_HOURS": "long"})


@pytest.mark.slow
def test_it_prints_one_line_and_ends_well(tmp_path: Path) -> None:
    (tmp_path / "cdp.toml").write_text(f"port = {free_port()}\n")
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "cdp", "serve", "--port", str(port)],
        env=environment(tmp_path / "data", CDP_PORT=str(free_port())),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line == f"ready http://127.0.0.1:{port}\n"
    assert requests.get(f"http://127.0.0.1:{port}/healthz", timeout=60).json() == {"status": "ok"}
    assert requests.get(f"http://127.0.0.1:{port}/readyz", timeout=60).status_code == 200
    process.send_signal(signal.SIGTERM)
    rest, errors = process.communicate(timeout=60)
    assert process.returncode == 0 and rest == ""
    # At the first start the keys were random, so they were told once.
    assert re.search(r"^write key \S+\nAPI token \S+$", errors, re.MULTILINE), errors
    assert "Traceback" not in errors


@pytest.mark.slow
def test_port_0_takes_a_free_one_and_a_second_server_refuses(server: ServeProcess) -> None:
    assert server.port > 0
    assert [line for line in server.output if line.startswith("ready")] == [f"ready {server.url}\n"]
    second = subprocess.run(
        [sys.executable, "-m", "cdp", "serve", "--port", "0"],
        env=environment(server.data),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert second.returncode == 1 and second.stdout == ""
    assert second.stderr == f"cdp: another server is running over {server.data}\n"
    assert track(server, 1)


@pytest.mark.slow
def test_a_port_that_is_taken_is_one_line(server: ServeProcess, tmp_path: Path) -> None:
    other = subprocess.run(
        [sys.executable, "-m", "cdp", "serve", "--port", str(server.port)],
        env=environment(tmp_path / "other"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert other.returncode == 1
    assert other.stderr == (
        f"cdp: cannot listen on 127.0.0.1:{server.port}: Address already in use\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_under_load_it_ends_well_and_loses_nothing(
    server: ServeProcess, number: signal.Signals
) -> None:
    acknowledged: set[str] = set()
    stop = threading.Event()

    def load(lane: int) -> None:
        for index in range(lane * 1_000_000, (lane + 1) * 1_000_000):
            if stop.is_set():
                return
            if track(server, index):
                acknowledged.add(f"m{index}")

    lanes = [threading.Thread(target=load, args=(lane,)) for lane in range(8)]
    for lane in lanes:
        lane.start()
    try:
        wait_until(lambda: len(acknowledged) > 300, what="for load")
        assert server._process is not None
        server._process.send_signal(number)
        code = server._process.wait(60)
    finally:
        stop.set()
        for lane in lanes:
            lane.join()
    assert code == 0, "".join(server.output[-30:])
    assert "Traceback" not in "".join(server.output)
    server.start()
    server.catch_up()
    assert acknowledged <= stored(server)
    server.stop()


@pytest.mark.slow
def test_a_child_that_dies_is_restarted(server: ServeProcess) -> None:
    assert track(server, 1)
    before = children(pid_of(server))
    assert len(before) == 3
    for number, pid in enumerate(before, 2):
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda pid=pid: pid not in children(pid_of(server)), what="for its end")
        wait_until(lambda: len(children(pid_of(server))) == 3, what="for another")
        wait_until(lambda number=number: track(server, number), what="for an answer")
        server.catch_up()
    assert stored(server) >= {"m1", "m2", "m3", "m4"}
    assert not set(before) & set(children(pid_of(server)))
    server.stop()


@pytest.mark.slow
def test_what_a_command_changes_takes_effect_in_a_running_server(server: ServeProcess) -> None:
    [made] = [server.cli("sources", "add", "ios", "--write-key", "wk_of_ios_0123456789", "--json")]
    assert "wk_of_ios" in made

    def taken() -> bool:
        body = {"event": "E", "userId": "u", "messageId": "ios"}
        auth = ("wk_of_ios_0123456789", "")
        url = f"{server.url}/v1/track"
        return requests.post(url, json=body, auth=auth, timeout=60).status_code == 200

    wait_until(taken)
    server.cli("sources", "disable", "ios")
    wait_until(lambda: not taken())
    server.stop()


@pytest.mark.slow
def test_a_backup_of_a_running_server_starts_elsewhere(
    server: ServeProcess, tmp_path: Path
) -> None:
    for number in range(20):
        assert track(server, number)
    server.cli("backup", str(tmp_path / "b.tar.gz"))
    assert track(server, 20)
    server.stop()
    server.cli("restore", str(tmp_path / "b.tar.gz"), "--data", str(tmp_path / "other"))
    other = ServeProcess(tmp_path / "other").start()
    try:
        other.catch_up()
        assert {f"m{n}" for n in range(20)} <= stored(other)
        doctor = subprocess.run(
            [sys.executable, "-m", "cdp", "doctor"],
            env=other.env, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert doctor.returncode == 0, doctor.stdout
        assert "a server runs over this folder" in doctor.stdout
    finally:
        other.stop()
