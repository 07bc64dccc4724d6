"""The public pages in a real browser: without scripts, on a phone, by day and night."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.serving import make_server

from cdp.store.messages import branding, copies
from cdp.store.messages.branding import Branding
from tests.console.chromium import NEEDS_CHROMIUM, tab
from tests.console.test_everyone import AXE, axe
from tests.pages.house import House

pytest.importorskip("playwright.sync_api")
pytestmark = NEEDS_CHROMIUM
SIZES = [("light", 1280), ("dark", 360)]


@pytest.fixture(scope="module")
def chromium(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue("one_chromium")


@pytest.fixture
def address(house: House) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, house.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()


def letter(house: House) -> int:
    house.topic("news", name="Weekly news", description="What is new in the shop, each Friday.")
    house.topic("offers", name="O" * 70, default="unsubscribed")
    node = house.identify("u1", phone="+48600700800", name="Ana")
    with house.store.write() as tx:
        branding.save(tx, Branding("The shop", "#ffcc00"))
    id_ = house.ask(node, topic="news")
    house.settle()
    return id_


@pytest.mark.skipif(not AXE.exists(), reason="the npm packages are not prepared")
@pytest.mark.parametrize(("scheme", "width"), SIZES)
def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(
    house: House, address: str, chromium: Any, scheme: str, width: int
) -> None:
    links = house.links(letter(house))
    found: dict[str, Any] = {}
    size = {"width": width, "height": 740}
    # axe is put in from outside, which the pages' own policy would not let in.
    with tab(chromium, address, login=False, color_scheme=scheme, viewport=size,
             bypass_csp=True) as page:  # fmt: skip
        for path in (links.preferences, links.unsubscribe, links.view, "/preferences/none"):
            page.goto(path)
            found[path] = axe(page)
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, path
        page.goto(links.unsubscribe)
        page.get_by_role("button", name="Unsubscribe from Weekly news").click()
        page.get_by_role("heading", name="You are unsubscribed").wait_for()
        found["done"] = axe(page)
        page.goto(links.preferences)
        page.get_by_role("button", name="Unsubscribe from everything").click()
        page.get_by_text("You have unsubscribed from everything").wait_for()
        found["out"] = axe(page)
    assert {path: said for path, said in found.items() if said} == {}


def test_all_works_by_keyboard_without_scripts_under_the_policy(
    house: House, address: str, chromium: Any
) -> None:
    id_ = letter(house)
    node = house.row(id_).node
    assert node is not None
    hosts: set[str] = set()
    with tab(chromium, address, login=False, java_script_enabled=False) as page:
        page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
        page.goto(house.links(id_).preferences)
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        page.get_by_role("button", name="Save").press("Enter")
        page.get_by_text("Your choices are saved.").wait_for()
        color = page.get_by_role("button", name="Save").evaluate(
            "node => getComputedStyle(node).backgroundColor"
        )
        assert color == "rgb(255, 204, 0)"
    assert house.wishes(node) == {"topic:offers": True, "topic:news": False}
    assert hosts == {address.removeprefix("http://")}


def test_a_message_in_the_browser_runs_no_script_and_its_links_lead_on(
    house: House, address: str, chromium: Any
) -> None:
    id_ = letter(house)
    html = (
        "<title>x</title><p id=x>Hello</p><script>document.getElementById('x').textContent='bad'"
        "</script><img src=x onerror=\"document.getElementById('x').textContent='bad'\">"
        f'<form action="{address}/preferences/{house.name(id_)}" method=post>'
        "<button name=do value=out>Go</button></form>"
    )
    with house.store.write() as tx:
        copies.keep(tx, {id_: {"html": html}}, 1)
    context = chromium.new_context(base_url=address)
    page = context.new_page()
    page.goto(house.links(id_).view)
    page.get_by_role("button", name="Go").click()
    assert page.locator("#x").text_content() == "Hello"
    assert page.url.endswith(house.links(id_).view)
    context.close()
    node = house.row(id_).node
    assert node is not None and house.wishes(node) == {}
