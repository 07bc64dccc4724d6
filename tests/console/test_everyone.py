"""The console is for everyone: WCAG by axe-core, the keyboard alone, no script, narrow, light.

All pages, with the sample data; nothing here changes it.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import pytest

from cdp.console import assets
from cdp.store.events import history
from cdp.store.messages import images
from cdp.store.profiles import people
from tests.console.chromium import NEEDS_CHROMIUM, tab
from tests.console.shop import ShopWorld
from tests.setup.sdk import BUILD

playwright = pytest.importorskip("playwright.sync_api")
AXE = BUILD / "node" / "node_modules" / "axe-core" / "axe.min.js"
HEAVIEST = 150_000
ORDERS, WAREHOUSE = (
    f"/connections/destinations/{key}" for key in ("order-webhook", "warehouse-loader")
)
ADDRESSES = (
    "/",
    "/live",
    "/live?type=track&person=demo-0",
    "/live?open={event}",
    "/live/events/{event}",
    "/live/rejected",
    "/live/rejected?code=no_event",
    "/catalogue",
    "/catalogue/event?type=track&name=Order+Completed",
    "/catalogue/traits",
    "/catalogue/context",
    "/catalogue/personal",
    "/catalogue/personal?state=all",
    "/catalogue/lists",
    "/catalogue/lists/vip_emails",
    "/catalogue/virtual-events",
    "/catalogue/virtual-events/-new?event=Order+Completed",
    "/catalogue/virtual-events/big_order",
    "/catalogue/virtual-events/big_order/versions",
    "/catalogue/computed-traits",
    "/catalogue/computed-traits/-new",
    "/catalogue/computed-traits/spent",
    "/catalogue/computed-traits/spent/edit",
    "/catalogue/computed-traits/visits_each",
    "/catalogue/computed-traits/visits_each/edit",
    "/audiences",
    "/audiences/-new",
    "/audiences/big_spenders",
    "/audiences/big_spenders/changes",
    "/audiences/big_spenders/definition",
    "/audiences/big_spenders/versions",
    "/audiences/big_spenders/edit",
    "/audiences/big_spenders/why/{who}",
    "/journeys",
    "/journeys/-new",
    "/journeys/-new/welcome",
    "/journeys/cart",
    "/journeys/cart/people",
    "/journeys/cart/report",
    "/journeys/tones/report",
    "/journeys/cart/backtest",
    "/journeys/cart/backtest/1",
    "{run}",
    "/journeys/cart/versions",
    "/journeys/cart/compare?from=1&to=2",
    "/journeys/cart/launch",
    "/journeys/everything/edit?step=steps[1]",
    "/messages",
    "/messages?state=held",
    "/messages?channel=sms&reason=unsubscribed",
    "/messages/health",
    "/messages/broadcasts",
    "/messages/broadcasts/-new",
    "/messages/broadcasts/spring-sale",
    "/messages/broadcasts/summer-test",
    "/messages/broadcasts/summer-test/edit",
    "/messages/limits",
    "/messages/limits/quiet-hours/-new",
    "/messages/limits/journey-groups/-new",
    "/messages/topics?lang=de",
    "/messages/suppressed",
    "/messages/templates",
    "/messages/templates/-new",
    "/messages/templates/-new?channel=push",
    "/messages/templates/sale_a",
    "/messages/templates/spring/versions",
    "/messages/templates/spring",
    "/messages/templates/-new?channel=in_app",
    "/messages/layouts",
    "/messages/layouts/page",
    "/messages/snippets/address",
    "/messages/images",
    "{image}",
    "{message}",
    "/audiences/guests",
    "/people",
    "/people?q=ada",
    "/people/exports",
    "/people/deletions",
    "/people/imports",
    "/people/imports/new",
    "/people/imports/1?draft={draft}",
    "/people/imports/2",
    "/people/imports/draft/{draft}",
    "/people?kind=accounts",
    "{person}",
    "{person}/traits",
    "{person}/journeys",
    "{person}/messages",
    "{person}/audiences",
    "{person}/identifiers",
    "{person}/accounts",
    "{person}/links",
    "{person}/unmerge",
    "{person}/unmerge?take=anonymous_id:{device}",
    "/people/nobody",
    "/connections",
    "/connections/sources/new",
    "/connections/sources/default",
    "/connections/destinations",
    "/connections/destinations/new",
    "/connections/destinations/new/webhook",
    ORDERS,
    f"{ORDERS}/calls",
    f"{ORDERS}/calls?open=60",
    f"{ORDERS}/failed",
    f"{ORDERS}/replays",
    f"{ORDERS}/settings",
    WAREHOUSE,
    "/connections/plugins",
    "/settings",
    "/settings/tokens",
    "/settings/users",
    "/settings/identity",
    "/settings/traits",
    "/settings/objects",
    "/settings/activity",
)


@cache
def _places(shop: ShopWorld) -> dict[str, Any]:
    letter = re.search(r'href="(/messages/deliveries/\w+)"', shop.world.admin().page("/messages"))
    run = re.search(
        r'href="(/journeys/cart/runs/\d+)"', shop.world.admin().page("/journeys/cart/people")
    )
    assert letter is not None and run is not None
    who = shop.person.rpartition("/")[2]
    with shop.world.store.read() as tx:
        image = f"/messages/images/{images.newest(tx, 1)[0].hash}"
        event = history.rows_after(tx, history.next_seq(tx) - 200, 1)[0].seq
        profile = people.by_public_id(tx, who)
        assert profile is not None
        devices = {row.type: row.value for row in people.identifiers_of(tx, profile.id)}
    return {
        "person": shop.person, "who": who, "event": event, "draft": shop.draft,
        "message": letter.group(1), "image": image, "run": run.group(1),
        "device": devices["anonymous_id"],
    }  # fmt: skip


def filled(shop: ShopWorld, address: str) -> str:
    """The address with what there is in its places; the shop stands still."""
    return address.format(**_places(shop))


LOOKS = (("light", 1280), ("dark", 360))
#: What is drawn here depends on how wide it is when it is loaded.
DRAWN = "/journeys/everything/edit"


def looks(page: Any, target: str, turn: int) -> Iterator[tuple[str, int]]:
    """Show a page in each of `LOOKS`; in which of them it is loaded takes turns."""
    for place, (scheme, width) in enumerate(LOOKS[:: -1 if turn % 2 else 1]):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 800})
        if place == 0 or target.startswith(DRAWN):
            page.goto(target)
        yield scheme, width


@pytest.mark.browser
class TestInChromium:
    pytestmark = NEEDS_CHROMIUM

    @pytest.mark.timeout(900)
    @pytest.mark.skipif(not AXE.exists(), reason="the npm packages are not prepared")
    def test_axe_finds_nothing_and_no_page_is_wider_or_asks_another_host(
        self, chromium: Any, shop: ShopWorld, shop_address: str
    ) -> None:
        found, hosts = {}, set[str]()
        with tab(chromium, shop_address, reduced_motion="reduce") as page:
            page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
            page.add_init_script(path=AXE)
            for turn, address in enumerate(ADDRESSES):
                for look in looks(page, filled(shop, address), turn):
                    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                    assert wide <= 0, (address, look)
                    found[address, look] = axe(page)
            for look in looks(page, "/", 0):
                page.keyboard.press("Control+k")
                page.get_by_role("option").first.wait_for()
                found["palette", look] = axe(page)
                page.keyboard.press("Escape")
        with tab(chromium, shop_address, login=False, reduced_motion="reduce") as page:
            page.add_init_script(path=AXE)
            for look in looks(page, "/login?with=password", 0):
                found["/login", look] = axe(page)
        assert {address: said for address, said in found.items() if said} == {}
        assert hosts == {urlsplit(shop_address).netloc}

    def test_tab_reaches_everything_in_order_and_shows_where_one_is(
        self, chromium: Any, shop: ShopWorld, shop_address: str
    ) -> None:
        with tab(chromium, shop_address) as page:
            for address in ("/live", shop.person, f"{ORDERS}/failed"):
                page.goto(address)
                reachable = page.evaluate(REACHABLE)
                reached = []
                for _ in range(reachable):
                    page.keyboard.press("Tab")
                    reached.append(page.evaluate(FOCUSED))
                assert all(said["visible"] for said in reached), (address, reached)
                assert len({said["number"] for said in reached}) == reachable, address

    def test_without_script_one_logs_in_filters_opens_and_sends(
        self, chromium: Any, shop: ShopWorld, shop_address: str
    ) -> None:
        with tab(chromium, shop_address, java_script_enabled=False) as page:
            page.goto("/live")
            page.get_by_label("E-mail, id or any text").fill("demo-0")
            page.get_by_role("button", name="Filter").click()
            page.wait_for_url("**/live?q=demo-0**")
            page.goto("/live")
            page.locator("tbody a[data-main]").first.click()
            playwright.expect(page.get_by_role("heading", name="Where it went")).to_be_visible()
            page.goto(shop.person)
            page.get_by_role("combobox", name="Event").select_option("Order Completed")
            page.get_by_role("button", name="Filter").click()
            page.wait_for_url("**?name=Order+Completed")
            page.goto("/people")
            page.get_by_label("E-mail, id, phone or name").fill("demo2@example.com")
            page.keyboard.press("Enter")
            page.wait_for_url("**/people?q=demo2**")
            page.locator("details[data-menu] > summary").click()
            page.get_by_role("button", name="Dark").click()
            playwright.expect(page.locator("html")).to_have_attribute("data-theme", "dark")

    def test_nothing_moves_for_those_who_want_no_motion(
        self, chromium: Any, shop: ShopWorld, shop_address: str
    ) -> None:
        with tab(chromium, shop_address, reduced_motion="reduce") as page:
            page.goto("/live")
            page.evaluate("document.querySelector('tbody tr').classList.add('fresh')")
            assert page.evaluate("document.getAnimations().length") == 0


@pytest.mark.slow
def test_every_page_with_all_it_needs_is_light(shop: ShopWorld) -> None:
    admin = shop.world.admin()
    known: dict[str, int] = {}
    for address in ADDRESSES:
        text = admin.get(filled(shop, address)).text
        # A message in its frame is somebody else's page.
        ours = re.sub(r' srcdoc="[^"]*"', "", text)
        assert "<style" not in ours and " style=" not in ours and "onclick" not in ours, address
        for asset in re.findall(r'(?:href|src)="(/assets/[^"]+)"', text) + modules(text):
            if asset not in known:
                known[asset] = len(gzip.compress(admin.get(asset).data))
        weight = len(gzip.compress(text.encode())) + sum(known.values())
        assert weight < HEAVIEST, (address, weight)


def modules(text: str) -> list[str]:
    """What `app.js` imports, which the page does not name."""
    found = re.search(r'src="(/assets/\w+/)app\.js"', text)
    assert found is not None
    some = [found.group(1) + path.name for path in assets.FOLDER.glob("*.js")]
    if "builder/main.js" in text:
        some += [f"{found.group(1)}builder/{p.name}" for p in (assets.FOLDER / "builder").iterdir()]
    if "journey/main.js" in text:
        some += [f"{found.group(1)}vendor/dagre.esm.js"]
        for folder in ("journey", "builder"):
            some += [
                f"{found.group(1)}{folder}/{p.name}" for p in (assets.FOLDER / folder).iterdir()
            ]
    return some


REACHABLE = """() => {
  const some = 'a[href], button, input, select, textarea, summary, [tabindex="0"]';
  const all = [...document.querySelectorAll(some)]
    .filter((e) => e.checkVisibility() && !e.disabled && e.type !== 'hidden' && e.tabIndex >= 0);
  all.forEach((e, number) => { e.dataset.number = number; });
  return all.length;
}"""
FOCUSED = """() => {
  const e = document.activeElement, style = getComputedStyle(e), box = e.getBoundingClientRect();
  return {
    number: e.dataset.number ?? e.outerHTML.slice(0, 80),
    visible: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2
      && box.bottom > 0 && box.top < innerHeight,
  };
}"""


def axe(page: Any) -> list[str]:
    """What breaks WCAG 2.2 AA, a line each; frames hold messages, which are somebody else's."""
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(AXE.read_text())
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    options = {"runOnly": tags, "resultTypes": ["violations"], "iframes": False, "selectors": False}
    return page.evaluate(FOUND, options)  # type: ignore[no-any-return]


FOUND = """options => axe.run(document, options).then(({ violations }) => violations.map(
  ({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 160)} (${nodes.length})`))"""
