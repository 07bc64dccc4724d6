"""Fixtures for tests of journeys in a folder of files (the one that ``cdp apply`` takes).

The folder is ``cdp_folder`` in pytest's settings, from the root of the project. Everything
is imported when a test asks for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from cdp.testing.stage import Clock, Journey, Person, Sent, Stage

NO_FOLDER = (
    "cdp_folder is not set: say in pytest's settings where the folder of journeys is, such as "
    "`cdp_folder = headwater` under [pytest] in pytest.ini"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The settings."""
    parser.addini("cdp_folder", "Headwater: the folder with journeys and templates", default="")


def pytest_configure(config: pytest.Config) -> None:
    """The marks."""
    config.addinivalue_line(
        "markers",
        "journeys(*keys, start=TIME): play only these of the folder's journeys, from a time on",
    )


@pytest.fixture
def cdp_stage(request: pytest.FixtureRequest) -> Stage:
    """The folder's journeys, played from now on for one test."""
    from cdp.testing.stage import CannotPlay, Stage, scene_of

    config = request.config
    folder = config.getini("cdp_folder")
    if not folder:
        pytest.fail(NO_FOLDER, pytrace=False)
    mark = request.node.get_closest_marker("journeys")
    keys = mark.args if mark is not None else ()
    start = mark.kwargs.get("start") if mark is not None else None
    try:
        return Stage(scene_of(Path(config.rootpath, folder)), keys or None, start)
    except CannotPlay as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def journey(cdp_stage: Stage) -> Journey:
    """What is going on in journeys, and what people decide about them."""
    from cdp.testing.stage import Journey

    return Journey(cdp_stage)


@pytest.fixture
def person(cdp_stage: Stage) -> Person:
    """Somebody who does things."""
    return cdp_stage.person("u1")


@pytest.fixture
def people(cdp_stage: Stage) -> Stage:
    """Makes more people: ``people.person("u2", plan="pro")``."""
    return cdp_stage


@pytest.fixture
def clock(cdp_stage: Stage) -> Clock:
    """Time, which goes on only by ``clock.advance(days=3)`` or ``clock.go_to("2026-03-01")``."""
    return cdp_stage.clock


@pytest.fixture
def sent(cdp_stage: Stage) -> Sent:
    """The messages that journeys sent, the oldest first."""
    return cdp_stage.sent
