from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cdp.cli import cli
from cdp.cli.errors import run
from tests.factories import KEY, TOKEN, Space


class _Pipe(io.BytesIO):
    """What is piped in can't be read twice."""

    def seekable(self) -> bool:
        return False


class Done(NamedTuple):
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[Any]:
        """The JSON lines that it printed."""
        return [json.loads(line) for line in self.out.splitlines()]


class Cdp:
    """The command, run in this process over one data folder."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.data = folder / "data"
        self._patch = monkeypatch

    def run(self, *words: str, stdin: bytes = b"") -> Done:
        """Run it with these words; whatever it raises but an exit is a failure of the test."""
        out, err, code = io.StringIO(), io.StringIO(), 0
        self._patch.setattr(sys, "stdin", io.TextIOWrapper(_Pipe(stdin)))
        self._patch.setattr(sys, "argv", ["cdp", *words])
        with redirect_stdout(out), redirect_stderr(err):
            try:
                run(cli)
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 1
        return Done(code, out.getvalue(), err.getvalue())

    def __call__(self, *words: str, stdin: bytes = b"") -> Done:
        """Run it; it must end well."""
        done = self.run(*words, stdin=stdin)
        assert done.code == 0, done
        return done

    def json(self, *words: str, stdin: bytes = b"") -> list[Any]:
        """Run it with --json; every line of its output is an object."""
        rows = self(*words, "--json", stdin=stdin).rows
        assert all(isinstance(row, dict) for row in rows)
        return rows

    def refuses(self, *words: str, code: int = 1) -> str:
        """Run it; it must refuse with one line on stderr, which is returned."""
        done = self.run(*words)
        assert done.code == code, done
        assert "Traceback" not in done.err and done.out == "", done
        if code == 1:
            assert done.err.startswith("cdp: ") and done.err.count("\n") == 1, done.err
        return done.err


@pytest.fixture
def cdp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cdp:
    for name in [name for name in os.environ if name.startswith("CDP_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CDP_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("CDP_WRITE_KEY", KEY)
    monkeypatch.setenv("CDP_API_TOKEN", TOKEN)
    monkeypatch.setenv("CDP_ALLOW_PRIVATE_ADDRESSES", "1")
    monkeypatch.setenv("COLUMNS", "200")
    return Cdp(tmp_path, monkeypatch)


@pytest.fixture
def space(cdp: Cdp) -> Iterator[Space]:
    """The space over the folder of ``cdp``, to send events into."""
    made = Space(cdp.data)
    yield made
    made.close()
