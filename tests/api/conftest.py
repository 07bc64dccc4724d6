from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.factories import Space


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    made = Space(tmp_path)
    yield made
    made.close()
