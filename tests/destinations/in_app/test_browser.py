"""In-app messages in a real Chromium, on a page that allows next to nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.destinations.in_app.pages import BOX, Shop, focused, until
from tests.destinations.in_app.waiting import now_ms
from tests.real.server import wait_until

pytestmark = [pytest.mark.real, pytest.mark.browser]


def test_a_modal_keeps_the_focus_until_it_is_left_by_the_keyboard(
    shop: Shop, tabs: Callable[..., Any]
) -> None:
    user, page = shop.person(), tabs()
    page.goto(shop.page(user))
    page.locator("#field").focus()
    name = shop.send(
        user, form="modal", html="<p>Read <a href='/more'>more</a></p>",
        buttons=({"text": "Go", "link": "/go"}, {"text": "No", "action": "dismiss"}),
    )  # fmt: skip
    box = page.locator(BOX)
    box.wait_for()
    assert box.evaluate("(b) => b.tagName + b.matches(':modal') + b.ariaLabel") == "DIALOGtrueHello"
    met = set()
    for _ in range(8):
        met.add(focused(page))
        page.keyboard.press("Tab")
    assert {"more", "Go", "No", "×"} <= met
    assert not met & {"field", "open"}
    page.keyboard.press("Escape")
    box.wait_for(state="detached")
    assert focused(page) == "field"
    assert page.evaluate("heard") == ["shown", "dismissed"]
    wait_until(lambda: name not in shop.stays(user))
    page.reload()
    until(page, "headwaterInApp.messages().length === 0 && document.hasFocus()")
    wait_until(lambda: shop.kinds(user) == ["In-App Message Dismissed", "In-App Message Opened"])


def test_messages_come_one_by_one_by_priority_on_the_pages_they_are_for(
    shop: Shop, tabs: Callable[..., Any]
) -> None:
    user, page = shop.person(), tabs()
    shop.send(user, form="banner", title="last", priority=200)
    shop.send(user, form="slide_in", title="cart only", priority=1, pages=("^/cart",))
    shop.send(user, form="banner", title="first", priority=5)
    shop.send(user, form="banner", title="over", priority=0, expires_at=now_ms() + 1)
    page.goto(shop.page(user))
    box = page.locator(BOX)
    box.get_by_role("heading", name="first").wait_for()
    box.get_by_role("button", name="Close").click()
    box.get_by_role("heading", name="last").wait_for()
    # A page of an app, as it tells analytics.js and as the address says.
    page.evaluate("analytics.page('Cart', {path: '/cart'})")
    box.get_by_role("button", name="Close").click()
    box.get_by_role("heading", name="cart only").wait_for()
    page.evaluate("history.pushState({}, '', '/elsewhere')")
    box.wait_for(state="detached")
    page.evaluate("history.pushState({}, '', '/cart/2')")
    box.get_by_role("heading", name="cart only").wait_for()
    assert page.evaluate("heard").count("dismissed") == 2


def test_a_banner_is_told_and_takes_no_focus(shop: Shop, tabs: Callable[..., Any]) -> None:
    user, page = shop.person(), tabs()
    page.goto(shop.page(user))
    page.locator("#field").focus()
    shop.send(user, form="banner", text="Free shipping today", theme={"accent": "#123456"})
    live = page.locator("headwater-in-app").get_by_role("status")
    live.get_by_text("Free shipping today").wait_for()
    assert focused(page) == "field"
    accent = "(b) => getComputedStyle(b).getPropertyValue('--hw-accent')"
    assert page.locator(BOX).evaluate(accent) == "#123456"
    page.locator(BOX).get_by_role("button", name="Close").focus()
    page.keyboard.press("Escape")
    page.locator(BOX).wait_for(state="detached")
    assert focused(page) == "field"


def test_a_link_that_is_followed_counts_and_ends_the_message(
    shop: Shop, tabs: Callable[..., Any]
) -> None:
    user, page = shop.person(), tabs()
    target = shop.site.add("/go", "")
    name = shop.send(user, form="slide_in", buttons=({"text": "Go", "link": target},))
    page.goto(shop.page(user))
    page.locator(BOX).get_by_role("link", name="Go").click()
    page.wait_for_url(target)
    wait_until(lambda: name not in shop.stays(user))
    wait_until(lambda: "In-App Message Clicked" in shop.kinds(user))
    clicked = [e for e in shop.serve.events(f"user_id:{user}") if "Clicked" in (e["event"] or "")]
    assert clicked[0]["properties"]["link_url"] == target


def test_the_inbox_has_a_badge_and_is_used_by_keyboard(
    shop: Shop, tabs: Callable[..., Any]
) -> None:
    user, page = shop.person(), tabs()
    first, _ = shop.send(user, title="one"), shop.send(user, title="two", text="Body")
    page.goto(shop.page(user))
    badge = page.locator("[data-headwater-badge]")
    badge.get_by_text("2", exact=True).wait_for()
    assert page.locator(BOX).count() == 0
    button = page.locator("#open")
    assert button.get_attribute("aria-haspopup") == "dialog"
    button.focus()
    page.keyboard.press("Enter")
    panel = page.locator("headwater-in-app").get_by_role("dialog", name="Messages")
    panel.wait_for()
    assert panel.get_by_role("heading").all_inner_texts()[0] == "Messages"
    assert [text.removeprefix("● ") for text in panel.locator("article h2").all_inner_texts()] == [
        "two", "one",
    ]  # fmt: skip
    edges = panel.evaluate("(p) => { const r = p.getBoundingClientRect(); return [r.left, r.top] }")
    assert min(edges) >= 0
    assert focused(page) == "Messages" and button.get_attribute("aria-expanded") == "true"
    badge.wait_for(state="detached")
    third = shop.send(user, title="three")
    panel.get_by_role("heading", name="three").wait_for()
    assert focused(page) == "Messages"
    panel.get_by_role("button", name="Remove: two").click()
    panel.get_by_role("heading", name="two").wait_for(state="detached")
    page.keyboard.press("Escape")
    panel.wait_for(state="detached")
    assert focused(page).startswith("Inbox") or focused(page) == "open"
    wait_until(lambda: shop.stays(user) == [third, first])
    page.reload()
    until(page, "headwaterInApp.messages().length === 2")
    assert badge.count() == 0
