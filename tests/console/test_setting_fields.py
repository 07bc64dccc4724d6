"""Settings that belong to one choice of another: shown with it alone, but never lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cdp_email
import pytest
from cdp_email import records

from cdp.plugin import Check
from cdp.plugin.manager import Plugins
from tests.console.chromium import NEEDS_CHROMIUM, serving, tab
from tests.console.factory import World

ADD = "/connections/destinations/new/email"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    plugins = Plugins()
    plugins.register(cdp_email, "email", "package headwater")
    made = World(tmp_path, plugins=plugins)
    yield made
    made.close()


def test_what_a_provider_needs_is_said_beside_the_field(world: World) -> None:
    admin = world.admin()
    fields = {"name": "Mail", "s.provider": "ses", "s.from": "Shop <shop@example.org>"}
    answer = admin.post(ADD, **fields)
    assert answer.status_code != 303
    assert "Amazon SES needs the region" in answer.text
    assert "SMTP needs" not in answer.text
    fields |= {"s.region": "eu-central-1", "s.access_key": "AKIA", "s.secret_key": "x" * 20}
    assert admin.post(ADD, **fields).status_code == 303


def test_a_channel_gets_no_events_so_nothing_is_asked_about_them(world: World) -> None:
    form = world.admin().page(ADD)
    assert "Only events that meet" not in form and "Only with consent to" not in form
    assert "Source of what it tells" in form
    assert "Region</label>" in form and "From</label>" in form  # not "(optional)"


def test_a_test_shows_what_should_hold_and_what_to_publish(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [
        Check("SPF", "ok", "v=spf1 mx ~all"),
        Check("DMARC", "failed", "nobody says", "_dmarc.example.org TXT v=DMARC1; p=none"),
    ]
    monkeypatch.setattr(records, "check", lambda settings: found)
    admin = world.admin()
    fields = {"name": "Mail", "s.provider": "smtp", "s.from": "shop@example.org",
              "s.host": "127.0.0.1", "s.port": "1", "s.security": "none"}  # fmt: skip
    added = admin.post(ADD, **fields)
    page = admin.post(added.location + "/test").text
    assert "The test failed" in page
    assert "nobody says" in page and "_dmarc.example.org TXT v=DMARC1; p=none" in page
    monkeypatch.setattr(records, "check", lambda settings: 1 // 0)
    assert "ZeroDivisionError" in admin.post(added.location + "/test").text


class TestInABrowser:
    """With JavaScript."""

    pytestmark = NEEDS_CHROMIUM

    def test_the_fields_of_the_provider_alone_are_shown(self, world: World, chromium: Any) -> None:
        playwright = pytest.importorskip("playwright.sync_api")
        with serving(world) as address, tab(chromium, address) as page:
            page.goto(ADD)
            host, region = page.get_by_label("Host"), page.get_by_label("Region")
            playwright.expect(host).to_be_visible()
            playwright.expect(region).to_be_hidden()
            page.get_by_label("Provider", exact=True).select_option("ses")
            playwright.expect(host).to_be_hidden()
            playwright.expect(region).to_be_visible()
