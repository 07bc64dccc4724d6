"""What is pressed is done, however late the answers and the scripts are."""

from __future__ import annotations

from typing import Any

import pytest

from cdp.store import definitions
from tests.console.chromium import NEEDS_CHROMIUM
from tests.console.factory import World
from tests.console.test_slow_line import Line

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = NEEDS_CHROMIUM


def test_parts_are_changed_one_after_the_other_then_the_form_is_saved(
    world: World, page: Any
) -> None:
    def press(name: str) -> None:
        page.get_by_role("button", name=name).last.click()

    page.goto("/messages/templates/-new?channel=email&with=blocks")
    page.get_by_label("Name", exact=True).fill("Hello")
    page.get_by_label("Subject").fill("Hello")
    line = Line(page)
    line.hold("**/messages/templates/-new", lambda request: "edit=" in (request.post_data or ""))
    page.get_by_text("Say it in another language").click()
    for code in ("de", "fr"):
        page.get_by_label("Language", exact=True).fill(code)
        press("Add the language")
    for _ in range(2):
        line.asked()
        line.let_go()
    for word in ("German", "French"):
        playwright.expect(page.get_by_role("radio", name=word)).to_have_count(1)
    page.get_by_role("radio", name="Usual").check()
    press("Remove block 1, heading")
    press("Move block 3, footer, up")
    press("Remove block 1, heading")  # once more: it is gone by then, and its follower stays
    press("Duplicate block 2, text")
    playwright.expect(page.locator("#fields")).to_have_attribute("aria-busy", "true")
    press("Save template")
    for _ in range(2):
        line.asked()
        line.let_go()
    line.asked()
    line.held.pop().continue_()
    page.wait_for_url("**/messages/templates/hello")
    with world.store.read() as tx:
        kept = definitions.current(tx, "template", "hello")
    assert kept is not None and kept.body is not None
    assert [block["type"] for block in kept.body["blocks"]] == ["footer", "text", "text"]


def test_what_is_found_stays_while_it_is_pressed(world: World, page: Any) -> None:
    world.send({"type": "identify", "userId": "u", "traits": {"email": "chiara@example.com"}})
    line = Line(page)
    line.hold("**/assets/*/app.js")
    for pattern in ("**/find?*", "**/people?*"):
        line.hold(pattern, lambda request: "zz" in request.url)
    # What is pressed before the scripts are there is done once they are.
    page.goto("/people", wait_until="commit")
    opener = page.get_by_role("button", name="Find a person")
    opener.click()
    line.asked()
    playwright.expect(opener).to_have_attribute("aria-busy", "true")
    line.let_go()
    field = page.get_by_role("combobox", name="Find anything")
    playwright.expect(field).to_be_focused()
    assert opener.get_attribute("aria-busy") is None
    page.unroute("**/assets/*/app.js")

    def take(field: Any, found: Any) -> None:
        field.fill("chiara@example.com")
        found.first.hover()
        field.press_sequentially("zz")
        line.asked()
        page.mouse.down()
        line.let_go()
        page.mouse.up()
        page.wait_for_url("**/people/use_*")

    take(field, page.get_by_role("option").filter(has_text="chiara"))
    page.goto("/people")
    field = page.get_by_label("E-mail, id, phone or name")
    # The link is there before, but elsewhere.
    field.fill("chiara@example.com")
    page.wait_for_url("**/people?q=chiara*")
    take(field, page.get_by_role("link", name="chiara"))

    # So is what is chosen, and what the keyboard asks for.
    line.held.clear()
    line.hold("**/assets/*/app.js")
    page.goto("/catalogue", wait_until="commit")
    page.get_by_label("Order").select_option("By name")
    line.asked()
    line.let_go()
    page.wait_for_url("**/catalogue?*sort=name*", wait_until="commit")
    line.asked()
    line.let_go()
    page.wait_for_load_state()
    page.goto("/people", wait_until="commit")
    page.get_by_role("heading", name="People", level=1).wait_for()
    page.keyboard.press("Control+k")
    line.asked()
    line.let_go()
    playwright.expect(page.get_by_role("combobox", name="Find anything")).to_be_focused()
    page.keyboard.press("Escape")
    page.unroute("**/assets/*/app.js")

    # Of two themes the last one holds, and the first is given up.
    line.held.clear()
    line.hold("**/theme")
    page.locator("details[data-menu] > summary").click()
    page.get_by_role("button", name="Dark").click()
    line.asked()
    first = line.held.pop()
    with page.expect_event("requestfailed", lambda request: request == first.request):
        page.get_by_role("button", name="Light").click()
    line.asked()
    line.held.pop().continue_()
    while "theme" not in [one["name"] for one in page.context.cookies()]:
        page.wait_for_timeout(10)
    page.goto("/people")
    playwright.expect(page.locator("html")).to_have_attribute("data-theme", "light")
