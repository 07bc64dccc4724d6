"""How `cdp serve` ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
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
    # The terminal sends it to the server's children as well.
    os.killpg(process.pid, signal.SIGINT)
    # Whoever has to be killed in the end makes it another code.
    assert process.wait(60) == 0
