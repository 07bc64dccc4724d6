"""The channels that take what comes from outside follow the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from marshmallow import fields

from cdp.config import Settings
from cdp.delivery.receivers import Misconfigured, Receivers
from cdp.plugin import Channel, Destination, SettingsSchema, hookimpl
from cdp.plugin.manager import Plugins
from cdp.server.bootstrap import bootstrap
from cdp.store import Store, config_rows
from cdp.store.destinations.plugin_errors import all_failures


class LettersSettings(SettingsSchema):
    word = fields.String(required=True)


class Letters(Channel):
    key, name, channel = "letters", "Letters", "email"
    Settings = LettersSettings
    closed = 0

    def close(self) -> None:
        type(self).closed += 1
        super().close()


class Plain(Destination):
    key, name = "plain", "Plain"


class Plugin:
    @hookimpl
    def register_destinations(self) -> list[Any]:
        return [Letters, Plain]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    settings = Settings(data=tmp_path)
    store = Store.open(settings)
    bootstrap(store, settings)
    return store


@pytest.fixture
def receivers(store: Store, monkeypatch: pytest.MonkeyPatch) -> Receivers:
    monkeypatch.setattr("cdp.delivery.receivers.FRESH_S", 0.0)
    Letters.closed = 0
    plugins = Plugins()
    plugins.register(Plugin(), "letters")
    return Receivers(store, Settings(), plugins)


def add(store: Store, key: str, plugin: str = "letters", **settings: Any) -> Any:
    with store.write() as tx:
        return config_rows.add_destination(tx, 0, key, f"The {key}", plugin, None, settings, "test")


def test_a_channel_is_found_by_its_key_and_by_its_name(store: Store, receivers: Receivers) -> None:
    assert receivers.find("a") is None
    made = add(store, "a", word="x")
    found = receivers.find("a")
    assert found is not None and found.destination == made
    assert found.channel.settings["word"] == "x" and found.channel.context.name == "The a"
    assert receivers.find("The a") is found
    assert receivers.find("b") is None


def test_another_destination_is_no_channel(store: Store, receivers: Receivers) -> None:
    add(store, "p", "plain")
    assert receivers.find("p") is None


def test_a_change_makes_a_new_channel_and_closes_the_old(
    store: Store, receivers: Receivers
) -> None:
    made = add(store, "a", word="x")
    assert receivers.find("a") is not None
    with store.write() as tx:
        config_rows.change_destination(tx, 1, made, "test", settings={"word": "y"})
    found = receivers.find("a")
    assert found is not None and found.channel.settings["word"] == "y" and Letters.closed == 1
    with store.write() as tx:
        config_rows.change_destination(tx, 2, found.destination, "test", enabled=False)
    # Its provider may still have something to tell.
    assert receivers.find("a") is not None
    receivers.close()
    assert Letters.closed == 3
    with pytest.raises(Misconfigured):
        receivers.find("a")


def test_wrong_settings_and_missing_plugins_are_shown(store: Store, receivers: Receivers) -> None:
    add(store, "a")
    add(store, "b", "gone")
    for key in ("a", "b"):
        with pytest.raises(Misconfigured):
            receivers.find(key)
    with store.read() as tx:
        assert {(row.plugin, row.hook) for row in all_failures(tx)} == {
            ("letters", "receive"), ("gone", "receive"),
        }  # fmt: skip
