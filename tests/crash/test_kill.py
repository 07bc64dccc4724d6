"""Nothing acknowledged is lost, and effects happen once, however often we are killed."""

from pathlib import Path

import pytest

from tests.crash.harness import run
from tests.postgres import new_database

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.timeout(900)]
#: Clients that never rest leave thousands of deliveries to wait for after the last kill.
PAUSE = 0.06


def test_sigkill_under_load_loses_and_doubles_nothing(tmp_path: Path) -> None:
    report = run(tmp_path / "data", kills=8, seed=1, pause=PAUSE)
    assert report.holds, report
    assert report.acknowledged > 200, report


@pytest.mark.postgres
def test_sigkill_under_load_loses_and_doubles_nothing_on_postgres(tmp_path: Path) -> None:
    report = run(tmp_path / "data", 4, seed=2, database_url=new_database(), pause=PAUSE)
    assert report.holds, report
    assert report.acknowledged > 80, report
