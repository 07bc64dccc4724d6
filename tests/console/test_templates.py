"""The console's templates: written, looked at as a real person, tried out, taken back."""

from __future__ import annotations

import re
from typing import Any

import pytest

from cdp.delivery.messages.compose import Prepared
from cdp.delivery.messages.letters import Letters
from cdp.messaging.request import Flag
from cdp.store.defined import defining
from cdp.store.messages import reads as message_reads
from cdp.store.messages.reads import Which
from tests.console.chromium import NEEDS_CHROMIUM, serving, tab
from tests.console.factory import World
from tests.console.test_masking import viewer_of

NEW = "/messages/templates/-new"
WELCOME = "/messages/templates/welcome"
FORM = {
    "channel": "email", "name": "Welcome", "subject": "Hello {{ customer.first_name }}",
    "format": "html", "body": "<p>Dear {{ customer.first_name }}</p><script>alert(1)</script>",
    "missing": "fail",
}  # fmt: skip


@pytest.fixture
def shop(world: World) -> World:
    for user, name in (("ana", "Ana"), ("bo", "Bo & <b>Co</b>")):
        traits = {"email": f"{user}@example.com", "first_name": name}
        world.send({"type": "identify", "userId": user, "traits": traits})
    world.send({"type": "identify", "userId": "nameless", "traits": {"plan": "pro"}})
    return world


def keep(world: World, **more: Any) -> None:
    answer = world.admin().post(NEW, **{**FORM, **more})
    assert answer.status_code == 303, answer.text
    assert answer.location == WELCOME


def body_of(world: World) -> dict[str, Any]:
    with world.store.read() as tx:
        return dict(defining.find(tx, ("template", "welcome")).body or {})


def seen_of(world: World) -> str:
    found = re.search(r'name="seen" value="(\d+)"', world.admin().page(WELCOME))
    assert found is not None
    return found.group(1)


def tried(world: World, **more: Any) -> str:
    browser = world.admin()
    form = {"csrf": browser.csrf(), **FORM, "do": "preview", **more}
    answer = browser.client.post(WELCOME, data=form, headers={"HX-Request": "true"})
    assert answer.status_code == 200, answer.text
    return answer.text


def deliveries(world: World) -> list[Any]:
    with world.store.read() as tx:
        return message_reads.newest(tx, Which(), 10)


def test_the_first_page_teaches_and_asks_which_way(shop: World) -> None:
    assert "No template yet" in shop.admin().page("/messages/templates")
    assert "channel=sms" in shop.admin().page(NEW)
    for channel in ("email", "sms", "push", "in_app", "webhook", "slack"):
        assert "Save template" in shop.admin().page(f"{NEW}?channel={channel}")
    assert shop.admin().post(NEW, channel="pigeon").status_code == 400


def test_one_is_saved_and_listed_with_its_users_and_counts(shop: World) -> None:
    keep(shop)
    assert body_of(shop)["subject"] == FORM["subject"]
    broadcast = {"name": "Sale", "who": "everybody", "template": "welcome", "when": "now"}
    assert shop.admin().post("/messages/broadcasts/-new", **broadcast).status_code == 303
    page = shop.admin().page("/messages/templates")
    assert "Welcome" in page
    assert "/messages/broadcasts/sale" in page
    with shop.store.write() as tx:
        again = {"trigger": {"event": "Came Back"}, "steps": [{"send": "welcome"}]}
        defining.put(tx, 1, ("journey", "again"), again, "ana")
        journey = {"trigger": {"event": "Signed Up"}, "steps": [{"send": "welcome"}]}
        defining.put(tx, 1, ("journey", "onboarding"), journey, "ana")
    page = shop.admin().page("/messages/templates")
    assert "/journeys/onboarding" in page and "and 1 more" in page


def test_it_is_shown_as_a_real_person_in_a_frame_that_runs_nothing(shop: World) -> None:
    keep(shop)
    page = tried(shop, person="ana@example.com")
    assert "Hello Ana" in page
    assert "<iframe" in page
    assert "sandbox srcdoc=" in page
    assert "<script>alert" not in page
    # Values stay text in the message, and the message stays text in the page.
    page = tried(shop, person="bo")
    assert "&amp;lt;b&amp;gt;Co" in page or "&amp;amp;" in page
    assert "<b>Co</b>" not in page


def test_people_are_leafed_through_and_what_one_lacks_is_said(shop: World) -> None:
    keep(shop)
    newest = tried(shop)
    assert "There is no message" in newest
    assert "first_name" in newest
    assert "Hello Bo" in tried(shop, go="next")
    person = re.search(r'id="f-person" name="person" value="(use_\w+)"', tried(shop, go="next"))
    assert person is not None
    assert "Hello Ana" in tried(shop, go="next", person=person.group(1))
    assert "There is no message" in tried(shop, go="previous", person=person.group(1))
    # What somebody types into the field meanwhile stays.
    assert "f-person" not in tried(shop, person="ana")
    assert "Nobody is called zoe" in tried(shop, person="zoe")


def test_dark_and_narrow_are_asked_for(shop: World) -> None:
    keep(shop)
    style = "<style>@media (prefers-color-scheme: dark) { p { color: red } }</style><p>a</p>"
    page = tried(shop, body=style, person="ana", dark="1", width="phone")
    assert "@media (min-width: 0)" in page
    assert "letter dark narrow" in page
    assert "@media (max-width: 0)" in tried(shop, body=style, person="ana")


def test_checks_and_variables_follow_what_is_typed(shop: World) -> None:
    keep(shop)
    page = tried(shop, body="<a href='#'>a</a> {{ customer.first_name }}", person="ana")
    assert "a link leads nowhere" in page
    assert "67" in page
    assert "of people have it" in page
    assert "They follow as you write." in shop.admin().page(f"{NEW}?channel=sms")
    page = tried(shop, body="{{ customer.first_name")
    assert "There is no message" in page
    assert "They follow once this is put right." in page


def test_without_a_script_the_page_comes_back_with_all_that_was_typed(shop: World) -> None:
    browser = shop.admin()
    answer = browser.post(NEW, **{**FORM, "do": "preview", "person": "ana", "key": "hi"})
    assert answer.status_code == 200
    assert "Hello Ana" in answer.text
    assert 'value="hi"' in answer.text
    assert "style-src 'self' 'unsafe-inline'" in answer.headers["Content-Security-Policy"]
    assert "script-src" not in answer.headers["Content-Security-Policy"]
    with shop.store.read() as tx:
        assert not defining.load(tx, "template")


def test_what_is_wrong_stands_at_its_field(shop: World) -> None:
    answer = shop.admin().post(NEW, **{**FORM, "subject": "", "body": "{% if %}"})
    assert answer.status_code == 422
    assert "Not saved yet" in answer.text
    assert "{% if %}" in answer.text


def test_a_change_keeps_what_the_form_does_not_show(shop: World) -> None:
    keep(shop)
    with shop.store.write() as tx:
        body = {**body_of(shop), "headers": {"X-Shop": "1"}, "locales": {"pt": {"subject": "Oi"}}}
        defining.put(tx, 1, ("template", "welcome"), body, "file")
    form = {**FORM, "subject": "Good day", "seen": seen_of(shop)}
    answer = shop.admin().post(WELCOME, **form)
    assert answer.status_code == 303, answer.text
    found = body_of(shop)
    assert (found["subject"], found["headers"]) == ("Good day", {"X-Shop": "1"})
    assert found["locales"] == {"pt": {"subject": "Oi"}}


def test_two_at_once_see_the_difference_and_lose_nothing(shop: World) -> None:
    keep(shop)
    seen = seen_of(shop)
    assert shop.admin().post(WELCOME, **{**FORM, "subject": "One", "seen": seen}).status_code == 303
    answer = shop.admin().post(WELCOME, **{**FORM, "subject": "Two", "seen": seen})
    assert answer.status_code == 422
    assert "has changed it since you opened it" in answer.text
    assert 'value="Two"' in answer.text
    assert body_of(shop)["subject"] == "One"


def test_versions_are_compared_and_taken_back(shop: World) -> None:
    keep(shop)
    changed = {**FORM, "subject": "One", "seen": seen_of(shop)}
    assert shop.admin().post(WELCOME, **changed).status_code == 303
    page = shop.admin().page(f"{WELCOME}/versions")
    first = min(int(n) for n in re.findall(r'name="to" value="(\d+)"', page))
    assert shop.admin().post(f"{WELCOME}/versions", to=str(first)).status_code == 303
    assert body_of(shop)["subject"] == FORM["subject"]
    shop.admin().post(f"{WELCOME}/remove", confirm="no")
    assert body_of(shop)
    shop.admin().post(f"{WELCOME}/remove", confirm="welcome")
    assert "removed" in shop.admin().page(WELCOME)


def test_a_test_is_sent_as_it_is_typed_and_counts_nowhere(shop: World) -> None:
    keep(shop)
    page = tried(shop, do="test", subject="Draft", person="ana", test_to="me@example.com")
    assert "The test is on its way" in page
    row = deliveries(shop)[0]
    assert (row.origin, row.recipient, row.template) == ("test", "me@example.com", "welcome")
    assert row.flags & Flag.TEST
    assert row.data["content"]["subject"] == "Draft"
    assert row.topic is None
    made = Letters(shop.store, shop.settings).compose([row], shop.now())[0]
    assert isinstance(made, Prepared), made
    assert (made.content.subject, made.content.to) == ("Draft", ("me@example.com",))
    assert "Dear Ana" in made.content.html


@pytest.mark.parametrize("to", ["", "me", "a@example.com,b@example.com"])
def test_a_test_goes_to_one_address_alone(shop: World, to: str) -> None:
    keep(shop)
    assert "No test was sent" in tried(shop, do="test", person="ana", test_to=to)
    assert "No test was sent" in tried(shop, do="test", person="zoe", test_to="me@example.com")
    assert deliveries(shop) == []


def test_a_viewer_reads_the_template_and_sees_nobody(shop: World) -> None:
    keep(shop)
    viewer = viewer_of(shop)
    page = viewer.page(WELCOME)
    assert "Dear {{ customer.first_name }}" in page
    assert "ana@example.com" not in page
    assert "<iframe" not in page
    assert "of people have it" in page
    assert viewer.post(WELCOME, **FORM).status_code == 403
    assert viewer.page("/messages/templates")
    assert viewer.page(f"{WELCOME}/versions")


@pytest.mark.browser
class TestInChromium:
    pytestmark = NEEDS_CHROMIUM

    def test_the_preview_follows_and_enter_beside_it_does_not_save(
        self, chromium: Any, shop: World
    ) -> None:
        keep(shop, body="<p>Dear {{ customer.first_name }}</p>")
        with serving(shop) as address, tab(chromium, address) as page:
            page.goto(WELCOME)
            page.get_by_label("Shown as the person").fill("ana@example.com")
            page.keyboard.press("Enter")
            letter = page.frame_locator("iframe.letter")
            letter.get_by_text("Dear Ana").wait_for()
            page.get_by_label("Message").fill("<p>Good day ")
            page.get_by_label("Put in a value").select_option(label="first_name")
            letter.get_by_text("Good day Ana").wait_for()
            page.get_by_role("button", name="Next person").click()
            page.get_by_text("Nobody").wait_for(state="detached")
            page.get_by_label("Email address for a test").fill("me@example.com")
            page.keyboard.press("Enter")
            page.get_by_text("The test is on its way").wait_for()
        assert "Dear" in body_of(shop)["body"]
        assert [row.recipient for row in deliveries(shop)] == ["me@example.com"]
