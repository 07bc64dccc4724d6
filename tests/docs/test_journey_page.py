"""The tests that a how-to shows pass over the journey that it shows."""

import subprocess
import sys
from pathlib import Path

from tests.docs.tutorial import blocks


def test_the_tests_of_the_page_pass(tmp_path: Path) -> None:
    for block in blocks("how-to/test-a-journey.md"):
        if block.what.startswith("file: "):
            path = tmp_path / block.what.removeprefix("file: ")
            path.parent.mkdir(exist_ok=True)
            path.write_text(block.text)
    plugins = ["-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:cdp"]
    command = [sys.executable, "-m", "pytest", "-q", *plugins, "-p", "cdp.testing.plugin"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "3 passed" in ran.stdout
