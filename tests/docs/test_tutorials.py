"""Each tutorial is followed to its end, against a real server in an empty folder."""

from __future__ import annotations

import site
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.tutorial import Reader

pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.fixture
def reader(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Reader]:
    made = Reader(tmp_path, getattr(request, "param", sys.executable))
    yield made
    made.close()


@pytest.fixture
def own_environment(tmp_path: Path) -> str:
    """A Python that has all that we have, and into which a plugin can be installed."""
    folder = tmp_path / "venv"
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = subprocess.run([python, "-c", where], capture_output=True, text=True, check=True)
    ours = sysconfig.get_path("purelib")
    assert ours in site.getsitepackages()
    # addsitedir, because Headwater itself is installed by a .pth file in there.
    line = f"import site; site.addsitedir({ours!r})\n"
    (Path(own.stdout.strip()) / "ours.pth").write_text(line)
    scripts = Path(sysconfig.get_path("scripts"))
    for name in ("cdp", "pytest"):
        text = (scripts / name).read_text().split("\n", 1)[1]
        (folder / "bin" / name).write_text(f"#!{python}\n{text}")
        (folder / "bin" / name).chmod(0o755)
    return python


def test_the_first_event_becomes_a_live_profile(reader: Reader) -> None:
    reader.follow("tutorial/first-event.md")
    assert "no_event" in reader.output


def test_the_first_audience_changes_by_an_event_and_by_time(reader: Reader) -> None:
    reader.follow("tutorial/first-audience.md")


def test_the_first_broadcast_reaches_those_who_want_it(reader: Reader) -> None:
    reader.follow("tutorial/first-broadcast.md")


def test_the_first_destination_is_built_tested_and_delivers(
    tmp_path: Path, own_environment: str
) -> None:
    reader = Reader(tmp_path, own_environment)
    try:
        reader.follow("tutorial/first-destination.md")
        acme = (tmp_path / "background-0.log").read_text()
        assert '"who": "ada", "total": 42' in acme
    finally:
        reader.close()
