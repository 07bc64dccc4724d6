"""Towns for tests of journeys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.journeys.town import Town


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """An empty town."""
    made = Town(tmp_path / "data")
    yield made
    made.close()
