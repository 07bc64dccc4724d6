"""Layouts and snippets in the console."""

from __future__ import annotations

import re
from typing import Any

import pytest

from cdp.store.defined import defining
from tests.console.factory import World, words
from tests.console.test_masking import viewer_of

LAYOUT = {"name": "Page", "body": "<html><body><h2>Top</h2>{{ content }}</body></html>"}
SNIPPET = {"name": "Address", "body": "Shop Ltd, {{ customer.city | default: 'Rome' }}"}
MJML = (
    "<mjml><mj-body><mj-section><mj-column><mj-text>Top</mj-text></mj-column></mj-section>"
    "{{ content }}</mj-body></mjml>"
)


@pytest.fixture
def shop(world: World) -> World:
    world.send(
        {"type": "identify", "userId": "ana", "traits": {"first_name": "Ana", "city": "Bari"}}
    )
    return world


def keep(world: World, kind: str, values: dict[str, str]) -> None:
    answer = world.admin().post(f"/messages/{kind}s/-new", **values)
    assert answer.status_code == 303, answer.text


def use(world: World, **more: str) -> None:
    body = {"channel": "email", "subject": "Hi", "body": "Dear {{ customer.first_name }}", **more}
    with world.store.write() as tx:
        defining.put(tx, 1, ("template", "hi"), body, "ana")


def body_of(world: World, kind: str, key: str) -> dict[str, Any]:
    with world.store.read() as tx:
        return dict(defining.find(tx, (kind, key)).body or {})


def tried(world: World, address: str, **form: str) -> str:
    browser = world.admin()
    data = {"csrf": browser.csrf(), "do": "preview", **form}
    answer = browser.client.post(address, data=data, headers={"HX-Request": "true"})
    assert answer.status_code == 200, answer.text
    return answer.text


def test_the_first_page_teaches(shop: World) -> None:
    for kind in ("layout", "snippet"):
        assert f"No {kind} yet" in shop.admin().page(f"/messages/{kind}s")
        assert f"Save {kind}" in shop.admin().page(f"/messages/{kind}s/-new")
        assert shop.admin().get(f"/messages/{kind}s/gone").status_code == 404


def test_a_layout_is_written_shown_around_a_message_and_listed_with_its_users(shop: World) -> None:
    keep(shop, "layout", LAYOUT)
    assert body_of(shop, "layout", "page")["body"] == LAYOUT["body"]
    page = shop.admin().page("/messages/layouts/page")
    assert "What a message says stands here" in page and "Top" in page
    use(shop, layout="page")
    page = shop.admin().page("/messages/layouts/page?shown_in=hi")
    assert "Dear Ana" in page and "a change changes all of them" in page
    assert "/messages/templates/hi" in shop.admin().page("/messages/layouts")
    assert "Dear Ana" in tried(shop, "/messages/layouts/page", shown_in="hi", **LAYOUT)
    # One of MJML has MJML in it.
    assert "What a message says stands here" in tried(shop, "/messages/layouts/-new", body=MJML)


def test_a_snippet_is_shown_by_itself_and_where_it_is_used(shop: World) -> None:
    keep(shop, "snippet", SNIPPET)
    assert "Shop Ltd, Bari" in shop.admin().page("/messages/snippets/address")
    use(shop, body="Bye {{ customer.first_name }}: {{ snippets.address }}")
    shown = tried(shop, "/messages/snippets/address", shown_in="hi", body="New Ltd")
    assert "Bye Ana: New Ltd" in shown


def test_what_is_wrong_stands_at_its_field_and_breaks_nothing(shop: World) -> None:
    answer = shop.admin().post("/messages/layouts/-new", name="Page", body="<p>no content</p>")
    assert answer.status_code == 422
    assert (
        "It does not say where messages go" in answer.text and "&lt;p&gt;no content" in answer.text
    )
    assert "It does not say where" in tried(shop, "/messages/layouts/-new", body="<p>x</p>")
    keep(shop, "snippet", SNIPPET)
    use(shop, body="{{ snippets.address }}")
    seen = re.search(r'name="seen" value="(\d+)"', shop.admin().page("/messages/snippets/address"))
    assert seen is not None
    answer = shop.admin().post(
        "/messages/snippets/address", seen=seen[1], body="{% if %}", name="A"
    )
    assert answer.status_code == 422 and body_of(shop, "snippet", "address")["name"] == "Address"
    stale = shop.admin().post("/messages/snippets/address", seen="0", body="x", name="A")
    assert stale.status_code == 422


def test_used_ones_stay_and_others_go_and_come_back(shop: World) -> None:
    keep(shop, "layout", LAYOUT)
    use(shop, layout="page")
    admin = shop.admin()
    admin.post("/messages/layouts/page/remove", confirm="page")
    assert body_of(shop, "layout", "page")
    assert "is used by the template hi" in admin.page("/messages/layouts/page/versions")
    use(shop)
    admin.post("/messages/layouts/page/remove", confirm="page")
    assert "removed" in admin.page("/messages/layouts/page")
    assert admin.post("/messages/layouts/page/versions", to="1").status_code == 303
    assert body_of(shop, "layout", "page")["body"] == LAYOUT["body"]


def test_versions_are_compared(shop: World) -> None:
    keep(shop, "snippet", SNIPPET)
    answer = shop.admin().post("/messages/snippets/address", seen="1", name="Address", body="New")
    assert answer.status_code == 303
    page = words(shop.admin().page("/messages/snippets/address/versions"))
    assert "New" in page and "Shop Ltd" in page


def test_a_language_of_its_own_is_added_shown_and_kept(shop: World) -> None:
    keep(shop, "snippet", SNIPPET)
    page = tried(shop, "/messages/snippets/address", edit="language:", new_language="pl", **SNIPPET)
    assert "Polish" in page
    form = {
        **SNIPPET,
        "seen": "1",
        "parts": "locales",
        "language": "pl",
        "locales.pl.body": "Sklep",
    }
    assert "Sklep" in tried(shop, "/messages/snippets/address", lang="pl", **form)
    assert shop.admin().post("/messages/snippets/address", **form).status_code == 303
    assert body_of(shop, "snippet", "address")["locales"] == {"pl": {"body": "Sklep"}}
    # A form without languages leaves them alone.
    shop.admin().post("/messages/snippets/address", seen="2", **SNIPPET, description="Ours")
    assert body_of(shop, "snippet", "address")["locales"] == {"pl": {"body": "Sklep"}}


def test_a_viewer_reads_and_changes_nothing(shop: World) -> None:
    keep(shop, "snippet", SNIPPET)
    viewer = viewer_of(shop)
    page = viewer.page("/messages/snippets/address")
    assert "Shop Ltd" in page and "Bari" not in page
    assert viewer.post("/messages/snippets/address", **SNIPPET).status_code == 403
