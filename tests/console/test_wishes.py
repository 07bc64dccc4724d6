"""What people want, in the console: a person's subscriptions, topics, suppressed addresses."""

from __future__ import annotations

import base64
import io
import re
from typing import Any

from cdp.store.defined import defining
from cdp.store.messages import branding, preferences
from tests.console.factory import Browser, World

PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


def suppressed(world: World) -> list[str | None]:
    with world.store.read() as tx:
        return [item.address for item in preferences.addresses(tx, 50)]


def said(admin: Browser, address: str, fields: dict[str, Any]) -> str:
    """The page after a form was sent."""
    send(admin, address, fields)
    return admin.page(address)


def send(admin: Browser, address: str, fields: dict[str, Any]) -> None:
    admin.client.post(address, data={"csrf": admin.csrf(), **fields})


def address_of(admin: Browser) -> str:
    found = re.search(r"/people/use_\w+", admin.page("/people?q=u1"))
    assert found is not None
    return found[0]


def test_a_topic_is_added_changed_archived_and_removed(admin: Browser) -> None:
    address = "/messages/topics"
    send(admin, address, {"key": "news", "name": "Weekly <b>news</b>", "version": "0"})
    page = admin.page(address)
    assert "Weekly &lt;b&gt;news&lt;/b&gt;" in page and "<b>news" not in page
    send(admin, address, {"key": "news", "name": "News", "default": "unsubscribed",
                         "archived": "1", "version": "1"})  # fmt: skip
    assert "people get it once they say so" in admin.page(address)
    stale = {"key": "news", "name": "Other", "version": "1"}
    assert "Nothing was changed" in said(admin, address, stale)
    bad = {"key": "No Key", "name": "x", "version": "0"}
    assert "Nothing was changed" in said(admin, address, bad)
    send(admin, address, {"key": "news", "what": "remove", "version": "2"})
    assert "No topics yet" in admin.page(address)


def test_who_is_asked_again_gets_a_template_with_the_link(world: World, admin: Browser) -> None:
    with world.store.write() as tx:
        for key, text in (("sale", "Buy"), ("sure", "[Yes]({{ trigger.confirm_url }})")):
            body = {"channel": "email", "subject": "Hi", "body": text}
            defining.put(tx, 1, ("template", key), body, "test")
    page = admin.page("/messages/topics")
    assert "with the template sure" in page and "with the template sale" not in page


def test_a_topic_has_names_in_other_languages_and_the_page_is_shown(admin: Browser) -> None:
    address = "/messages/topics"
    form = {"key": "news", "name": "News", "version": "0", "parts": "locales",
            "locale_code": ["de", "pt_br", ""], "locale_name": ["Neues", "Novas", ""],
            "locale_description": ["Jeden <b>Freitag</b>", "", ""]}  # fmt: skip
    send(admin, address, form)
    page = admin.page(f"{address}?lang=de")
    assert "Portuguese (Brazil)" in page and 'value="Neues"' in page
    assert "preview?lang=de" in page
    shown = admin.get(f"{address}/preview?lang=de")
    assert "Neues" in shown.text and "Speichern" in shown.text and "<b>Freitag" not in shown.text
    policy = shown.headers["Content-Security-Policy"]
    assert "frame-ancestors 'self'; sandbox" in policy and "script-src" not in policy
    assert "Novas" in admin.page(f"{address}/preview?lang=pt-BR")
    assert "News" in admin.page(f"{address}/preview?lang=pt")
    # A form without languages leaves them alone; an emptied row takes one away.
    send(admin, address, {"key": "news", "name": "New", "version": "1"})
    assert 'value="Neues"' in admin.page(address)
    nameless = {**form, "version": "2", "locale_code": ["", "", ""]}
    assert "Choose the language" in said(admin, address, nameless)
    send(admin, address, {**form, "version": "2", "locale_name": ["", "Novas", ""],
                          "locale_description": ["", "", ""]})  # fmt: skip
    assert "Neues" not in admin.page(address) and "Novas" in admin.page(address)


def test_the_pages_look_as_the_house_does(world: World, admin: Browser) -> None:
    logo = (io.BytesIO(PIXEL), "logo.gif")
    send(admin, "/messages/look", {"name": "Shop", "color": "#ffcc00", "logo": logo})
    with world.store.read() as tx:
        found = branding.load(tx)
    assert (found.name, found.color) == ("Shop", "#ffcc00")
    assert found.logo.startswith("data:image/gif;base64,")
    for wrong in ({"color": "red"}, {"logo": (io.BytesIO(b"<svg onload=x>"), "l.svg")},
                  {"logo": (io.BytesIO(PIXEL + b"x" * 70_000), "l.gif")}):  # fmt: skip
        send(admin, "/messages/look", {"name": "Other", **wrong})
    with world.store.read() as tx:
        assert branding.load(tx) == found


def test_addresses_are_added_found_and_lifted(world: World, admin: Browser) -> None:
    address = "/messages/suppressed"
    send(admin, address, {"channel": "email", "address": "Ana@example.org", "detail": "asked"})
    send(admin, address, {"channel": "email", "address": "no address"})
    assert suppressed(world) == ["ana@example.org"]
    assert "asked" in admin.page(address) and "begins so" in admin.page(f"{address}?q=zzz")
    send(admin, address, {"channel": "email", "address": "ana@example.org", "what": "lift"})
    assert suppressed(world) == []


def test_a_person_is_unsubscribed_and_subscribed_again(world: World, admin: Browser) -> None:
    world.send({"type": "identify", "userId": "u1", "messageId": "m1", "traits": {"name": "Ana"}})
    send(admin, "/messages/topics", {"key": "news", "name": "News", "version": "0"})
    person = address_of(admin)
    page = admin.page(f"{person}/messages")
    assert "What they want to get" in page and "Unsubscribe from News" in page
    send(admin, f"{person}/subscriptions", {"scope": "topic:news", "wanted": "no"})
    page = admin.page(f"{person}/messages")
    assert "Subscribe to News" in page and "by staff" in page
    send(admin, f"{person}/subscriptions", {"scope": "*", "wanted": "no"})
    assert "They want no messages at all" in admin.page(f"{person}/messages")
    send(admin, f"{person}/subscriptions", {"scope": "topic:none", "wanted": "no"})
    send(admin, f"{person}/subscriptions", {"scope": "*", "wanted": "yes"})
    assert "They want no messages at all" not in admin.page(f"{person}/messages")
