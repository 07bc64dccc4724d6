from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.destinations.in_app.pages import LISTEN, Shop
from tests.real import browser
from tests.real.server import WRITE_KEY, ServeProcess


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeProcess]:
    """One running server for all of this folder; every test uses people of its own."""
    process = ServeProcess(tmp_path_factory.mktemp("serve")).start()
    try:
        yield process
    except BaseException:
        process.kill()
        raise
    process.stop()


@pytest.fixture(scope="session")
def shop(serve: ServeProcess) -> Iterator[Shop]:
    made = Shop(serve)
    made.site.scripts["/listen.js"] = LISTEN
    options = json.dumps({"writeKey": WRITE_KEY, "cdnURL": serve.url})
    made.site.scripts["/start.js"] = f"window.analytics = AnalyticsBrowser.load({options})"
    yield made
    made.site.close()
    made.store.close()


@pytest.fixture
def tabs(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    if reason := browser.lacks():
        pytest.fail(reason) if browser.must_run() else pytest.skip(reason)
    chromium = request.getfixturevalue("one_chromium")
    contexts: list[Any] = []
    troubles: list[str] = []

    def open_tab(**options: Any) -> Any:
        context = chromium.new_context(**options)
        context.set_default_timeout(browser.PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        return page

    yield open_tab
    for context in contexts:
        for page in context.pages:
            troubles += page.evaluate("window.violations || []")
        context.close()
    # analytics.js is not ours to judge.
    assert [text for text in troubles if "analytics" not in text] == []
