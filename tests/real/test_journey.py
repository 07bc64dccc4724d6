"""The welcome recipe as a person uses it: drawn, launched, begun by an SDK, read in a mailbox."""

from __future__ import annotations

import email
import email.policy
from typing import Any

import pytest

from tests.console.chromium import NEEDS_CHROMIUM
from tests.destinations.email.servers import Mailbox
from tests.real.server import TOKEN, WRITE_KEY, ServeProcess, wait_until

playwright = pytest.importorskip("playwright.sync_api")
analytics = pytest.importorskip("segment.analytics.client")
pytestmark = [pytest.mark.real, *NEEDS_CHROMIUM]


def test_a_welcome_is_built_by_hand_and_arrives(serve: ServeProcess, one_chromium: Any) -> None:
    with Mailbox() as box:
        settings = {"provider": "smtp", "from": "Shop <shop@example.org>", "host": "127.0.0.1",
                    "security": "none", "port": str(box.port)}  # fmt: skip
        pairs = [part for item in settings.items() for part in ("--setting", "=".join(item))]
        serve.cli("destinations", "add", "email", "--source", "default", *pairs)
        context = one_chromium.new_context(base_url=serve.url)
        context.set_default_timeout(10_000)
        try:
            page = context.new_page()
            build(page)
            client = analytics.Client(WRITE_KEY, host=serve.url, sync_mode=True)
            traits = {"email": "mia@example.org", "first_name": "Mia"}
            client.identify("club-mia", traits)
            client.track("club-mia", "Joined The Club", {"plan": "gold"})
            wait_until(lambda: box.mails, what="for the message")
            arrived = email.message_from_bytes(
                bytes(box.mails[0].content or b""), policy=email.policy.default
            )
            assert box.mails[0].rcpt_tos == ["mia@example.org"]
            assert "Mia" in str(arrived["subject"])
            watch(page)
        finally:
            context.close()


def build(page: Any) -> None:
    """From the first page to the launch."""
    page.goto("/login")
    page.get_by_label("API token").fill(TOKEN)
    page.keyboard.press("Enter")
    page.get_by_role("navigation", name="Places").get_by_role("link", name="Journeys").click()
    page.get_by_role("link", name="Start from a recipe").or_(
        page.get_by_role("link", name="New journey")
    ).first.click()
    page.get_by_role("link", name="Welcome series").click()
    page.get_by_label("Name of the journey").fill("Club")
    page.get_by_label("What happens when somebody signs up?").fill("Joined The Club")
    page.get_by_role("button", name="Make the journey").click()
    page.locator("[data-journey][data-ready]").wait_for()
    playwright.expect(page.get_by_text("Everything is filled in.")).to_be_visible()
    # One more step, and a shorter wait.
    page.locator(".node.wait_until").click()
    page.get_by_role("complementary", name="Step").get_by_label("At most for").fill("2d")
    page.get_by_role("button", name="Add a step after the trigger").click()
    page.get_by_role("searchbox", name="Find a step").fill("set traits")
    page.keyboard.press("Enter")
    panel = page.get_by_role("complementary", name="Step")
    panel.get_by_role("button", name="+ Add one").click()
    panel.get_by_label("Traits: name 1").fill("member")
    panel.get_by_label("Traits: value 1").fill("true")
    page.get_by_role("link", name="Launch…").click()
    playwright.expect(page.get_by_text("Email: somebody carries it.")).to_be_visible()
    page.get_by_role("button", name="Launch journey").click()
    playwright.expect(page.get_by_text("Launched. People enter from now on.")).to_be_visible()


def watch(page: Any) -> None:
    """Who came is seen on the page that was open all the time; then what they got."""
    playwright.expect(page.locator("[data-figure=entered]")).to_have_text("1", timeout=15_000)
    playwright.expect(page.locator(".node.wait_until .inside")).to_have_text("1 here")
    page.locator(".node.wait_until").click()
    page.locator("tbody a[data-main]").first.click()
    playwright.expect(page.get_by_role("link", name="club_hello")).to_be_visible()
