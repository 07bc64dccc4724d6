"""In a real Chromium: what is recalled, attacked, forged, logged out of, out of reach."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.destinations.in_app.pages import BOX, Shop, until
from tests.destinations.in_app.waiting import recall
from tests.real.server import TOKEN, WRITE_KEY, wait_until

pytestmark = [pytest.mark.real, pytest.mark.browser]

GUIDE = Path(__file__).parents[3] / "docs" / "how-to" / "in-app-messages.md"


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
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    page.goto(shop.page(user))
    wait_until(lambda: page.evaluate("1") and "stream" in asked)
    turn = (
        "(hidden) => { Object.defineProperty(document, 'hidden', {value: hidden, "
        "configurable: true}); document.dispatchEvent(new Event('visibilitychange')); }"
    )
    page.evaluate(turn, True)
    asked.clear()
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


def test_what_did_not_get_through_is_told_again(shop: Shop, tabs: Callable[..., Any]) -> None:
    user, page = shop.person(), tabs()
    id_ = shop.send(user, form="banner")
    page.route("**/events", lambda route: route.abort())
    page.goto(shop.page(user))
    with page.expect_event("requestfailed", lambda request: "dismissed" in request.post_data):
        page.locator(BOX).get_by_role("button", name="Close").click()
    page.unroute("**/events")
    assert id_ in shop.stays(user)
    shop.send(user)  # whatever comes next
    wait_until(lambda: id_ not in shop.stays(user))


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
        headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60,
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    until(page, "headwaterInApp.messages().length === 1")
    (message,) = page.evaluate("headwaterInApp.messages()")
    assert message["title"] == "From the API"
    # Its clicks are told by the client, so that no link leads through us.
    assert 'href="https://shop.example/"' in message["html"]


def test_the_template_of_the_guide_reaches_the_page(
    shop: Shop, tabs: Callable[..., Any], tmp_path: Path
) -> None:
    text = re.search(r"```yaml\n(kind: template\n.*?)```", GUIDE.read_text(), re.DOTALL)
    assert text is not None
    (tmp_path / "free_shipping.yaml").write_text(text[1])
    shop.serve.cli("apply", str(tmp_path), "--yes")
    user, page = shop.person(), tabs()
    page.goto(shop.page(user, "/cart"))
    answer = requests.post(
        f"{shop.serve.url}/v1/send/in_app",
        json={"transactional_message_id": "free_shipping", "identifiers": {"id": user}},
        headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60,
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    box = page.locator(BOX)
    box.get_by_role("heading", name="Hello, shipping is free today").wait_for()
    assert box.locator("strong").inner_text() == "everything"
    assert box.get_by_role("link", name="To the shop").get_attribute("href") == (
        "https://shop.example/"
    )
    box.get_by_role("button", name="Not now").click()
    box.wait_for(state="detached")
    wait_until(lambda: shop.stays(user) == [])
