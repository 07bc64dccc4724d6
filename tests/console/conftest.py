from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cdp.console import auth
from cdp.console.security import Brake
from tests.console.chromium import serving, tab
from tests.console.factory import Browser, World
from tests.console.shop import ShopWorld, open_shop


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(auth, "brake", Brake())
    made = World(tmp_path)
    yield made
    made.close()


@pytest.fixture
def admin(world: World) -> Browser:
    return world.admin()


@pytest.fixture(scope="session")
def chromium(request: pytest.FixtureRequest) -> Any:
    pytest.importorskip("playwright.sync_api")
    return request.getfixturevalue("one_chromium")


@pytest.fixture
def served(world: World) -> Iterator[str]:
    with serving(world) as address:
        yield address


@pytest.fixture
def page(chromium: Any, served: str) -> Iterator[Any]:
    with tab(chromium, served) as opened:
        yield opened


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopWorld]:
    """The sample data's shop, made once: look at it, change nothing."""
    made = open_shop(tmp_path_factory.mktemp("shop"))
    yield made
    made.world.close()


@pytest.fixture(scope="session")
def shop_address(shop: ShopWorld) -> Iterator[str]:
    with serving(shop.world) as address:
        yield address
