"""The form of a template beyond its body: languages, headers, fallbacks, buttons, samples."""

from __future__ import annotations

import re
from typing import Any

import pytest

from cdp.store.defined import defining
from cdp.store.messages import reads as message_reads
from cdp.store.messages.reads import Which
from tests.console.factory import World, words

FORMS: dict[str, dict[str, Any]] = {
    "email": {"subject": "Hi {{ customer.nick }}", "body": "Hello"},
    "in_app": {"title": "Hi", "body": "Hello"},
    "push": {"title": "Hi"},
    "sms": {"body": "Hi"},
    "webhook": {"url": "https://shop.example/hook"},
}
#: What the form has for few, by channel: as it is typed, and as it is kept.
EXTRAS: dict[str, dict[str, tuple[str, Any]]] = {
    "sms": {"media": ("https://i.example/a.png\r\n\r\nhttps://i.example/b.png",
                      ["https://i.example/a.png", "https://i.example/b.png"]),
            "utm": ("campaign: spring", {"campaign": "spring"})},
    "push": {"badge": ("0", 0), "sound": ("ping", "ping"), "ttl": ("1d", "1d"),
             "collapse_key": ("cart", "cart"), "data": ("screen: cart", {"screen": "cart"})},
    "in_app": {"pages": ("^/cart", ["^/cart"]), "priority": ("5", 5),
               "theme": ("accent: #1d5bc4", {"accent": "#1d5bc4"})},
    "webhook": {"headers": ("X-Shop: 1", {"X-Shop": "1"}),
                "save_response": ("plan: json.plan.name", {"traits": {"plan": "json.plan.name"}})},
}  # fmt: skip


@pytest.fixture
def shop(world: World) -> World:
    world.send(
        {"type": "identify", "userId": "ana", "traits": {"email": "ana@example.com"}},
        {"type": "track", "userId": "bo", "event": "Order Completed",
         "properties": {"total": 7, "of": "bo"}},
        {"type": "track", "userId": "ana", "event": "Order Completed",
         "properties": {"total": 42, "note": "<b>"}},
        {"type": "track", "userId": "bo", "event": "Song Played", "properties": {"title": "Aria"}},
    )  # fmt: skip
    return world


def save(world: World, channel: str = "email", address: str = "-new", **more: Any) -> Any:
    form = {"channel": channel, "name": "Hi", "missing": "fail", **FORMS[channel], **more}
    return world.admin().post(f"/messages/templates/{address}", **form)


def body_of(world: World) -> dict[str, Any]:
    with world.store.read() as tx:
        return dict(defining.find(tx, ("template", "hi")).body or {})


def tried(world: World, channel: str = "email", **more: Any) -> str:
    browser = world.admin()
    form = {"csrf": browser.csrf(), "channel": channel, "name": "Hi", "missing": "allow",
            "do": "preview", **FORMS[channel], **more}  # fmt: skip
    address = "/messages/templates/-new"
    answer = browser.client.post(address, data=form, headers={"HX-Request": "true"})
    assert answer.status_code == 200, answer.text
    return answer.text


def test_headers_and_fallbacks_are_lines(shop: World) -> None:
    parts = {"parts": ["headers", "fallbacks"]}
    more = {"headers": "X-Shop: 1\r\n\r\n X-Note : a: b ", "missing": "fallback",
            "fallbacks": "customer.nick: friend"}  # fmt: skip
    assert save(shop, **parts, **more).status_code == 303
    assert body_of(shop)["headers"] == {"X-Shop": "1", "X-Note": "a: b"}
    assert body_of(shop)["fallbacks"] == {"customer.nick": "friend"}
    page = shop.admin().page("/messages/templates/hi")
    assert "X-Shop: 1\nX-Note: a: b" in page and "Hi friend" in page
    # Emptied, they are gone.
    assert save(shop, address="hi", seen="1", **parts).status_code == 303
    assert not {"headers", "fallbacks"} & set(body_of(shop))


def test_what_few_need_is_kept_as_it_is_typed_and_shown_again(shop: World) -> None:
    for channel, extras in EXTRAS.items():
        typed = {name: text for name, (text, _) in extras.items()}
        form = {"parts": list(extras), **typed, "name": channel, "key": f"hi_{channel}"}
        answer = save(shop, channel, **form)
        assert answer.status_code == 303, (channel, words(answer.text))
        with shop.store.read() as tx:
            found = defining.find(tx, ("template", f"hi_{channel}"))
        assert {n: (found.body or {})[n] for n in extras} == {n: v for n, (_, v) in extras.items()}
        page = shop.admin().page(f"/messages/templates/hi_{channel}")
        assert all(text.split("\r\n")[0] in page for text in typed.values()), channel
    answer = save(shop, "push", parts=["badge"], badge="many")
    assert answer.status_code == 422 and 'value="many"' in answer.text
    assert save(shop, parts=["tracked"], tracked="no").status_code == 303
    assert body_of(shop)["tracked"] is False
    assert "selected>Not counted" in shop.admin().page("/messages/templates/hi")
    assert save(shop, address="hi", seen="1", parts=["tracked"], tracked="").status_code == 303
    assert "tracked" not in body_of(shop)


def test_the_values_without_a_default_are_listed(shop: World) -> None:
    page = tried(shop, edit="fallbacks", parts=["fallbacks"], fallbacks="customer.x: y")
    assert "customer.x: y\ncustomer.nick: " in page
    assert '<option value="fallback" selected>' in page


def test_a_line_that_is_none_stays_as_it_was_typed(shop: World) -> None:
    answer = save(shop, parts=["headers"], headers="X-Shop: 1\nnonsense")
    assert answer.status_code == 422
    assert "Line 2 is no name with a colon and a text: nonsense" in answer.text
    assert "X-Shop: 1\nnonsense" in answer.text
    answer = save(shop, parts=["headers"], headers="Subject: other")
    assert "Subject: The channel writes this header." in words(answer.text)


def test_a_language_says_some_and_leaves_the_rest(shop: World) -> None:
    more = {"parts": ["locales"], "language": ["pt", "de"], "locales.pt.subject": "Oi"}
    assert save(shop, **more).status_code == 303
    assert body_of(shop)["locales"] == {"pt": {"subject": "Oi"}}
    page = tried(shop, lang="pt", **more)
    assert '<dd class="plain">Oi</dd>' in page
    assert "Oi" not in tried(shop, **more)
    answer = save(shop, **{**more, "locales.pt.subject": "{% if %}", "name": "Other"})
    assert answer.status_code == 422 and "pt.subject" in answer.text


@pytest.mark.parametrize(
    ("body", "said"),
    [("<mjml><mj-body></mj-body></mjml>", "MJML"), ("<div>Hi</div>", "HTML"), ("Hi", "Markdown")],
)
def test_a_format_that_the_body_shows_is_named_when_it_is_opened_again(
    shop: World, body: str, said: str
) -> None:
    assert save(shop, body=body, format=said.lower()).status_code == 303
    page = shop.admin().get("/messages/templates/hi").text
    assert "format" not in body_of(shop) and f">As it looks: {said}</option>" in page


def test_buttons_of_in_app_messages_are_rows(shop: World) -> None:
    rows = {"parts": ["buttons", "locales"], "buttons.0.text": "Look", "buttons.0.link": "/new",
            "buttons.0.action": "", "buttons.1.text": "", "buttons.1.link": "",
            "buttons.1.action": ""}  # fmt: skip
    assert save(shop, "in_app", **rows).status_code == 303
    assert body_of(shop)["buttons"] == [{"text": "Look", "link": "/new"}]
    page = tried(shop, "in_app", edit="add:button:buttons", **rows)
    assert 'name="buttons.2.text"' in page
    assert 'value="Look"' in page
    page = tried(shop, "in_app", edit="remove:buttons.0", **rows)
    assert 'value="Look"' not in page


def test_the_data_of_an_event_is_typed_or_taken_from_a_real_one(shop: World) -> None:
    say = {"subject": "{{ event.total }} {{ event.note }} {{ trigger.code }} {{ event_name }}"}
    page = tried(shop, **say, sample_event='{"total": 5}', sample_trigger='{"code": "X"}')
    assert '<dd class="plain">5  X </dd>' in page or "5 X" in words(page)
    # The person's own is nearer than a newer one of somebody else.
    page = tried(shop, **say, person="ana@example.com", go="event", sample_name="Order Completed")
    assert "42 &lt;b&gt; Order Completed" in re.sub(r"\s+", " ", page)
    assert "&#34;total&#34;: 42" in page and 'id="sample-event" hx-swap-oob' in page
    page = tried(shop, **say, person="ana@example.com", go="event", sample_name="Song Played")
    assert "Aria" in page
    assert "No event Gone was seen lately." in tried(shop, go="event", sample_name="Gone")


def test_data_that_is_no_object_is_said(shop: World) -> None:
    for text, fault in (("{", "is no JSON, line 1"), ("[1]", "is no object")):
        page = tried(shop, sample_event=text)
        assert f"The data of the event {fault}" in page
        page = tried(shop, do="test", test_to="me@example.com", sample_trigger=text)
        assert f"The data of the trigger {fault}" in page


def test_it_is_said_if_the_person_gets_it_in_another_language(shop: World) -> None:
    oi = {"parts": ["locales"], "language": "pt", "locales.pt.subject": "Oi"}
    assert "would get it; they get it in the usual language" in tried(shop, lang="pt", **oi)
    assert "they get it in" not in tried(shop, lang="", **oi)
    shop.send({"type": "identify", "userId": "bo", "traits": {"language": "pt-BR"}})
    assert "they get it in Portuguese" in tried(shop, lang="", person="user_id:bo", **oi)


def test_a_test_is_sent_with_the_data_and_in_the_language(shop: World) -> None:
    tried(
        shop, do="test", test_to="me@example.com", lang="pt", sample_name="Order Completed",
        sample_event='{"total": 5}', sample_trigger='{"code": "X"}', parts=["locales"],
        language="pt", **{"locales.pt.subject": "Oi"},
    )  # fmt: skip
    with shop.store.read() as tx:
        data = message_reads.newest(tx, Which(), 1)[0].data
    assert data["event"] == {"event": "Order Completed", "properties": {"total": 5}}
    assert (data["trigger"], data["language"]) == ({"code": "X"}, "pt")
