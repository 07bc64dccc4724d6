"""What all tests share."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests import quick
from tests.scratch import SCRATCH

quick.share()
# A machine that is busy is no fault of what is tested.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
if SCRATCH is not None:  # where pytest makes folders for tests
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", SCRATCH)


#: What takes longest comes first, so that no process is left alone with it at the end.
LONG = (
    "tests/crash/", "tests/laws/", "tests/docs/test_tutorials", "tests/console/test_everyone",
    "tests/real/", "tests/server/", "tests/docs/", "tests/jobs/", "tests/destinations/in_app/",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long ones first, each file in one piece."""
    places = {start: place for place, start in enumerate(LONG)}
    items.sort(
        key=lambda item: min(
            (places[start] for start in LONG if item.nodeid.startswith(start)), default=len(LONG)
        )
    )


def pytest_collection_finish() -> None:
    """What was imported stays: let the collector of garbage no longer look through it."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Where CI is set nothing is skipped: a missing tool is a failure."""
    if os.environ.get("CI"):
        for mark in item.iter_markers("skipif"):
            if mark.args and mark.args[0]:
                pytest.fail(f"skipped in CI: {mark.kwargs.get('reason')}")


@pytest.fixture(scope="session")
def one_chromium() -> Iterator[Any]:
    """The Chromium of a whole run: Playwright can be started only once in a process."""
    from playwright.sync_api import expect, sync_playwright

    from tests.real.browser import FLAGS, PATIENCE_MS, chromium

    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield browser
        browser.close()
