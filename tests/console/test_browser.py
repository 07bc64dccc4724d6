"""The console in a real Chromium: keys, streaming, themes, narrow screens."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.console.chromium import NEEDS_CHROMIUM
from tests.console.factory import TOKEN, World

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = NEEDS_CHROMIUM


def order(number: int) -> dict[str, Any]:
    return {
        "type": "track",
        "userId": f"u{number % 7}",
        "event": "Order Completed",
        "properties": {"order": number, "total": 40 + number, "currency": "EUR"},
    }


def people(world: World) -> None:
    names = ("Ana Kowalska", "Ben Okafor", "Chiara Rossi", "Eva Müller", "Hugo Lind")
    world.send(
        *(
            {
                "type": "identify",
                "userId": f"u{number}",
                "anonymousId": f"7f3c9a5e-77d1-4b0e-9c55-6a0b7d21f00{number}",
                "traits": {
                    "name": name,
                    "email": f"{name.split()[0].lower()}@example.com",
                    "plan": "pro",
                },
            }
            for number, name in enumerate(names)
        )
    )


def test_new_events_stream_in_and_wait_while_one_reads(world: World, page: Any) -> None:
    people(world)
    page.goto("/live")
    rows = page.locator("tbody tr")
    assert rows.count() == 5
    world.send(order(1))
    playwright.expect(rows).to_have_count(6)
    playwright.expect(rows.first).to_contain_text("order: 1")

    page.keyboard.press("p")
    playwright.expect(page.get_by_text("Paused")).to_be_visible()
    world.send(order(2), order(3))
    waiting = page.get_by_role("button", name="2 new")
    playwright.expect(waiting).to_be_visible()
    assert rows.count() == 6
    waiting.click()
    playwright.expect(rows).to_have_count(8)
    playwright.expect(rows.first).to_contain_text("order: 3")


def test_the_first_event_appears_on_the_empty_page(world: World, page: Any) -> None:
    page.goto("/live")
    playwright.expect(page.get_by_text("No events yet")).to_be_visible()
    world.send(order(1))
    playwright.expect(page.locator("tbody tr")).to_have_count(1)
    playwright.expect(page.get_by_text("No events yet")).to_have_count(0)


def test_home_says_when_the_first_event_has_arrived(world: World, page: Any) -> None:
    playwright.expect(page.get_by_text("Waiting for it")).to_be_visible()
    world.send(order(1))
    playwright.expect(page.get_by_text("The first event has arrived")).to_be_visible()
    page.get_by_role("link", name="See it", exact=True).click()
    page.wait_for_url("**/live")


def test_keys_walk_the_list_open_an_event_and_come_back(world: World, page: Any) -> None:
    people(world)
    world.send(*(order(n) for n in range(5)))
    page.goto("/live")
    for key in "jjk":
        page.keyboard.press(key)
    playwright.expect(page.locator("tbody tr").nth(0)).to_have_class(re.compile(r"\bat\b"))
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    drawer = page.get_by_role("complementary", name="Event")
    playwright.expect(drawer.get_by_role("heading", name="Where it went")).to_be_visible()
    playwright.expect(page).to_have_url(re.compile("open="))
    address = page.url
    page.keyboard.press("Escape")
    playwright.expect(drawer.get_by_role("heading")).to_have_count(0)
    playwright.expect(page).not_to_have_url(re.compile("open="))
    page.go_back()
    playwright.expect(drawer.get_by_role("heading", name="Where it went")).to_be_visible()
    page.goto(address)
    playwright.expect(drawer.get_by_role("heading", name="Where it went")).to_be_visible()


def test_the_palette_finds_a_person_without_the_mouse(world: World, page: Any) -> None:
    people(world)
    page.keyboard.press("Control+k")
    page.keyboard.type("chiara@ex")
    hit = page.get_by_role("option", name="Chiara Rossi")
    playwright.expect(hit).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/people/use_"))
    playwright.expect(page.get_by_role("heading", level=1)).to_have_text("Chiara Rossi")


def test_the_key_sheet_and_the_places_answer_to_keys(page: Any) -> None:
    page.keyboard.press("?")
    playwright.expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("p")
    page.wait_for_url("**/people")
    page.keyboard.press("/")
    page.keyboard.type("nobody")
    playwright.expect(page.get_by_text("Nobody found")).to_be_visible()
    playwright.expect(page).to_have_url(re.compile(r"/people\?q=nobody$"))


def test_the_skip_link_is_first_and_leads_to_the_content(page: Any) -> None:
    page.goto("/people")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    playwright.expect(skip).to_be_focused()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_the_theme_changes_at_once_and_stays(page: Any) -> None:
    page.locator("details[data-menu] > summary").click()
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.get_by_role("button", name="Dark").click()
    colour = "getComputedStyle(document.body).backgroundColor"
    playwright.expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    dark = page.evaluate(colour)
    page.goto("/people")
    assert page.evaluate(colour) == dark == "rgb(17, 19, 21)"


def test_what_was_typed_outlives_an_expired_login(page: Any) -> None:
    page.goto("/connections/sources/new")
    page.get_by_label("Name").fill("Web shop")
    page.context.clear_cookies()
    page.get_by_role("button", name="Add source").click()
    playwright.expect(page.get_by_text("Your login had expired")).to_be_visible()
    page.get_by_label("API token").fill(TOKEN)
    page.keyboard.press("Enter")
    page.wait_for_url("**/connections/sources/new")
    playwright.expect(page.get_by_label("Name")).to_have_value("Web shop")


def test_what_was_sent_is_not_offered_again(world: World, page: Any) -> None:
    page.goto("/settings/users")
    page.get_by_label("Name", exact=True).fill("vera")
    page.get_by_label("Password", exact=True).fill("a-long-password")
    page.get_by_role("button", name="Add user").click()
    playwright.expect(page.get_by_text("vera may log in now")).to_be_visible()
    playwright.expect(page.get_by_label("Name", exact=True)).to_have_value("")


def test_copying_says_so(world: World, page: Any) -> None:
    page.goto("/connections/sources/default")
    button = page.locator(".code > .copy").first
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    button.click()
    playwright.expect(button).to_have_text("Copied")
    assert "<script>" in page.evaluate("navigator.clipboard.readText()")


def test_no_page_is_wider_than_the_screen(world: World, page: Any) -> None:
    people(world)
    world.send(*(order(n) for n in range(5)), {"type": "track", "event": "x" * 300})
    world.send({"type": "track", "userId": "w" * 400, "event": "W" * 400})
    page.goto("/people?q=ana")
    person = page.locator("tbody a[data-main]").first.get_attribute("href")
    for address in (
        "/",
        "/live",
        "/live?open=3",
        "/live/rejected",
        "/catalogue",
        "/catalogue/event?name=Order+Completed",
        "/catalogue/traits",
        "/catalogue/context",
        "/people",
        person,
        f"{person}/traits",
        f"{person}/identifiers",
        f"{person}/links",
        "/connections",
        "/connections/sources/default",
        "/settings",
        "/settings/tokens",
        "/settings/users",
        "/settings/activity",
    ):
        page.goto(address)
        for width in (1280, 768, 360):  # the next page is loaded in a narrow one
            page.set_viewport_size({"width": width, "height": 740})
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, (address, width)


def test_new_rows_wait_while_the_pointer_is_over_the_list(world: World, page: Any) -> None:
    people(world)
    page.goto("/live")
    page.locator("tbody tr").first.hover()
    world.send(order(1))
    waiting = page.get_by_role("button", name="1 new")
    playwright.expect(waiting).to_be_visible()
    assert page.locator("tbody tr").count() == 5
    waiting.click()
    playwright.expect(page.locator("tbody tr").first).to_contain_text("order: 1")


def test_home_leads_back_to_where_one_was_until_one_logs_out(world: World, page: Any) -> None:
    people(world)
    page.goto("/people?q=ana")
    page.get_by_role("link", name="Ana Kowalska").click()
    page.wait_for_url("**/people/use_*")
    page.goto("/people/nobody")
    page.goto("/")
    page.get_by_label("Where you were").get_by_role("link", name="Ana Kowalska").click()
    playwright.expect(page.get_by_role("heading", level=1)).to_have_text("Ana Kowalska")
    page.locator("details[data-menu] > summary").click()
    page.get_by_role("button", name="Log out").click()
    playwright.expect(page.get_by_label("API token")).to_be_visible()
    assert page.evaluate("localStorage.length") == 0


def test_the_palette_does_what_it_offers(world: World, page: Any) -> None:
    people(world)
    page.keyboard.press("Control+k")
    page.keyboard.type("send a test event")
    playwright.expect(page.get_by_role("option", name="Send a test event")).to_be_visible()
    page.keyboard.press("Enter")
    page.wait_for_url("**/live")
    playwright.expect(page.get_by_text("“Test Event” was sent")).to_be_visible()


def test_filters_are_in_the_address_and_back_undoes_them(world: World, page: Any) -> None:
    people(world)
    world.send(*(order(n) for n in range(5)))
    page.goto("/live")
    page.get_by_label("Type", exact=True).select_option("identify")
    page.wait_for_url("**/live?**type=identify**")
    playwright.expect(page.locator("tbody tr")).to_have_count(5)
    page.go_back()
    playwright.expect(page.locator("tbody tr")).to_have_count(10)
    page.get_by_label("E-mail, id or any text").fill('"order":3')
    page.keyboard.press("Enter")
    playwright.expect(page.locator("tbody tr")).to_have_count(1)


def test_a_file_is_imported_and_taken_back_by_clicks(
    world: World, page: Any, tmp_path: Path
) -> None:
    file = tmp_path / "people.csv"
    file.write_text("E-mail,Plan\nada@example.com,pro\nnobody,free\n")
    stop = threading.Event()

    def pipeline() -> None:
        while not stop.wait(0.05):
            world.drain()

    thread = threading.Thread(target=pipeline)
    thread.start()
    try:
        page.goto("/people")
        page.get_by_role("link", name="Import a file").click()
        page.get_by_label("File").set_input_files(file)
        page.get_by_role("button", name="Upload and look").click()
        page.get_by_label("The trait or identifier that Plan is called").fill("tier")
        page.get_by_role("button", name="Try it").click()
        playwright.expect(page.get_by_text("Would be created", exact=True)).to_be_visible()
        page.get_by_role("button", name="Import these people").click()
        playwright.expect(page.get_by_text("Rows taken")).to_be_visible()
        with page.expect_download() as report:
            page.get_by_role("link", name="Download all 1").click()
        assert "no e-mail address" in Path(report.value.path()).read_text()
        page.get_by_label("Type people.csv to go on").fill("people.csv")
        page.get_by_role("button", name="Undo import").click()
        playwright.expect(page.get_by_text("Taken back")).to_be_visible()
        page.get_by_role("link", name="Imports").click()
        playwright.expect(page.locator("tbody tr")).to_have_count(2)
    finally:
        stop.set()
        thread.join()


def test_fields_are_declared_personal_by_clicks(world: World, page: Any) -> None:
    people(world)
    page.goto("/catalogue")
    page.get_by_role("link", name="Personal data").click()
    playwright.expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_role("button", name="Choose all").click()
    page.get_by_role("button", name="They are personal").click()
    playwright.expect(page.get_by_text("Nothing waits for you")).to_be_visible()
