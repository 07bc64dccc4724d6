"""Follows a page as a reader would: its commands, files and servers, in order.

A comment before a block says what to do with it. ``<!-- file: NAME -->``: save it.
``<!-- terminal -->``: go on in a new terminal, in the checkout. ``<!-- server -->``:
start Headwater. ``<!-- background -->``: leave it running. ``<!-- shows -->``: the
command before prints these lines, in this order (``…`` is anything). ``<!-- by hand -->``:
what the page tells to do in the console leads to this. ``sh`` blocks
without a comment are run; ``<!-- for the reader -->`` and all others are not.
"""

from __future__ import annotations

import base64
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import requests

from tests import forked
from tests.docs.generate import ROOT
from tests.real.server import free_port, wait_until

_FENCE = re.compile(r"(?:^<!-- (.+?) -->\n)?^```(\w+)\n(.*?)^```$", re.M | re.S)
_RUN = re.compile(r"^run:.*\n\t@exec \$\(BIN\)/(cdp .*)$", re.M)


class Block(NamedTuple):
    """A fenced block: the comment before it, its language, its text."""

    what: str
    language: str
    text: str


def text_of(page: str) -> str:
    """What a page in ``docs/`` says."""
    return (ROOT / "docs" / page).read_text()


def blocks(page: str) -> list[Block]:
    """The blocks of a page in ``docs/``, in order."""
    text = text_of(page)
    return [Block(what or "", language, body) for what, language, body in _FENCE.findall(text)]


def _pattern(line: str) -> re.Pattern[str]:
    parts = [r"\s+".join(map(re.escape, part.split())) for part in line.split("…")]
    return re.compile(".*".join(parts))


def _shows(output: str, wanted: list[re.Pattern[str]]) -> bool:
    """Whether lines of the output match what is wanted, in this order."""
    left = iter(output.splitlines())
    return all(any(pattern.search(line) for line in left) for pattern in wanted)


class Reader:
    """Somebody with terminals in a checkout, which is an empty folder."""

    def __init__(self, folder: Path, python: str = sys.executable) -> None:
        self.checkout = folder / "headwater"
        self.cwd = self.checkout
        activate = self.checkout / ".venv" / "bin" / "activate"
        activate.parent.mkdir(parents=True)
        places = [str(Path(python).parent)]
        if python == sys.executable:
            places.insert(0, str(Path(forked.program()).parent))
        activate.write_text(f'PATH={shlex.quote(":".join(places))}:"$PATH"\n')
        self.port, self.other_port = free_port(), free_port()
        kept = {key: value for key, value in os.environ.items() if not key.startswith("CDP_")}
        self.env = {**kept, "COLUMNS": "220"}
        # A reader has none of what the Makefile sets for our own set-up.
        self.env.pop("PIP_CONSTRAINT", None)
        self.printed: dict[str, str] = {}
        self.output = ""
        #: Does by hand what the page says, up to what a block shows.
        self.by_hand: Callable[[str], None] | None = None
        self._last: str | None = None
        self._running: list[subprocess.Popen[bytes]] = []

    def follow(self, page: str) -> None:
        """Do all that the page says."""
        for block in blocks(page):
            kind, _, name = block.what.partition(": ")
            if kind == "file":
                path = self.cwd / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(self._mine(block.text))
            elif kind == "server":
                self._serve(block.text)
            elif kind == "background":
                self._start(block.text, self.cwd)
            elif kind == "shows":
                self._expect(block.text)
            elif kind == "by hand":
                assert self.by_hand is not None, "nobody is there to do it"
                self.by_hand(block.text)
            elif block.language == "sh" and kind in ("", "terminal"):
                if kind == "terminal":
                    self.cwd = self.checkout
                self._last = block.text
                self.output = self._run(block.text)

    def close(self) -> None:
        """End all that was left running."""
        for process in self._running:
            os.killpg(process.pid, signal.SIGTERM)
        for process in self._running:
            process.wait(60)

    def _mine(self, text: str) -> str:
        """The text with ports and keys as they are here."""
        text = text.replace("8321", str(self.port)).replace("9321", str(self.other_port))
        for name, value in self.printed.items():
            text = text.replace(f"paste-the-{name.replace(' ', '-').lower()}", value)
        return text

    def _run(self, text: str) -> str:
        state = self.checkout.parent / "state"
        script = (
            f"set -aeo pipefail\n{self._mine(text)}\n{{ pwd; env -0 | base64 -w0; }} > {state}\n"
        )
        done = subprocess.run(
            ["bash", "-c", script], cwd=self.cwd, env=self.env, text=True, timeout=240,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert done.returncode == 0, f"{text}\n{done.stdout}"
        self._remember(state.read_text())
        return done.stdout

    def _remember(self, state: str) -> None:
        cwd, env = state.splitlines()
        self.cwd = Path(cwd)
        items = base64.b64decode(env).decode().split("\0")
        self.env = dict(item.split("=", 1) for item in items if item)

    def _expect(self, text: str) -> None:
        assert self._last is not None, "nothing was run before"
        wanted = [_pattern(line) for line in self._mine(text).splitlines()]
        deadline = time.monotonic() + 60
        while not _shows(self.output, wanted):
            # It has been accepted; being shown may take a moment more.
            assert time.monotonic() < deadline, f"{self._last}\nprints\n{self.output}\nnot\n{text}"
            time.sleep(0.2)
            self.output = self._run(self._last)

    def _serve(self, text: str) -> None:
        found = _RUN.search((ROOT / "Makefile").read_text())
        assert found, "the Makefile's target run has another shape"
        assert "make run" in text
        log = self._start(text.replace("make run", found[1]), self.checkout)
        wait_until(lambda: "\nready http://" in log.read_text(), 60, "for the server")
        for line in log.read_text().splitlines():
            name, _, value = line.strip().partition("  ")
            if value:
                self.printed[name] = value.strip()
        assert requests.get(self.printed["console"], timeout=60).status_code == 200

    def _start(self, text: str, cwd: Path) -> Path:
        log = self.checkout.parent / f"background-{len(self._running)}.log"
        script = f"exec env {self._mine(text).strip()}"
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["bash", "-c", f". {self.checkout}/.venv/bin/activate; {script}"],
                cwd=cwd, env=self.env, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        self._running.append(process)
        time.sleep(0.3)
        assert process.poll() is None, log.read_text()
        return log
