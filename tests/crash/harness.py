"""Kill `cdp serve` at random moments under load, then count.

Used with few kills by `test_kill.py`, with hundreds by `make proof`.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests import forked

WRITE_KEY, TOKEN = "crash-write-key", "crash-token"


class Receiver:
    """A webhook receiver that notes each ``webhook-id`` and the message under it."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.ids: dict[str, str] = {}
        self.clashes: list[str] = []
        lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                key, message = self.headers["webhook-id"], json.loads(body)["messageId"]
                with lock:
                    outer.seen[key] += 1
                    if outer.ids.setdefault(key, message) != message:
                        outer.clashes.append(key)
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Server:
    """One `cdp serve` that can be killed and started again over the same data."""

    def __init__(self, data: Path, database_url: str | None = None) -> None:
        self.data = data
        self.env = {
            **os.environ,
            "CDP_WRITE_KEY": WRITE_KEY,
            "CDP_API_TOKEN": TOKEN,
            "CDP_ALLOW_PRIVATE_ADDRESSES": "1",
            "CDP_DATA": str(data),
            "CDP_LOG_SEGMENT_MB": "1",
            **({"CDP_DATABASE_URL": database_url} if database_url else {}),
        }
        self.port = 0
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it and wait for the ready line."""
        command = [sys.executable, "-m", "cdp", "serve", "--port", str(self.port)]
        self._process = subprocess.Popen(
            command, env=self.env, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.startswith("ready "):
            raise RuntimeError(f"cdp serve said {line!r}, exit {self._process.poll()}")
        self.port = int(line.rsplit(":", 1)[1])

    def kill(self) -> None:
        """SIGKILL the supervisor: its children must not outlive it."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(60)

    def cli(self, *arguments: str) -> str:
        """Run a command of `cdp` over the same data."""
        done = subprocess.run(
            [forked.program(), *arguments],
            env=self.env, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout


@dataclass
class Load:
    """Clients that send single calls and batches and note what was acknowledged.

    They rest ``pause`` seconds at most between two requests.
    """

    server: Server
    seed: int
    pause: float = 0.0
    clients: int = 4
    acknowledged: set[str] = field(default_factory=set)
    sent: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        for number in range(self.clients):
            thread = threading.Thread(target=self._client, args=(number,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def _client(self, number: int) -> None:
        draw = random.Random(self.seed * 1000 + number)
        sequence = 0
        connection: http.client.HTTPConnection | None = None
        pending: tuple[str, bytes, list[str]] | None = None
        while not self._stop.is_set():
            time.sleep(draw.uniform(0.0, self.pause))
            if pending is None:
                size = draw.choice((1, 1, 1, 20))
                ids, items = [], []
                for _ in range(size):
                    sequence += 1
                    ids.append(f"m-{self.seed}-{number}-{sequence}")
                    items.append(_message(draw, ids[-1]))
                path = "/v1/batch" if size > 1 else "/v1/" + items[0]["type"]
                body = json.dumps({"batch": items} if size > 1 else items[0]).encode()
                pending = (path, body, ids)
                self.sent += size
            path, body, ids = pending
            try:
                if connection is None:
                    connection = http.client.HTTPConnection("127.0.0.1", self.server.port, 10)
                headers = {"content-type": "application/json", "authorization": _AUTH}
                connection.request("POST", path, body, headers)
                answer = connection.getresponse()
                answer.read()
                if answer.status == 200:
                    self.acknowledged.update(ids)
                    # A client may repeat what it has an answer to: it counts once.
                    pending = pending if draw.random() < 0.05 else None
                else:
                    time.sleep(0.05)
            except (OSError, http.client.HTTPException):
                # No answer: the same again, as an SDK does.
                if connection is not None:
                    connection.close()
                connection = None
                time.sleep(0.02)


_AUTH = "Basic " + __import__("base64").b64encode(f"{WRITE_KEY}:".encode()).decode()


def _message(draw: random.Random, message_id: str) -> dict[str, Any]:
    person = draw.randrange(40)
    message: dict[str, Any] = {
        "messageId": message_id,
        "type": draw.choice(("track", "track", "identify")),
        "anonymousId": f"a{draw.randrange(60)}",
        "timestamp": f"2026-01-01T00:00:{draw.randrange(60):02d}.{draw.randrange(1000):03d}Z",
    }
    if draw.random() < 0.7:
        message["userId"] = f"u{person}"
    if message["type"] == "track":
        message.update(event="Order Completed", properties={"total": draw.randrange(100)})
    else:
        message["traits"] = {"n": draw.randrange(1000), "email": f"u{person}@example.com"}
    message["timestamp"] = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    return message


@dataclass
class Report:
    """What a run of kills left behind."""

    kills: int
    acknowledged: int
    stored: int
    missing: int
    doubled: int
    undelivered: int
    repeated_deliveries: int
    clashes: int

    @property
    def holds(self) -> bool:
        return not (self.missing or self.doubled or self.undelivered or self.clashes)


def run(
    data: Path, kills: int, seed: int, database_url: str | None = None, pause: float = 0.0
) -> Report:
    """Kill ``kills`` times, then count what is stored and what was delivered."""
    receiver = Receiver()
    server = Server(data, database_url)
    draw = random.Random(seed)
    server.start()
    try:
        server.cli(
            "destinations", "add", "webhook", "--source", "default", "--setting",
            f"url={receiver.url}",
        )  # fmt: skip
        load = Load(server, seed, pause)
        load.start()
        for _ in range(kills):
            time.sleep(draw.uniform(0.05, 0.8))
            server.kill()
            server.start()
        time.sleep(0.5)
        load.stop()
        stored = _stored(server, load.acknowledged)
        _wait(lambda: set(receiver.ids.values()) >= set(stored), 180)
        assert server.stop() == 0, "cdp serve did not end well"
    finally:
        with contextlib.suppress(Exception):
            server.kill()
        receiver.close()
    delivered = Counter(receiver.ids.values())
    return Report(
        kills=kills,
        acknowledged=len(load.acknowledged),
        stored=len(stored),
        missing=len(load.acknowledged - set(stored)),
        doubled=sum(1 for count in stored.values() if count > 1)
        + sum(1 for count in delivered.values() if count > 1),
        undelivered=len(set(stored) - set(delivered)),
        repeated_deliveries=sum(receiver.seen.values()) - len(receiver.seen),
        clashes=len(receiver.clashes),
    )


def _stored(server: Server, wanted: set[str]) -> Counter[str]:
    """Every message in the history by its id, once all of ``wanted`` is there."""
    found: Counter[str] = Counter()

    def complete() -> bool:
        found.clear()
        lines = server.cli("events", "--json", "--limit", "10000000").splitlines()
        found.update(json.loads(line)["messageId"] for line in lines)
        return wanted <= set(found)

    _wait(complete, 180, pause=0.5)
    return found


def _wait(condition: Any, seconds: float, pause: float = 0.05) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(pause)
    return False
