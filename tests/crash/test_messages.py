"""Never two messages for one reason, none lost, none after an opt-out, however often we die."""

from pathlib import Path

import pytest

from tests.crash.messages import run
from tests.postgres import new_database

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize("keys", [False, True])
def test_sigkill_while_sending(tmp_path: Path, keys: bool) -> None:
    report = run(tmp_path / "data", 2000, kills=4, seed=1 + keys, keys=keys)
    assert report.holds, report
    assert report.states["sent"] > 1200 and report.opted_out > 5, report
    # What nobody knows is shown where it can't be repeated.
    # With keys only that is held which may have arrived before its person opted out.
    held = report.states.get("held", 0)
    assert held <= report.opted_out if keys else held, report


@pytest.mark.postgres
def test_sigkill_while_sending_on_postgres(tmp_path: Path) -> None:
    report = run(tmp_path / "data", 1000, 3, 3, False, database_url=new_database())
    assert report.holds, report
    assert report.states["sent"] > 500, report
