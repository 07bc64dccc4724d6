"""``cdp plugins new``: a package whose tests pass as they are."""

import subprocess
import sys
from pathlib import Path

import pytest

from cdp.plugin.scaffold import BadName, write_package


def test_the_new_package_passes_its_own_tests(tmp_path: Path) -> None:
    folder = write_package("acme-crm", tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder, env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert (
        '[project.entry-points.cdp]\nacme_crm = "cdp_acme_crm"'
        in (folder / "pyproject.toml").read_text()
    )


@pytest.mark.parametrize("name", ["", "Acme", "a b", "../x", "1a", "a--b", "a" * 41, "é"])
def test_a_name_that_is_none_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadName):
        write_package(name, tmp_path)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    write_package("acme", tmp_path)
    with pytest.raises(BadName, match="exists already"):
        write_package("acme", tmp_path)
