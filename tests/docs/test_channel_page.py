"""The channel that a how-to writes passes the tests that it shows."""

import subprocess
import sys
from pathlib import Path

from tests.docs.tutorial import blocks


def test_the_channel_of_the_page_passes_its_tests(tmp_path: Path) -> None:
    for block in blocks("how-to/write-a-channel.md"):
        if block.what.startswith("file: "):
            (tmp_path / block.what.removeprefix("file: ")).write_text(block.text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "passed" in ran.stdout and "skipped" not in ran.stdout
