"""In-app messages in a real Chromium, on a page that allows next to nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from cdp_inapp.tokens import sign

from cdp.store import Store
from cdp.store.db import FILE
from tests.destinations.in_app import SECRET, now_ms, recall, send
from tests.real import browser
from tests.real.browser import Site
from tests.real.server import TOKEN, WRITE_KEY, ServeProcess, wait_until

pytestmark = [pytest.mark.real, pytest.mark.browser]


class Shop:
    """A server with an in-app destination, and a site whose pages show its messages."""

    def __init__(self, serve: ServeProcess) -> None:
        self.serve = serve
        listed = json.loads(
            serve.cli("destinations", "add", "in_app", "--setting", f"secret={SECRET}",
                      "--setting", "poll=5", "--json")
        )  # fmt: skip
        self.key = listed["key"]
        self.store = Store.at(serve.data / FILE)
        self.id = self._number()
        self.site = Site()
        # Nothing inline, no eval, no styles, and no markup that a script makes.
        self.site.headers["Content-Security-Policy"] = (
            f"default-src 'none'; script-src 'self' {serve.url}; connect-src {serve.url}; "
            "img-src 'self' data:; style-src 'none'; require-trusted-types-for 'script'"
        )
        self._people = 0

    def _number(self) -> int:
        from cdp.store import config_rows

        with self.store.read() as tx:
            found = config_rows.destination_by_key(tx, self.key)
        assert found is not None
        return found.id

    def person(self) -> str:
        """Somebody new."""
        self._people += 1
        user = f"{self.key}-{self._people}-{time.time_ns()}"
        requests.post(
            f"{self.serve.url}/v1/identify", json={"userId": user}, auth=(WRITE_KEY, ""), timeout=10
        ).raise_for_status()
        wait_until(lambda: self.serve.profile(f"user_id:{user}"))
        return user

    def send(self, user: str, **content: Any) -> str:
        return send(self.store, self.id, user, **{"title": "Hello", **content})

    def token(self, user: str, seconds: float = 600) -> str:
        return sign(SECRET.encode(), ("user_id", user), int(time.time() + seconds))

    def page(self, user: str, path: str = "/shop", token: str | None = None, body: str = "") -> str:
        """The address of a page that shows a person's messages."""
        token = self.token(user) if token is None else token
        client = f"{self.serve.url}/channels/{self.key}/client.js"
        return self.site.add(
            path,
            '<script src="/listen.js"></script>'
            '<script src="/bundles/segment_browser.js"></script><script src="/start.js"></script>'
            f'<script src="{client}" data-token="{token}" async></script></head><body>'
            f"{body}<input id=field><button id=open data-headwater-inbox>Inbox</button>",
        )

    def kinds(self, user: str) -> list[str]:
        """What is told of a person's messages so far, as the events in their history."""
        found = (event["event"] for event in self.serve.events(f"user_id:{user}"))
        return sorted(name for name in found if name and name.startswith("In-App"))

    def stays(self, user: str) -> list[str]:
        answer = requests.get(
            f"{self.serve.url}/channels/{self.key}/messages",
            headers={"Authorization": f"Bearer {self.token(user)}"}, timeout=10,
        )  # fmt: skip
        return [message["id"] for message in answer.json()["messages"]]


LISTEN = """
window.heard = [];
window.violations = [];
for (const name of ["shown", "clicked", "dismissed", "expired", "action"]) {
  document.addEventListener("headwater:" + name, (event) => window.heard.push(name));
}
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(event.violatedDirective + " " + event.sourceFile);
});
"""


@pytest.fixture(scope="module")
def shop(serve: ServeProcess) -> Iterator[Shop]:
    made = Shop(serve)
    made.site.scripts["/listen.js"] = LISTEN
    options = json.dumps({"writeKey": WRITE_KEY, "cdnURL": serve.url})
    made.site.scripts["/start.js"] = f"window.analytics = AnalyticsBrowser.load({options})"
    yield made
    made.site.close()
    made.store.close()


@pytest.fixture
def tabs(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    if reason := browser.lacks():
        pytest.fail(reason) if browser.must_run() else pytest.skip(reason)
    chromium = request.getfixturevalue("one_chromium")
    contexts: list[Any] = []
    troubles: list[str] = []

    def open_tab(**options: Any) -> Any:
        context = chromium.new_context(**options)
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        return page

    yield open_tab
    for context in contexts:
        for page in context.pages:
            troubles += page.evaluate("window.violations || []")
        context.close()
    # analytics.js is not ours to judge.
    assert [text for text in troubles if "analytics" not in text] == []


BOX = "headwater-in-app .box"


def until(page: Any, what: str) -> None:
    """Wait for an expression to be true, without an eval of the page's."""
    wait_until(lambda: page.evaluate(what), what=what)


def focused(page: Any) -> str:
    """The text or id of what has the focus, inside our shadow tree too."""
    found: str = page.evaluate(
        "(() => { let a = document.activeElement; if (a.shadowRoot) a = a.shadowRoot.activeElement;"
        " return a ? a.id || a.textContent : '' })()"
    )
    return found


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


def test_what_is_recalled_goes_away_by_itself(shop: Shop, tabs: Callable[..., Any]) -> None:
    user, page = shop.person(), tabs()
    name = shop.send(user, form="banner")
    page.goto(shop.page(user))
    page.locator(BOX).wait_for()
    recall(shop.store, name)
    page.locator(BOX).wait_for(state="detached")
    assert page.evaluate("heard") == ["shown"]


def test_where_streams_do_not_get_through_it_is_asked(shop: Shop, tabs: Callable[..., Any]) -> None:
    user, page = shop.person(), tabs()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    page.route("**/stream", lambda route: route.fulfill(status=503, headers={
        "Access-Control-Allow-Origin": "*", "Retry-After": "60"}))  # fmt: skip
    page.goto(shop.page(user))
    until(page, "window.headwaterInApp")
    # What the page asks is told while the page is asked.
    wait_until(lambda: page.evaluate("1") and "messages" in asked)
    shop.send(user, form="banner", title="asked for")
    page.locator(BOX).get_by_role("heading", name="asked for").wait_for()
    assert asked.count("stream") == 1


def test_a_tab_that_is_not_in_view_asks_for_nothing(shop: Shop, tabs: Callable[..., Any]) -> None:
    user, page = shop.person(), tabs()
    page.goto(shop.page(user))
    until(page, "headwaterInApp.messages().length === 0 && heard.length === 0")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    turn = (
        "(hidden) => { Object.defineProperty(document, 'hidden', {value: hidden, "
        "configurable: true}); document.dispatchEvent(new Event('visibilitychange')); }"
    )
    page.evaluate(turn, True)
    shop.send(user, form="banner")
    page.wait_for_timeout(1500)
    assert asked == [] and page.locator(BOX).count() == 0
    page.evaluate(turn, False)
    page.locator(BOX).wait_for()


ATTACK = (
    "<p>harmless</p><script>window.pwned = 1</script><img src=x onerror='window.pwned = 1'>"
    "<svg onload='window.pwned = 1'><a id=evil href='javascript:window.pwned=1'>click</a>"
    "<p style='position:fixed'>styled</p>"
)


@pytest.mark.parametrize("form", ["modal", "inbox"])
def test_nothing_in_a_message_runs(shop: Shop, tabs: Callable[..., Any], form: str) -> None:
    user, page = shop.person(), tabs()
    shop.send(
        user, form=form, html=ATTACK, title="<img src=x onerror='window.pwned = 1'>",
        link="javascript:window.pwned=1", image="javascript:window.pwned=1",
        theme={"accent": "red;}*{display:none"},
        buttons=({"text": "<b>Go</b>", "link": "javascript:window.pwned=1"},),
        pages=("^/",),
    )  # fmt: skip
    page.goto(shop.page(user))
    until(page, "headwaterInApp.messages().length === 1")
    if form == "inbox":
        page.locator("#open").click()
    box = page.locator(BOX)
    box.get_by_text("harmless").wait_for()
    box.get_by_role("button", name="<b>Go</b>").click()
    for link in box.get_by_text("click").all():
        link.click()
    assert page.evaluate("window.pwned") is None
    assert page.evaluate("document.body.querySelectorAll('script, svg').length") == 0
    # A client that was lied to builds nothing that runs, either.
    assert page.locator("headwater-in-app script").count() == 0


def test_forged_and_expired_tokens_show_nothing(shop: Shop, tabs: Callable[..., Any]) -> None:
    user, page = shop.person(), tabs()
    shop.send(user, form="banner")
    for wrong in (shop.token(user, -120), shop.token(user)[:-3] + "abc", WRITE_KEY):
        page.goto(shop.page(user, "/wrong", wrong))
        until(page, "heard.includes('expired')")
        assert page.evaluate("headwaterInApp.messages()") == []
    # An app that has a way to get another is asked for it.
    shop.site.scripts["/again.js"] = (
        "addEventListener('load', () => { let times = 0; headwaterInApp.start({url: "
        f"'{shop.serve.url}/channels/{shop.key}', "
        f"token: async () => times++ ? '{shop.token(user)}' : 'old' }}) }});"
    )
    client = f"{shop.serve.url}/channels/{shop.key}/client.js"
    page.goto(
        shop.site.add(
            "/again", f'<script src="{client}"></script><script src="/again.js"></script>'
        )
    )
    page.locator(BOX).wait_for()


def test_who_logs_out_sees_no_more(shop: Shop, tabs: Callable[..., Any]) -> None:
    user, page = shop.person(), tabs()
    shop.send(user, form="banner")
    shop.send(user, form="inbox")
    page.goto(shop.page(user))
    page.locator(BOX).wait_for()
    page.evaluate("analytics.reset()")
    page.locator("headwater-in-app").wait_for(state="detached")
    page.locator("[data-headwater-badge]").wait_for(state="detached")


def test_it_follows_dark_mode_and_reduced_motion(shop: Shop, tabs: Callable[..., Any]) -> None:
    user = shop.person()
    shop.send(user, form="banner")
    looks = set()
    for scheme, motion in (("light", "no-preference"), ("dark", "reduce")):
        page = tabs(color_scheme=scheme, reduced_motion=motion)
        page.goto(shop.page(user))
        page.locator(BOX).wait_for()
        looks.add(
            page.locator(BOX).evaluate(
                "(b) => getComputedStyle(b).backgroundColor + getComputedStyle(b).animationName"
            )
        )
    assert looks == {"rgb(255, 255, 255)in", "rgb(27, 33, 48)none"}


def test_a_message_by_the_transactional_api_reaches_the_page(
    shop: Shop, tabs: Callable[..., Any]
) -> None:
    user, page = shop.person(), tabs()
    page.goto(shop.page(user))
    answer = requests.post(
        f"{shop.serve.url}/v1/send/in_app",
        json={
            "identifiers": {"id": user}, "title": "From the API",
            "body": "<p>Hi <a href='https://shop.example/'>you</a></p>",
            # No copy is kept, but what waits is the message itself.
            "disable_message_retention": True,
        },
        headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10,
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    until(page, "headwaterInApp.messages().length === 1")
    (message,) = page.evaluate("headwaterInApp.messages()")
    assert message["title"] == "From the API"
    # Its clicks are told by the client, so that no link leads through us.
    assert 'href="https://shop.example/"' in message["html"]
