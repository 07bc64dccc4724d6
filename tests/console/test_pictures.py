"""Pictures of the console with the sample data, made by the test run.

``build/screenshots/{home,live,person,destination}-{light,dark}.png``, always of the same
afternoon. Those that the documentation shows are committed in ``docs/images``; this refreshes
them::

    PICTURES=1 .venv/bin/python -m pytest tests/console/test_pictures.py
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.console.chromium import NEEDS_CHROMIUM, tab
from tests.console.shop import NOW, ShopWorld

pytestmark = NEEDS_CHROMIUM
ROOT = Path(__file__).parents[2]
SHOTS = ROOT / "build" / "screenshots"
IMAGES = ROOT / "docs" / "images"
#: In the documentation, and how large a file may be there.
SHOWN, MOST_BYTES = ("home", "person"), 200_000


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures_are_made_of_the_sample_data(
    chromium: Any, shop: ShopWorld, shop_address: str, scheme: str
) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    places = {
        "person": shop.person,
        "destination": "/connections/destinations/order-webhook",
        "live": "/live",
        "home": "/",
    }
    with tab(chromium, shop_address, color_scheme=scheme, locale="en-GB") as page:
        page.clock.set_fixed_time(NOW)
        for name, address in places.items():
            page.goto(address)
            if name != "live":  # which asks again and again
                page.wait_for_load_state("networkidle")
            page.screenshot(path=SHOTS / f"{name}-{scheme}.png", animations="disabled")
    if scheme == "light" and os.environ.get("PICTURES"):
        IMAGES.mkdir(parents=True, exist_ok=True)
        for name in SHOWN:
            (IMAGES / f"{name}.png").write_bytes((SHOTS / f"{name}-light.png").read_bytes())


def test_the_pictures_in_the_documentation_are_small() -> None:
    for name in SHOWN:
        assert (IMAGES / f"{name}.png").stat().st_size < MOST_BYTES
