"""No run of a journey is lost, doubled or stuck, however often we are killed."""

from pathlib import Path

import pytest

from tests.crash import judge
from tests.crash.journeys import run
from tests.postgres import new_database

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.timeout(900)]


def test_sigkill_with_people_on_their_way(tmp_path: Path) -> None:
    report = run(tmp_path / "data", people=2000, kills=4, seed=1)
    assert report.holds, report
    assert report.in_flight > 100 and report.ends == {"finished": 2000}, report


@pytest.mark.postgres
def test_sigkill_with_people_on_their_way_on_postgres(tmp_path: Path) -> None:
    report = run(tmp_path / "data", 400, 3, 2, database_url=new_database())
    assert report.holds, report
    assert report.ends == {"finished": 400}, report


def test_sigkill_while_journeys_decide(tmp_path: Path) -> None:
    report = judge.run(tmp_path / "data", kills=15, seed=1)
    assert report.holds and report.kills > 5, report
