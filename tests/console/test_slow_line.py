"""On a slow line: an answer that comes late takes nothing away from whoever has gone on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cdp.delivery.broadcasts.mover import Mover
from cdp.store.journeys import drafts as journey_drafts
from tests.console import test_broadcasts
from tests.console.chromium import NEEDS_CHROMIUM
from tests.console.factory import World
from tests.console.test_broadcasts import act, keep, state
from tests.console.test_building import Hand
from tests.real.browser import PATIENCE_MS

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = NEEDS_CHROMIUM
shop = test_broadcasts.shop


class Line:
    """A line that holds answers back until they are let go."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.held: list[Any] = []

    def hold(self, pattern: str, which: Callable[[Any], bool] = lambda request: True) -> None:
        """Hold what is asked of such an address."""
        self.page.route(
            pattern,
            lambda route: self.held.append(route) if which(route.request) else route.continue_(),
        )

    def asked(self, n: int = 1) -> None:
        """Wait for so many to be held."""
        for _ in range(PATIENCE_MS // 10):
            if len(self.held) >= n:
                return
            self.page.wait_for_timeout(10)
        raise AssertionError(f"{len(self.held)} of {n} were asked")

    def let_go(self) -> None:
        """Answer the one that has waited longest, and be through with it."""
        route = self.held.pop(0)
        with self.page.expect_event(
            "requestfinished", lambda request: request.url == route.request.url
        ):
            route.continue_()
        # What the page does with it, it has done two tasks later.
        self.page.evaluate("() => new Promise((done) => setTimeout(() => setTimeout(done)))")


def test_what_was_opened_last_is_shown(world: World, page: Any) -> None:
    world.send(*({"type": "track", "userId": "u", "event": name} for name in ("First", "Second")))
    page.goto("/live")
    line, drawer = Line(page), page.get_by_role("complementary", name="Event")
    line.hold("**/live/events/*")
    page.get_by_role("link", name="First").click()
    page.get_by_role("link", name="Second").click()
    line.asked(2)
    line.held.reverse()
    line.let_go()
    playwright.expect(drawer).to_contain_text("Second")
    line.let_go()
    playwright.expect(drawer).to_contain_text("Second")
    # What comes after it was closed does not open it again, nor takes the focus.
    page.keyboard.press("Escape")
    page.get_by_role("link", name="First").click()
    page.keyboard.press("Escape")
    page.get_by_label("E-mail, id or any text").focus()
    line.asked()
    line.let_go()
    playwright.expect(drawer.get_by_role("heading")).to_have_count(0)
    playwright.expect(page.get_by_label("E-mail, id or any text")).to_be_focused()
    assert "open=" not in page.url


def test_enter_takes_what_the_words_find(world: World, page: Any) -> None:
    world.send({"type": "identify", "userId": "u", "traits": {"email": "chiara@example.com"}},
               {"type": "track", "userId": "u", "event": "Checkout Started"})  # fmt: skip
    line = Line(page)
    line.hold("**/conditions/pick?*", lambda request: "q=checkout" in request.url)
    hand = Hand(page, "/audiences/-new", "#f-who")
    adder = page.get_by_role("combobox", name="Add a condition")
    adder.click()
    page.get_by_role("option").first.wait_for()
    adder.fill("checkout")
    page.keyboard.press("Enter")
    line.asked()
    playwright.expect(page.locator(".builder .row")).to_have_count(0)
    line.let_go()
    hand.text('performed("Checkout Started")')

    line.hold("**/find?*", lambda request: "q=chiara" in request.url)
    page.keyboard.press("Control+k")
    page.get_by_role("dialog").get_by_role("option").first.wait_for()
    page.keyboard.type("chiara@example.com")
    page.keyboard.press("Enter")
    line.asked()
    line.held[-1].continue_()
    page.wait_for_url("**/people/use_*")


def test_a_condition_keeps_what_is_written_while_it_is_read(world: World, page: Any) -> None:
    line = Line(page)
    hand = Hand(page, "/audiences/-new", "#f-who")
    hand.add("subscribed", "Subscribed to a topic")
    hand.fill("Topic", "news")
    hand.text('subscribed("news")')
    # The tab of the text waits for the last change of a row.
    line.hold("**/conditions/write")
    hand.fill("Topic", "offers")
    page.get_by_role("tab", name="Text").click()
    line.asked()
    line.let_go()
    hand.text('subscribed("offers")')
    page.get_by_role("tab", name="Builder").click()
    # A row that goes while another one is read takes nothing else along.
    page.unroute("**/conditions/write")
    hand.add("written", "Written as text")
    line.hold("**/conditions/read")
    page.get_by_label("Condition as text").fill("traits.a = 1")
    page.get_by_role("button", name="Remove row 1").click()
    line.asked()
    line.let_go()
    hand.text("traits.a = 1")
    # Who types before the builder is there goes on as text.
    page.evaluate("sessionStorage.clear()")
    page.goto("/audiences/-new")
    line.asked()
    page.locator("#f-who").fill("traits.b = 2")
    line.asked(2)
    line.let_go()
    line.let_go()
    playwright.expect(page.locator(".builder-prose")).to_contain_text("b is 2")
    playwright.expect(page.get_by_role("tab", name="Text")).to_have_attribute(
        "aria-selected", "true"
    )
    playwright.expect(page.locator("#f-who")).to_be_visible()
    page.unroute("**/conditions/read")


def test_a_journey_written_as_text_is_saved_as_it_is_written(page: Any, world: World) -> None:
    with world.store.write() as tx:
        body = {"name": "Orders", "trigger": {"event": "Bought"}, "steps": [{"wait": "1d"}]}
        journey_drafts.put(tx, "orders", body, 0, 0, "test", world.now())
    page.goto("/journeys/orders/edit")
    page.locator("[data-journey][data-ready]").wait_for()
    page.get_by_role("button", name="Text", exact=True).click()
    area = page.get_by_label("The journey as text")
    playwright.expect(area).to_be_editable()
    line = Line(page)
    line.hold("**/journeys/orders/text")
    area.fill(area.input_value().replace("wait: 1d", "wait: 5d"))
    page.get_by_role("button", name="Save", exact=True).click()
    line.asked()
    # Who writes on meanwhile loses nothing, either.
    area.fill(area.input_value().replace("wait: 5d", "wait: 6d"))
    line.let_go()
    line.asked()
    line.let_go()
    page.wait_for_url("**/journeys/orders")
    playwright.expect(page.get_by_text("Saved. What runs is as it was")).to_be_visible()
    with world.store.read() as tx:
        draft = journey_drafts.one(tx, "orders")
    assert draft is None or draft.body["steps"] == [{"wait": "6d"}]


def test_words_and_clicks_outlive_that_the_form_is_drawn_anew(world: World, page: Any) -> None:
    page.goto("/messages/templates/-new?channel=email&with=blocks")
    line, parts = Line(page), page.locator("fieldset.block")
    n = parts.count()
    line.hold("**/messages/templates/-new", lambda request: "edit=add" in (request.post_data or ""))
    adders = page.get_by_role("group", name="Add a block")
    adders.get_by_role("button", name="Image").click()
    adders.get_by_role("button", name="Button").click()
    page.get_by_label("Subject").fill("Typed meanwhile")
    for _ in range(3):  # asked again with the words, and for the second click
        line.asked()
        line.let_go()
    playwright.expect(parts).to_have_count(n + 2)
    playwright.expect(page.get_by_label("Subject")).to_have_value("Typed meanwhile")
    assert [parts.nth(n + at).locator("legend").text_content() for at in (0, 1)] == [
        "Image", "Button",
    ]  # fmt: skip


def test_a_broadcast_counts_the_last_choice_and_is_paused_by_any_press(
    shop: World, page: Any
) -> None:
    line = Line(page)
    page.goto("/messages/broadcasts/-new")
    count = page.locator("#count")
    line.hold("**/messages/broadcasts/-count?*", lambda request: "who=condition" in request.url)
    page.get_by_label("Whoever meets a condition").check()
    line.asked()
    page.get_by_label("Everybody").check()
    playwright.expect(count).to_contain_text("2")
    line.held.pop().continue_()
    page.evaluate("() => new Promise((done) => setTimeout(() => setTimeout(done)))")
    playwright.expect(count).to_contain_text("2")

    key = keep(shop, per_minute="1")
    act(shop, key, "start")
    while Mover(shop.store).step() == 0.0:
        pass
    page.clock.install()
    page.goto(f"/messages/broadcasts/{key}")
    link, pause = page.get_by_role("link", name="All its messages"), f"**/broadcasts/{key}"
    link.focus()
    with page.expect_response(pause):
        page.clock.fast_forward(3000)
    playwright.expect(link).to_be_focused()
    page.get_by_role("button", name="Pause").hover()
    page.mouse.down()
    with page.expect_response(pause):
        page.clock.fast_forward(3000)
    page.mouse.up()
    playwright.expect(page.get_by_role("button", name="Go on")).to_be_visible()
    assert state(shop, key) == "paused"
