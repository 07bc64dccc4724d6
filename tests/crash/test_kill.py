"""Nothing acknowledged is lost, and effects happen once, however often we are killed."""

from pathlib import Path

import pytest

from tests.crash.harness import run
from tests.postgres import new_database

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.timeout(900)]


def test_sigkill_under_load_loses_and_doubles_nothing(tmp_path: Path) -> None:
    report = run(tmp_path / "data", kills=12, seed=1)
    assert report.holds, report
    assert report.acknowledged > 200, report


@pytest.mark.postgres
def test_sigkill_under_load_loses_and_doubles_nothing_on_postgres(tmp_path: Path) -> None:
    report = run(tmp_path / "data", kills=5, seed=2, database_url=new_database())
    assert report.holds, report
    assert report.acknowledged > 80, report
