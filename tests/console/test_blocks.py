"""Emails of blocks in the console: put together by buttons, with and without a script."""

from __future__ import annotations

import re
from typing import Any

import pytest

from cdp.console.messages.block_form import carry_out, read_blocks
from cdp.delivery.messages.compose import Prepared
from cdp.delivery.messages.letters import Letters
from cdp.store.defined import defining
from cdp.store.messages import reads as message_reads
from cdp.store.messages.reads import Which
from tests.console.chromium import NEEDS_CHROMIUM, serving, tab
from tests.console.factory import World, words

NEW = "/messages/templates/-new"
NEWS = "/messages/templates/news"
FORM = {
    "channel": "email", "name": "News", "subject": "News", "missing": "fail",
    "parts": ["locales", "blocks", "fallbacks", "headers"],
    "blocks.0.type": "heading", "blocks.0.text": "Hello {{ customer.first_name }}",
    "blocks.0.level": "2",
    "blocks.1.type": "columns",
    "blocks.1.left.0.type": "text", "blocks.1.left.0.text": "One\r\n\r\nTwo",
    "blocks.1.right.0.type": "image", "blocks.1.right.0.src": "https://i.example/a.png",
    "blocks.1.right.0.width": "120",
    "blocks.2.type": "footer", "blocks.2.unsubscribe": "Leave",
    "theme.color": "#ffcc00",
}  # fmt: skip
BLOCKS = [
    {"type": "heading", "text": "Hello {{ customer.first_name }}", "level": 2},
    {"type": "columns", "left": [{"type": "text", "text": "One\n\nTwo"}],
     "right": [{"type": "image", "src": "https://i.example/a.png", "width": 120}]},
    {"type": "footer", "unsubscribe": "Leave"},
]  # fmt: skip


@pytest.fixture
def shop(world: World) -> World:
    traits = {"email": "ana@example.com", "first_name": "Ana"}
    world.send({"type": "identify", "userId": "ana", "traits": traits})
    return world


def body_of(world: World, key: str = "news") -> dict[str, Any]:
    with world.store.read() as tx:
        return dict(defining.find(tx, ("template", key)).body or {})


def tried(world: World, address: str = NEW, **more: Any) -> str:
    browser = world.admin()
    form = {"csrf": browser.csrf(), **FORM, **more}
    answer = browser.client.post(address, data=form, headers={"HX-Request": "true"})
    assert answer.status_code == 200, answer.text
    return answer.text


def types_in(page: str) -> list[str]:
    return re.findall(r'name="blocks\.\d+\.type" value="(\w+)"', page)


def test_what_is_put_together_is_kept_and_shown_again(shop: World) -> None:
    assert "Email, put together from blocks" in shop.admin().page(NEW)
    assert types_in(shop.admin().page(f"{NEW}?channel=email&with=blocks")) == [
        "heading", "text", "footer",
    ]  # fmt: skip
    answer = shop.admin().post(NEW, **FORM)
    assert answer.status_code == 303, answer.text
    assert body_of(shop)["blocks"] == BLOCKS
    assert body_of(shop)["theme"] == {"color": "#ffcc00"}
    page = shop.admin().page(NEWS)
    assert types_in(page) == ["heading", "columns", "footer"]
    assert "Hello Ana" in page and "One\n\nTwo" in page
    seen = re.search(r'name="seen" value="(\d+)"', page)
    assert seen is not None
    # Saved again as it stands, nothing changes; taken away, they are gone.
    assert shop.admin().post(NEWS, seen=seen[1], **FORM).status_code == 303
    assert body_of(shop)["blocks"] == BLOCKS


def test_buttons_move_copy_remove_and_add_and_say_so(shop: World) -> None:
    page = tried(shop, edit="up:blocks.2")
    assert types_in(page) == ["heading", "footer", "columns"]
    assert "It is number 2 of 3 now." in page
    assert re.search(r'value="up:blocks\.1"[^>]*autofocus', page)
    assert types_in(tried(shop, edit="copy:blocks.0"))[:2] == ["heading", "heading"]
    assert types_in(tried(shop, edit="remove:blocks.1")) == ["heading", "footer"]
    added = tried(shop, edit="add:button:blocks.1.left")
    assert 'name="blocks.1.left.1.type" value="button"' in added
    assert re.search(r'id="f-blocks\.1\.left\.1\.text"[^>]*autofocus', added)
    # At its end the other button goes on.
    assert re.search(r'value="down:blocks\.0"[^>]*autofocus', tried(shop, edit="up:blocks.1"))
    with shop.store.read() as tx:
        assert not defining.load(tx, "template")


def test_without_a_script_a_button_gives_the_whole_page_back(shop: World) -> None:
    answer = shop.admin().post(NEW, **{**FORM, "edit": "down:blocks.0"})
    assert answer.status_code == 200
    assert types_in(answer.text) == ["columns", "heading", "footer"]
    assert "<h1>New email</h1>" in answer.text and "It is number 2 of 3 now." in answer.text


def test_an_order_of_a_block_that_is_gone_changes_nothing(shop: World) -> None:
    for order in ("up:blocks.9", "remove:blocks.x", "copy:blocks."):
        assert types_in(tried(shop, edit=order)) == ["heading", "columns", "footer"], order


def test_an_order_that_there_is_not_is_refused(shop: World) -> None:
    for order in ("add:carousel:blocks", "up:name.0", "jump:blocks.0", "add:text:name"):
        assert shop.admin().post(NEW, **{**FORM, "edit": order}).status_code == 400, order
    assert shop.admin().post(NEW, **{**FORM, "blocks.0.type": "carousel"}).status_code == 400


def test_an_unfinished_block_is_said_and_the_rest_is_shown(shop: World) -> None:
    page = tried(shop, do="preview", **{"blocks.0.text": ""})
    assert "Block 1 (heading) needs a text" in page
    assert "iframe" in page and "Two" in page
    answer = shop.admin().post(NEW, **{**FORM, "blocks.0.text": ""})
    assert answer.status_code == 422
    assert "Block 1 (heading) needs a text." in words(answer.text)
    assert types_in(answer.text) == ["heading", "columns", "footer"]


def test_it_is_written_as_mjml_and_saved_as_that(shop: World) -> None:
    page = tried(shop, edit="mjml")
    assert not types_in(page) and "&lt;mj-body" in page and "{% unsubscribe_url %}" in page
    assert "not saved yet" in page
    body = re.search(r'<textarea class="body" id="f-body"[^>]*>\n(.*?)</textarea>', page, re.DOTALL)
    assert body is not None
    import html

    form = {name: value for name, value in FORM.items() if not name.startswith("blocks.")}
    form |= {"parts": ["locales"], "body": html.unescape(body[1]), "format": "mjml"}
    assert shop.admin().post(NEW, **FORM).status_code == 303
    seen = re.search(r'name="seen" value="(\d+)"', shop.admin().page(NEWS))
    assert seen is not None
    answer = shop.admin().post(NEWS, **{**form, "seen": seen[1]})
    assert answer.status_code == 303, answer.text
    assert "blocks" not in body_of(shop) and "theme" not in body_of(shop)
    assert "Hello Ana" in shop.admin().page(NEWS)


def test_a_test_says_what_the_form_says_and_nothing_of_what_was_saved(shop: World) -> None:
    assert shop.admin().post(NEW, **{**FORM, "preheader": "Old"}).status_code == 303
    sent = {
        "channel": "email", "name": "News", "subject": "News", "missing": "fail", "do": "test",
        "body": "Only **this**", "test_to": "me@example.com", "person": "ana",
    }  # fmt: skip
    browser = shop.admin()
    browser.client.post(NEWS, data={"csrf": browser.csrf(), **sent})
    with shop.store.read() as tx:
        row = message_reads.newest(tx, Which(), 1)[0]
    made = Letters(shop.store, shop.settings).compose([row], shop.now())[0]
    assert isinstance(made, Prepared), made
    assert "Only <strong>this</strong>" in made.content.html
    assert "Old" not in made.content.html and "Leave" not in made.content.html


def test_a_language_translates_the_blocks(shop: World) -> None:
    page = tried(shop, edit="language:", new_language="pt-br")
    assert 'name="language" value="pt-BR"' in page and "Portuguese (Brazil)" in page
    assert "It shows the blocks of the usual language." in page
    page = tried(shop, edit="own-blocks:pt-BR", language="pt-BR")
    assert 'name="locales.pt-BR.blocks.0.type" value="heading"' in page
    own = {"language": "pt-BR", "parts": [*FORM["parts"], "locales.pt-BR.blocks"],
           "locales.pt-BR.subject": "Novas", "locales.pt-BR.blocks.0.type": "text",
           "locales.pt-BR.blocks.0.text": "Olá"}  # fmt: skip
    assert shop.admin().post(NEW, **{**FORM, **own}).status_code == 303
    said = {"subject": "Novas", "blocks": [{"type": "text", "text": "Olá"}]}
    assert body_of(shop)["locales"] == {"pt-BR": said}
    assert "Olá" in tried(shop, NEWS, do="preview", lang="pt-BR", **own)
    assert "Hello Ana" in tried(shop, NEWS, do="preview", lang="", **own)
    assert "is no language" in tried(shop, edit="language:", new_language="portuguese!")


def test_forms_are_read_no_further_than_they_go() -> None:
    many = {f"blocks.{n}.type": "divider" for n in range(500)}
    assert len(read_blocks(many, "blocks")) == 60
    values: dict[str, Any] = {"blocks": [{"type": "divider"}] * 50}
    assert carry_out(values, "add:text:blocks").said == "There can't be more."
    assert len(values["blocks"]) == 50


@pytest.mark.browser
class TestInChromium:
    pytestmark = NEEDS_CHROMIUM

    def test_a_mail_is_put_together_by_keyboard_alone(self, chromium: Any, shop: World) -> None:
        with serving(shop) as address, tab(chromium, address) as page:
            page.goto(f"{NEW}?channel=email&with=blocks")
            page.get_by_label("Name", exact=True).fill("News")
            page.get_by_label("Subject").fill("News")
            page.get_by_role("group", name="Add a block").get_by_role(
                "button", name="Button"
            ).focus()
            page.keyboard.press("Enter")
            page.locator("#f-blocks\\.3\\.text:focus").wait_for()
            page.keyboard.type("Buy")
            page.keyboard.press("Tab")
            page.keyboard.type("https://shop.example/buy")
            page.get_by_role("button", name="Move block 4, button, up").focus()
            page.keyboard.press("Enter")
            page.locator("button[value='up:blocks.2']:focus").wait_for()
            letter = page.frame_locator("iframe.letter")
            letter.get_by_role("link", name="Buy").wait_for()
            # A reload keeps what was put together.
            page.reload()
            page.locator("#f-blocks\\.2\\.link").wait_for()
            page.get_by_label("Name", exact=True).press("Enter")
            page.wait_for_url("**/messages/templates/news")
        assert [block["type"] for block in body_of(shop)["blocks"]] == [
            "heading", "text", "button", "footer",
        ]  # fmt: skip
