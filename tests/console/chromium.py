"""A real Chromium for the console's tests."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from werkzeug.serving import make_server

from tests.console.factory import TOKEN, World
from tests.real.browser import PATIENCE_MS

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
#: For ``pytestmark`` of a module whose tests use the browser.
NEEDS_CHROMIUM = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]


@contextmanager
def serving(world: World) -> Iterator[str]:
    """The address of the world's console on a port of its own."""
    server = make_server("127.0.0.1", 0, world.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()


@contextmanager
def tab(chromium: Any, address: str, login: bool = True, **options: Any) -> Iterator[Any]:
    """A page in a browser profile of its own, logged in; what its console complains of fails."""
    size = {"width": 1280, "height": 800}
    context = chromium.new_context(base_url=address, **{"viewport": size, **options})
    context.set_default_timeout(PATIENCE_MS)
    opened = context.new_page()
    troubles: list[str] = []
    opened.on("pageerror", lambda error: troubles.append(str(error)))
    opened.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
    try:
        if login:
            opened.goto("/login")
            opened.get_by_label("API token").fill(TOKEN)
            opened.keyboard.press("Enter")
            opened.wait_for_url(address + "/")
        yield opened
    finally:
        context.close()
    # An answer that nobody waits for any more is given up.
    fine = ("401", "404", "htmx:sendAbort", "htmx:afterRequest")
    left = [text for text in troubles if not any(word in text for word in fine)]
    assert not left, left
