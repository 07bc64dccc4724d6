"""A journey is drawn by clicks, by keys alone and on a phone, in a real Chromium."""

from __future__ import annotations

import re
from typing import Any

import pytest

from cdp.definitions import KINDS
from cdp.store.defined import defining
from cdp.store.journeys import drafts as journey_drafts
from tests.console.chromium import NEEDS_CHROMIUM, tab
from tests.console.factory import World

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = NEEDS_CHROMIUM

BODY: dict[str, Any] = {
    "name": "Orders",
    "trigger": {"event": "Order Completed"},
    "steps": [
        {"wait": "1d", "note": "A day is enough."},
        {"wait_until": {"event": "Paid", "timeout": "3d", "on_timeout": [{"exit": "unpaid"}]}},
        {"emit": "Thanked"},
    ],
}


def put(world: World, **more: Any) -> None:
    with world.store.write() as tx:
        journey_drafts.put(tx, "orders", {**BODY, **more}, 0, 0, "test", world.now())


def kept(page: Any, world: World) -> dict[str, Any]:
    """The draft, once all is kept."""
    playwright.expect(page.get_by_text("All changes are kept.")).to_be_visible()
    with world.store.read() as tx:
        draft = journey_drafts.one(tx, "orders")
    assert draft is not None
    return draft.body


def open_canvas(page: Any, address: str = "/journeys/orders/edit") -> None:
    page.goto(address)
    page.locator("[data-journey][data-ready]").wait_for()


def add(page: Any, kind: str) -> None:
    """Choose a kind in the menu that is open."""
    page.get_by_role("searchbox", name="Find a step").fill(kind)
    page.keyboard.press("Enter")


def test_what_is_drawn_and_changed_by_hand_is_what_is_kept(page: Any, world: World) -> None:
    put(world)
    open_canvas(page)
    # Nothing changes by being looked at.
    page.locator(".node.wait").click()
    page.keyboard.press("Escape")
    with world.store.read() as tx:
        draft = journey_drafts.one(tx, "orders")
    assert draft is not None and draft.body == BODY and draft.rev == 1

    page.get_by_role("button", name="Add a step: After 3 days").click()
    add(page, "wait")
    panel = page.get_by_role("complementary", name="Step")
    panel.get_by_label("How long").fill("2h")
    assert kept(page, world)["steps"][1]["wait_until"]["on_timeout"] == [
        {"wait": "2h"}, {"exit": "unpaid"},
    ]  # fmt: skip

    page.get_by_role("button", name="Add a step after the trigger").click()
    add(page, "branch")
    builder = panel.locator("[data-builder][data-ready]").first
    adder = builder.get_by_role("combobox", name="Add a condition")
    adder.fill("event.properties.total > 50")
    builder.get_by_role("option").first.click()
    playwright.expect(page.locator("button.edge .label").first).to_contain_text("50")
    body = kept(page, world)
    assert body["steps"][0] == {"branch": [{"when": "event.properties.total > 50"}, {"else": []}]}
    KINDS["journey"].read("orders", body)

    panel.get_by_role("button", name="Remove step").click()
    playwright.expect(page.locator(".node.branch")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    playwright.expect(page.locator(".node.branch")).to_have_count(1)
    assert kept(page, world)["steps"][0] == body["steps"][0]


def test_what_is_kept_already_is_saved_by_one_press(page: Any, world: World) -> None:
    put(world)
    open_canvas(page)
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/journeys/orders")
    playwright.expect(page.get_by_text("Saved. What runs is as it was")).to_be_visible()


def test_the_keyboard_alone_draws(page: Any, world: World) -> None:
    put(world)
    open_canvas(page)
    page.locator("[data-item=start]").focus()
    keys = page.keyboard
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown"):
        keys.press(key)
    playwright.expect(page.locator(".node.wait_until")).to_be_focused()
    keys.press("ArrowDown")
    keys.press("ArrowRight")
    playwright.expect(page.locator("button.edge:focus .label")).to_have_text("After 3 days")
    keys.press("Enter")
    add(page, "set traits")
    keys.press("Escape")
    playwright.expect(page.locator(".node.update")).to_be_focused()
    keys.press("Control+d")
    keys.press("Escape")
    assert len(kept(page, world)["steps"][1]["wait_until"]["on_timeout"]) == 3
    for key in ("Delete", "ArrowUp", "ArrowUp", "Delete"):
        keys.press(key)
    playwright.expect(page.locator(".node.update")).to_have_count(0)
    keys.press("Control+z")
    playwright.expect(page.locator(".node.update")).to_have_count(1)
    keys.press("Control+y")
    playwright.expect(page.locator(".node.update")).to_have_count(0)
    assert kept(page, world) == BODY
    page.locator(".node.emit").focus()
    keys.press("Control+d")
    keys.press("Escape")
    keys.press("Control+z")
    playwright.expect(page.locator(".node.emit")).to_be_focused()
    keys.press("?")
    playwright.expect(page.get_by_role("dialog", name="Keys")).to_be_visible()


def test_steps_are_copied_from_one_journey_to_another(page: Any, world: World) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    put(world)
    with world.store.write() as tx:
        journey_drafts.put(tx, "other", {**BODY, "steps": []}, 0, 0, "test", world.now())
    open_canvas(page)
    page.locator(".node.wait_until").focus()
    page.keyboard.press("Control+c")
    open_canvas(page, "/journeys/other/edit")
    page.locator("[data-item=start]").focus()
    page.keyboard.press("Control+v")
    playwright.expect(page.get_by_text("All changes are kept.")).to_be_visible()
    with world.store.read() as tx:
        draft = journey_drafts.one(tx, "other")
    assert draft is not None and draft.body["steps"] == [BODY["steps"][1]]


def test_the_text_and_the_canvas_are_one(page: Any, world: World) -> None:
    put(world)
    open_canvas(page)
    page.get_by_role("button", name="Text", exact=True).click()
    area = page.get_by_label("The journey as text")
    playwright.expect(area).to_have_value(re.compile("wait_until:"))
    area.fill(area.input_value().replace("wait: 1d", "wait: [1d"))
    page.get_by_role("button", name="Canvas", exact=True).click()
    playwright.expect(page.get_by_role("alert").filter(has_text="Line")).to_be_visible()
    area.fill(area.input_value().replace("wait: [1d", "wait: 5d"))
    page.get_by_role("button", name="Canvas", exact=True).click()
    playwright.expect(page.locator(".node.wait .said")).to_have_text("5 days")
    assert kept(page, world)["steps"][0] == {"wait": "5d", "note": "A day is enough."}


def test_a_phone_shows_a_list_that_does_the_same(chromium: Any, served: str, world: World) -> None:
    put(world)
    with tab(chromium, served, viewport={"width": 360, "height": 740}) as page:
        open_canvas(page)
        page.get_by_role("button", name="Add a step after Wait 1 day").click()
        add(page, "end the")
        page.get_by_role("complementary", name="Step").get_by_role("button", name="Close").click()
        assert [next(iter(step)) for step in kept(page, world)["steps"]] == [
            "wait", "exit", "wait_until", "emit",
        ]  # fmt: skip
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0


def test_a_step_that_is_pressed_opens_though_the_draft_is_kept_meanwhile(
    page: Any, world: World
) -> None:
    put(world)
    open_canvas(page)
    page.locator(".node.wait").click()
    page.get_by_role("complementary", name="Step").get_by_label("How long").fill("9d")
    page.locator(".node.emit").hover()
    page.mouse.down()
    kept(page, world)
    page.mouse.up()
    playwright.expect(page.locator(".node.emit.open")).to_be_visible()


def test_what_cannot_be_kept_on_the_server_is_not_lost(page: Any, world: World) -> None:
    put(world)
    open_canvas(page)
    with world.store.write() as tx:
        journey_drafts.put(tx, "orders", {**BODY, "name": "Theirs"}, 0, 1, "bo", world.now())
    page.locator(".node.wait").click()
    page.get_by_role("complementary", name="Step").get_by_label("How long").fill("9d")
    playwright.expect(page.get_by_text("bo has changed this draft")).to_be_visible()
    page.get_by_role("button", name="Put mine over it").click()
    body = kept(page, world)
    assert body["name"] == "Orders" and body["steps"][0]["wait"] == "9d"


def test_a_message_is_shown_as_people_would_get_it(page: Any, world: World) -> None:
    for name in ("ana", "bo"):
        traits = {"email": f"{name}@example.com", "first_name": name}
        world.send({"type": "identify", "userId": name, "traits": traits},
                   {"type": "track", "userId": name, "event": "Order Completed",
                    "properties": {"total": f"{len(name)} euros"}})  # fmt: skip
    body = {"channel": "email", "from": "Shop <shop@example.com>", "subject": "Thanks",
            "body": "Hello {{ customer.first_name }}, {{ event.total }}"}  # fmt: skip
    with world.store.write() as tx:
        defining.put(tx, world.now(), ("template", "thanks"), body, "test")
    put(world, steps=[{"send": "thanks"}])
    open_canvas(page)
    page.locator(".node.send").click()
    panel = page.get_by_role("complementary", name="Step")
    panel.get_by_text("Preview as a real person").click()
    letter = panel.frame_locator("iframe")
    playwright.expect(letter.get_by_text("Hello bo, 2 euros")).to_be_visible()
    panel.get_by_role("button", name="Next person").press("Enter")
    playwright.expect(letter.get_by_text("Hello ana")).to_be_visible()
    panel.get_by_label("Show it as").fill("bo@example.com")
    panel.get_by_label("Show it as").press("Enter")
    playwright.expect(letter.get_by_text("Hello bo")).to_be_visible()
    panel.get_by_role("button", name="Phone width").click()
    playwright.expect(panel.locator("iframe.narrow")).to_be_visible()


def test_steps_are_cut_and_undone_by_keys(page: Any, world: World) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    put(world)
    open_canvas(page)
    playwright.expect(page.get_by_role("button", name="A day is enough.")).to_be_visible()
    page.locator(".node.emit").focus()
    page.keyboard.press("Control+x")
    playwright.expect(page.locator(".node.emit")).to_have_count(0)
    page.locator("[data-item=start]").focus()
    page.keyboard.press("Control+v")
    assert kept(page, world)["steps"][0] == {"emit": "Thanked"}
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    playwright.expect(page.locator(".node.emit")).to_have_count(1)
    assert kept(page, world) == BODY


def test_somebody_is_walked_through_on_the_canvas(page: Any, world: World) -> None:
    put(world)
    open_canvas(page)
    page.get_by_role("button", name="Try it").click()
    panel = page.get_by_role("complementary", name="Step")
    panel.get_by_role("button", name="Walk them through").click()
    moment = panel.get_by_role("slider", name="Moment")
    playwright.expect(page.locator(".node.exit.been")).to_be_visible()
    moment.press("Home")
    playwright.expect(page.locator(".node.been")).to_have_count(0)
    moment.press("End")
    playwright.expect(page.locator(".node.wait.been")).to_be_visible()
    page.keyboard.press("Escape")
    playwright.expect(panel).to_be_hidden()
    playwright.expect(page.locator(".node.been")).to_have_count(0)


def test_the_stages_of_a_rollout_are_a_form(page: Any, world: World) -> None:
    put(world)
    open_canvas(page)
    page.locator("[data-item=start]").click()
    page.get_by_text("More", exact=True).click()
    page.get_by_label("Share of people who may enter").select_option("In stages, more and more")
    page.get_by_label("Per cent of stage 1").fill("5 %")
    page.get_by_label("Length of stage 1").fill("12h")
    page.get_by_role("button", name="+ Stage").click()
    page.get_by_role("button", name="Remove stage 2").click()
    stages = [{"share": 5, "for": "12h"}, {"share": 50, "for": "1d"}, 100]
    assert kept(page, world)["rollout"] == stages
    page.get_by_label("Per cent of stage 2").fill("1")
    playwright.expect(page.locator(".node.start.bad")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator("[data-item=start]").click()
    playwright.expect(page.locator("fieldset .wrong")).to_contain_text("larger than the one before")
    page.get_by_label("Share of people who may enter").select_option("Everybody, at once")
    assert "rollout" not in kept(page, world)
