"""The ten recipes, all live at once: built by clicks, fed by an SDK, arriving at real receivers.

The server's clock is ours: what takes two months is seen in full, as it would come.
"""

from __future__ import annotations

import email
import email.policy
import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests
from cdp_inapp.tokens import sign

from tests.console.chromium import NEEDS_CHROMIUM
from tests.destinations.email.servers import Mailbox
from tests.real.browser import PATIENCE_MS, Site
from tests.real.clock import Clock
from tests.real.faulty import Front
from tests.real.server import TOKEN, WRITE_KEY, ServeProcess, wait_until

playwright = pytest.importorskip("playwright.sync_api")
analytics = pytest.importorskip("segment.analytics.client")
pytestmark = [pytest.mark.real, pytest.mark.slow, *NEEDS_CHROMIUM]
SECRET = "a_secret_of_the_recipes,_0123456789abcdef"

#: What this shop's events carry: names of its own, which recipes have to find.
SEEN = {
    "Joined The Club": {}, "order_completed": {"total": 20}, "product_added": {"sku": "S-1"},
    "subscriptionStarted": {}, "Account Created": {}, "profile_completed": {},
    "Teammate Invited": {}, "subscription_renewed": {}, "Survey Completed": {"nps_score": 8},
    "Payment Failed": {}, "invoice_paid": {}, "price_dropped": {"product_name": "Blue shoe"},
}  # fmt: skip
#: Each recipe with what it has to find by itself, in the order of its questions.
RECIPES = {
    "Welcome series": ("Account Created", "order_completed"),
    "Abandoned cart": ("product_added", "order_completed"),
    "Trial ending": ("trialEndsAt", "subscriptionStarted"),
    "Win-back": ("order_completed",),
    "Onboarding checklist": ("Account Created", "profile_completed", "Teammate Invited"),
    "Renewal": ("renewal_date", "subscription_renewed"),
    "NPS": ("order_completed", "Survey Completed", "nps_score"),
    "Failed payment": ("Payment Failed", "invoice_paid"),
    "Birthday": ("birthDate", "order_completed"),
    "Price drop": ("price_dropped", "order_completed", "product_name"),
}


class Shop(NamedTuple):
    """What all recipes share."""

    clock: Clock
    serve: ServeProcess
    box: Mailbox
    receiver: Front
    site: Site
    page: Any

    def say(self, person: str, *events: str, **traits: Any) -> None:
        """Let an SDK tell of somebody."""
        client = analytics.Client(WRITE_KEY, host=self.serve.url, sync_mode=True)
        if traits:
            client.identify(person, {"email": f"{person}@example.org", **traits})
        for event in events:
            client.track(person, event, SEEN[event])

    def mails(self) -> Counter[tuple[str, str]]:
        """What has arrived: for whom, and the subject."""
        found: Counter[tuple[str, str]] = Counter()
        for mail in list(self.box.mails):
            read = email.message_from_bytes(bytes(mail.content or b""), policy=email.policy.default)
            found[mail.rcpt_tos[0].partition("@")[0], str(read["subject"])] += 1
        return found


@pytest.fixture
def shop(tmp_path: Path, one_chromium: Any) -> Iterator[Shop]:
    clock = Clock(tmp_path)
    with Mailbox() as box, Front(None) as receiver:
        serve = ServeProcess(tmp_path / "data", **clock.env).start()
        context = one_chromium.new_context(base_url=serve.url)
        context.set_default_timeout(PATIENCE_MS)
        site = Site()
        try:
            connect(serve, box)
            yield Shop(clock, serve, box, receiver, site, context.new_page())
            serve.stop()
        finally:
            context.close()
            site.close()
            serve.kill()
            clock.close()


def connect(serve: ServeProcess, box: Mailbox) -> None:
    """What the engineer does before: the ways out."""
    for plugin, settings in {
        "email": {"provider": "smtp", "from": "Shop <shop@example.org>", "host": "127.0.0.1",
                  "security": "none", "port": str(box.port)},
        "in_app": {"secret": SECRET},
        "webhook_message": {},
    }.items():  # fmt: skip
        pairs = [part for item in settings.items() for part in ("--setting", "=".join(item))]
        source = ["--source", "default"] if plugin == "email" else []
        serve.cli("destinations", "add", plugin, *source, *pairs)


def test_ten_recipes_built_by_hand_arrive_each_at_its_time(shop: Shop) -> None:
    tomorrow = f"{shop.clock.start + timedelta(days=1):%m-%d}"
    shop.say("old", *SEEN, firstName="Al", trialEndsAt="2020-01-31", renewal_date="2020-01-31",
             birthDate=f"1980-{tomorrow}")  # fmt: skip
    shop.serve.catch_up()
    log_in(shop.page)
    for recipe in RECIPES:
        build(shop, recipe)
    live(shop)
    looked_at(shop.page)


# -- The marketer --------------------------------------------------------------------


def log_in(page: Any) -> None:
    page.goto("/login")
    page.get_by_label("API token").fill(TOKEN)
    page.keyboard.press("Enter")
    page.get_by_role("navigation", name="Places").get_by_role("link", name="Journeys").click()


def build(shop: Shop, recipe: str) -> None:
    """From the list of journeys to the launch."""
    page = shop.page
    page.get_by_role("link", name="Start from a recipe").or_(
        page.get_by_role("link", name="New journey")
    ).first.click()
    page.get_by_role("link", name=recipe, exact=True).click()
    page.get_by_role("button", name="Make the journey").wait_for()
    asked = page.locator("[name^=ask-]").evaluate_all(
        "all => all.map((one) => [one.name, one.value])"
    )
    found = [value for name, value in asked if name not in ("ask-link", "ask-first_name")]
    assert tuple(found) == RECIPES[recipe]
    assert dict(asked)["ask-first_name"] == "firstName"
    if recipe == "Welcome series":
        # Nobody can guess this one; it is among those that are offered.
        box = page.get_by_role("combobox", name="What happens when somebody signs up?")
        playwright.expect(box).to_have_attribute("aria-expanded", "false")
        box.press("ArrowDown")  # all of them, though the field is filled in
        playwright.expect(page.get_by_role("option", name="order_completed")).to_be_visible()
        box.fill("club")
        page.get_by_role("option", name="Joined The Club").click()
        playwright.expect(box).to_have_value("Joined The Club")
        page.get_by_label("Where should the messages lead?").fill("https://shop.example/club")
    if recipe == "Onboarding checklist":
        page.get_by_label("How do the messages reach people?").select_option(label="In-app")
    page.get_by_role("button", name="Make the journey").click()
    page.locator("[data-journey][data-ready]").wait_for()
    playwright.expect(page.get_by_text("Everything is filled in.")).to_be_visible()
    changed = {"Welcome series": by_hand, "Failed payment": tell_the_support, "Birthday": reworded}
    if recipe in changed:
        changed[recipe](shop)
    page.get_by_role("link", name="Launch…").click()
    word = "In-app" if recipe == "Onboarding checklist" else "Email"
    playwright.expect(page.get_by_text(f"{word}: somebody carries it.")).to_be_visible()
    page.get_by_role("button", name="Launch journey").click()
    playwright.expect(page.get_by_text("Launched. People enter from now on.")).to_be_visible()
    page.get_by_role("navigation", name="Places").get_by_role("link", name="Journeys").click()


def by_hand(shop: Shop) -> None:
    """One more step, and a shorter wait."""
    page = shop.page
    panel = page.get_by_role("complementary", name="Step")
    page.locator(".node.wait_until").click()
    panel.get_by_label("At most for").fill("2d")
    page.get_by_role("button", name="Add a step after the trigger").click()
    page.get_by_role("searchbox", name="Find a step").fill("set traits")
    page.keyboard.press("Enter")
    panel.get_by_role("button", name="+ Add one").click()
    panel.get_by_label("Traits: name 1").fill("member")
    panel.get_by_label("Traits: value 1").fill("true")


def tell_the_support(shop: Shop) -> None:
    """After the last reminder another system is called."""
    page = shop.page
    # Looking at a step changes nothing.
    page.locator(".node.wait").first.click()
    page.get_by_role("button", name=re.compile("^Add a step after Send a message .*last")).click()
    page.get_by_role("searchbox", name="Find a step").fill("call an address")
    page.keyboard.press("Enter")
    panel = page.get_by_role("complementary", name="Step")
    panel.get_by_label("Address").fill(f"{shop.receiver.url}/support")
    playwright.expect(page.get_by_text("All changes are kept.")).to_be_visible()


def reworded(shop: Shop) -> None:
    """The message's own page, from the step that sends it."""
    page = shop.page
    page.locator(".node.send").click()
    with page.expect_popup() as opened:
        page.get_by_role("complementary", name="Step").get_by_role("link", name="Edit it").click()
    letter = opened.value
    letter.get_by_label("Subject").fill("{{ customer.firstName }}, it is your day")
    letter.get_by_role("button", name="Save template").click()
    letter.get_by_text("Saved. The next message says it.").wait_for()
    letter.close()


# -- Two months ----------------------------------------------------------------------


def live(shop: Shop) -> None:
    """People come, and time goes on; after each step exactly what is to be there is there."""
    start = shop.clock.start
    shop.clock.go(timedelta())
    day = lambda days: f"{start + timedelta(days=days):%Y-%m-%d}"  # noqa: E731
    shop.say("wel", "Joined The Club", firstName="Mia")
    shop.say("wel2", "Joined The Club", firstName="Bo")
    shop.say("cart", "product_added", firstName="Cy")
    shop.say("cart2", "product_added", firstName="Di")
    shop.say("trial", firstName="Ed", trialEndsAt=day(4))
    shop.say("win", "order_completed", firstName="Fa")
    shop.say("onb", "Account Created", firstName="Gu")
    shop.say("ren", firstName="Hu", renewal_date=day(31))
    shop.say("dun", "Payment Failed", firstName="Io")
    shop.say("birth", firstName="Jo", birthDate=f"1992{day(1)[4:]}")
    shop.say("price", "price_dropped", firstName="Ky")
    left, cart, open_ = "You left something behind", "Is something in the way?", "Your payment is "
    nps, thanks = "How likely is it that you would recommend us?", "Thank you for your answer"
    wanted: Counter[tuple[str, str]] = Counter()

    def until(since: timedelta, *mails: tuple[str, str]) -> None:
        shop.clock.go(since)
        wanted.update(mails)
        try:
            wait_until(lambda: shop.mails() >= wanted)
        except AssertionError:
            assert shop.mails() == wanted
            raise
        wait_until(lambda: settled(shop))
        assert shop.mails() == wanted

    at = timedelta
    until(at(), ("wel", "Welcome, Mia"), ("wel2", "Welcome, Bo"),
          ("dun", "Your payment did not go through"))  # fmt: skip
    until(at(minutes=11), ("price", "Blue shoe is cheaper now"))
    until(at(hours=4, minutes=1), ("cart", left), ("cart2", left))
    shop.say("cart2", "order_completed")
    shop.say("wel2", "order_completed")
    until(at(hours=4, minutes=2), ("wel2", "That was quick"))
    until(at(days=1, hours=1, minutes=1), ("trial", "Your trial ends in three days"),
          ("ren", "Your subscription renews in a month"), ("birth", "Jo, it is your day"),
          ("old", "Al, it is your day"))  # fmt: skip
    in_app(shop, "The first step takes two minutes")
    until(
        at(days=2, hours=2, minutes=1), ("wel", "Can we help you to get started?"), ("cart", cart)
    )
    until(
        at(days=3, hours=1, minutes=1),
        ("dun", open_ + "still open"),
        ("trial", "Your trial ends tomorrow"),
    )
    until(at(days=5, hours=1, minutes=1), ("trial", "Your trial has ended"))
    in_app(shop, "One more thing, and you are set")
    assert not shop.receiver.seen
    until(at(days=7, hours=1, minutes=1), ("dun", open_ + "open for a week"))
    (call,) = shop.receiver.seen
    assert (call.method, call.path) == ("POST", "/support")
    until(at(days=7, hours=2, minutes=1), ("win", nps))
    client = analytics.Client(WRITE_KEY, host=shop.serve.url, sync_mode=True)
    client.track("win", "Survey Completed", {"nps_score": 10})
    until(at(days=8, hours=2, minutes=1), ("win", thanks), ("cart2", nps), ("wel2", nps))
    until(at(days=24, hours=1, minutes=1), ("ren", "Your subscription renews in a week"))
    shop.say("ren", "subscription_renewed")
    until(at(days=24, hours=1, minutes=2), ("ren", "Thank you for staying"))
    ordered = ("win", "cart2", "wel2")
    until(at(days=61, hours=2, minutes=1), *((who, "It has been a while") for who in ordered))
    until(at(days=69, hours=2, minutes=1), *((who, "What could we do better?") for who in ordered))


def settled(shop: Shop) -> bool:
    """Whether no message is on its way: its outcome is known before time goes on."""
    return not any(
        requests.get(f"{shop.serve.url}/api/messages", params={"state": state}, timeout=60,
                     headers={"Authorization": f"Bearer {TOKEN}"}).json()["data"]
        for state in ("waiting", "sending")
    )  # fmt: skip


def in_app(shop: Shop, title: str) -> None:
    """It comes up in a page of the shop, as the client shows it."""
    token = sign(SECRET.encode(), ("user_id", "onb"), int(shop.clock.now()) + 600)
    client = f"{shop.serve.url}/channels/in_app/client.js"
    address = shop.site.add(
        "/account", f'<script src="{client}" data-token="{token}" async></script>'
    )
    tab = shop.page.context.new_page()
    tab.goto(address)
    shown = tab.locator("headwater-in-app .box")
    shown.get_by_role("heading", name=title).wait_for()
    shown.get_by_role("button", name="Close").click()
    shown.wait_for(state="detached")
    # It is not shown again: its end has come to the server before the page goes.
    listed = f"{shop.serve.url}/channels/in_app/messages"
    headers = {"Authorization": f"Bearer {token}"}
    wait_until(lambda: title not in requests.get(listed, headers=headers, timeout=60).text)
    tab.close()


def looked_at(page: Any) -> None:
    """Two months later the list tells how all of them went, and one person's way is seen."""
    log_in(page)
    rows = page.locator("tbody tr")
    playwright.expect(rows).to_have_count(len(RECIPES))
    entered = {row.locator("a").first.inner_text(): row.locator("[data-label=Entered]").inner_text()
               for row in rows.all()}  # fmt: skip
    assert entered == {
        "Welcome series": "2", "Abandoned cart": "2", "Trial ending": "1", "Win-back": "3",
        "Onboarding checklist": "1", "Renewal": "1", "NPS": "3", "Failed payment": "1",
        "Birthday": "2", "Price drop": "1",
    }  # fmt: skip
