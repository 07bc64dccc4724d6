"""A disk that is full: never 200, asked to come back, and nothing acknowledged is lost."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
import requests

from tests.real.server import WRITE_KEY, ServeProcess, wait_until

pytestmark = pytest.mark.slow


def processes(group: int) -> list[int]:
    """The processes of a group."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(text.rpartition(")")[2].split()[2]) == group:
            found.append(int(path.parent.name))
    return found


def let_files_grow(server: ServeProcess, yes: bool) -> None:
    """With ``yes`` False no byte can be written to any file, as when the disk is full."""
    assert server._process is not None
    for pid in processes(server._process.pid):
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard if yes else 0, hard))


def test_a_full_disk_is_said_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    server = ServeProcess(tmp_path, CDP_LOG_SEGMENT_MB="1").start()
    acknowledged = []

    def send(number: int) -> requests.Response:
        body = {"userId": "u", "event": "E", "messageId": f"m{number}", "properties": {"p": PAD}}
        answer = requests.post(
            f"{server.url}/v1/track", json=body, auth=(WRITE_KEY, ""), timeout=60
        )
        if answer.status_code == 200:
            acknowledged.append(f"m{number}")
        return answer

    try:
        assert all(send(n).status_code == 200 for n in range(20))
        let_files_grow(server, False)
        for number in range(20, 40):
            answer = send(number)
            assert answer.status_code == 503, answer.text
            assert int(answer.headers["Retry-After"]) >= 1
            assert answer.json()["code"] == "unavailable"
        let_files_grow(server, True)
        wait_until(lambda: send(40).status_code == 200, what="for the disk")
        # Across the end of a file of the log, which is where a half-begun one would hurt.
        assert all(send(n).status_code == 200 for n in range(41, 200))
        server.catch_up()
        stored = [item["messageId"] for item in server.stored()]
        assert set(acknowledged) <= set(stored)
        assert len(stored) == len(set(stored))
        server.stop()
    finally:
        server.kill()


PAD = "".join(chr(33 + (n * 7919) % 90) for n in range(12_000))
