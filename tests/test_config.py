"""Settings: where warehouses are named, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdp.config import ConfigError, Settings, describe

URL = "postgresql://me:s3cret@host/shop"


def settings(tmp_path: Path, text: str, **env: str) -> Settings:
    file = tmp_path / "cdp.toml"
    file.write_text(text)
    return Settings.load({"CDP_CONFIG": str(file), **env})


def test_warehouses_come_from_the_file_and_the_environment_over_it(tmp_path: Path) -> None:
    text = f'[warehouses]\nmain = "sqlite:///a.db"\nshop = "{URL}"\nold = "sqlite:///b.db"\n'
    found = settings(tmp_path, text, CDP_WAREHOUSE_MAIN="sqlite:///c.db", CDP_WAREHOUSE_OLD="")
    assert found.warehouses == {"main": "sqlite:///c.db", "shop": URL}
    [row] = [row for row in describe(found) if row["name"] == "warehouses"]
    assert (row["variable"], row["value"]) == ("CDP_WAREHOUSE_NAME", "main=••••,shop=••••")
    assert settings(tmp_path, "").warehouses == {}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f'warehouses = "{URL}"', "warehouses is a table"),
        (f'[warehouses]\n"my shop" = "{URL}"', "warehouses.my shop: a warehouse's name"),
        ("[warehouses]\nshop = 5", "warehouses.shop: must be an address like"),
        ('[warehouses]\nshop = "s3cret"', "warehouses.shop: must be an address like"),
    ],
)
def test_what_is_no_warehouse_is_refused_without_its_address(
    tmp_path: Path, text: str, why: str
) -> None:
    with pytest.raises(ConfigError, match=why) as told:
        settings(tmp_path, text)
    assert "s3cret" not in str(told.value)
