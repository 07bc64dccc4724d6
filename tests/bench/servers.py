"""Starting what is measured, as a user would, and the bare server beside it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

WRITE_KEY, TOKEN = "bench-write-key-0000000000000000", "bench-token"


class Serve:
    """One `cdp serve` over ``data``; ``ready_s`` is how long its first answer took."""

    def __init__(self, data: Path, **env: str) -> None:
        self.data = data
        self.env = {
            **os.environ,
            "CDP_DATA": str(data),
            "CDP_WRITE_KEY": WRITE_KEY,
            "CDP_API_TOKEN": TOKEN,
            "CDP_ALLOW_PRIVATE_ADDRESSES": "1",
            **env,
        }
        began = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cdp", "serve", "--port", "0"],
            env=self.env,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.startswith("ready "):
            raise RuntimeError(f"cdp serve said {line!r}")
        self.url = line.split()[1]
        self.post("/v1/track", {"event": "First", "userId": "u", "type": "track"})
        self.ready_s = time.perf_counter() - began
        # Pages and APIs follow; what is measured must not wait for a core beside that.
        urllib.request.urlopen(self.url + "/login", timeout=60).close()

    def post(self, path: str, body: dict[str, Any]) -> None:
        """One call, which must be acknowledged."""
        request = urllib.request.Request(
            self.url + path,
            json.dumps({"writeKey": WRITE_KEY, **body}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 200

    def get(self, path: str) -> Any:
        """A read of the Profile API; None if there is no such profile."""
        request = urllib.request.Request(
            self.url + path, headers={"Authorization": f"Bearer {TOKEN}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    def cli(self, *arguments: str) -> str:
        """A command over the same data."""
        command = [sys.executable, "-m", "cdp", *arguments]
        return subprocess.run(
            command, env=self.env, check=True, capture_output=True, text=True
        ).stdout

    def memory_mb(self) -> dict[str, float]:
        """Resident megabytes of each process below the supervisor."""
        found: dict[str, float] = {}
        for pid in [self.process.pid, *_descendants(self.process.pid)]:
            with contextlib.suppress(OSError):
                status = Path(f"/proc/{pid}/status").read_text()
                kb = next(int(x.split()[1]) for x in status.splitlines() if x.startswith("VmRSS"))
                found[str(pid)] = kb / 1024
        return found

    def stop(self) -> None:
        """SIGTERM; it must end well."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        if code:
            raise RuntimeError(f"cdp serve ended with {code}")


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        for child in map(int, text.split()):
            found += [child, *_descendants(child)]
    return found


@contextlib.contextmanager
def bare_server(folder: Path, threads: int) -> Iterator[str]:
    """The bare Flask server with a group commit; gives its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.bare", str(port), str(threads)],
        env={**os.environ, "BARE_DB": str(folder / "bare.db")},
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(url + "/readyz", timeout=1)
                break
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(10)


class Sink:
    """A process that answers 200 to everything and counts: the local receiver."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.sink"], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()

    def count(self) -> int:
        """How many calls came so far."""
        with urllib.request.urlopen(self.url + "/count", timeout=10) as answer:
            return int(answer.read())

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)
