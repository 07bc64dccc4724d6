from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cdp.console import auth
from cdp.console.security import Brake
from tests.console.factory import Browser, World


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(auth, "brake", Brake())
    made = World(tmp_path)
    yield made
    made.close()


@pytest.fixture
def admin(world: World) -> Browser:
    return world.admin()
