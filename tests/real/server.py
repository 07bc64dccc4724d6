"""`cdp serve` as a subprocess, and what tests ask of it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import requests

from tests import forked

WRITE_KEY, TOKEN = "wk_real_sdks_0123456789abcdefghi", "token-of-the-real-tests"

T = TypeVar("T")


def wait_until(ask: Callable[[], T], seconds: float = 60, what: str = "") -> T:
    """Ask until the answer is truthy and return it; fail after ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s in vain {what}")
        time.sleep(0.05)


def free_port() -> int:
    """A port of loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ServeProcess:
    """One `cdp serve` over a folder; it can be stopped, killed and started again."""

    def __init__(self, data: Path, port: int = 0, **env: str) -> None:
        self.data = data
        self.port = port
        self.env = {
            **{key: value for key, value in os.environ.items() if not key.startswith("CDP_")},
            "CDP_WRITE_KEY": WRITE_KEY,
            "CDP_API_TOKEN": TOKEN,
            "CDP_ALLOW_PRIVATE_ADDRESSES": "1",
            "CDP_DATA": str(data),
            **env,
        }
        self._process: subprocess.Popen[str] | None = None
        self.output: list[str] = []

    @property
    def url(self) -> str:
        """``http://H:P``, the same over restarts."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> ServeProcess:
        """Start it and return when it takes messages (its ready line) and has its pages."""
        self._process = process = subprocess.Popen(
            [sys.executable, "-m", "cdp", "serve", "--port", str(self.port)],
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert process.stdout is not None
        for line in process.stdout:
            self.output.append(line)
            if line.startswith("ready http://"):
                self.port = int(line.rstrip().rsplit(":", 1)[1])
                threading.Thread(target=self._drain, daemon=True).start()
                requests.get(f"{self.url}/login", timeout=60)
                return self
        raise AssertionError("cdp serve did not start:\n" + "".join(self.output[-30:]))

    def _drain(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        # The pipe is closed under us when the process ends.
        with contextlib.suppress(ValueError):
            self.output.extend(self._process.stdout)

    def stop(self) -> None:
        """SIGTERM; it must exit with 0."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(60)
        assert code == 0, f"cdp serve exited with {code}:\n" + "".join(self.output[-40:])

    def kill(self) -> None:
        """SIGKILL, to its whole process group: as when the machine loses power."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def cli(self, *arguments: str) -> str:
        """What a command of `cdp` prints over the same data; it must exit with 0."""
        done = subprocess.run(
            [forked.program(), *arguments],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def rejected(self) -> list[dict[str, Any]]:
        """Everything that was refused, with its reason."""
        return _lines(self.cli("events", "--rejected", "--json", "--limit", "100000"))

    def stored(self) -> list[dict[str, Any]]:
        """Every message in the history."""
        return _lines(self.cli("events", "--json", "--limit", "1000000"))

    def catch_up(self) -> None:
        """Return when the pipeline has folded all that was accepted until now."""
        person = f"fence-{uuid.uuid4().hex}"
        # The log is folded in order: when this one is seen, so was all before it.
        answer = requests.post(
            f"{self.url}/v1/track",
            json={"event": "Fence", "userId": person},
            auth=(WRITE_KEY, ""),
            timeout=60,
        )
        assert answer.status_code == 200, answer.text
        wait_until(lambda: self.events(f"user_id:{person}"), what="for the pipeline")

    def get(self, path: str, **query: Any) -> Any:
        """The Profile API's answer, or None for 404."""
        answer = requests.get(
            f"{self.url}/v1/spaces/default/collections/{path}",
            params=query,
            auth=(TOKEN, ""),
            timeout=60,
        )
        if answer.status_code == 404:
            return None
        assert answer.status_code == 200, answer.text
        return answer.json()

    def traits(self, id_: str, collection: str = "users") -> dict[str, Any]:
        """The traits of a profile, e.g. ``user_id:u1``; empty while there is none."""
        found = self.get(f"{collection}/profiles/{quote(id_)}/traits", limit=200)
        return found["traits"] if found else {}

    def profile(self, id_: str) -> dict[str, Any] | None:
        """Traits and external ids of a person; None while there is none."""
        found = self.get(f"users/profiles/{quote(id_)}/external_ids", limit=100)
        if not found:
            return None
        return {"traits": self.traits(id_), "ids": {(i["type"], i["id"]) for i in found["data"]}}

    def events(self, id_: str) -> list[dict[str, Any]]:
        """The events of a profile, oldest first."""
        found = self.get(f"users/profiles/{quote(id_)}/events", limit=100, sort="asc")
        return found["data"] if found else []


def _lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]
