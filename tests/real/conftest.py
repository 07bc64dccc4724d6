"""One `cdp serve` for all tests of this folder; every test uses people of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.real.server import ServeProcess


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeProcess]:
    """A running server, stopped well at the end."""
    process = ServeProcess(tmp_path_factory.mktemp("serve")).start()
    try:
        yield process
    except BaseException:
        process.kill()
        raise
    process.stop()
