"""How `cdp serve` ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.real


def test_ctrl_c_in_a_terminal_ends_all_of_it_at_once(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "cdp", "serve", "--port", "0", "--data", str(tmp_path)],
        stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline().startswith("ready ")
    began = time.monotonic()
    # The terminal sends it to the server's children as well.
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(15) == 0
    assert time.monotonic() - began < 5
