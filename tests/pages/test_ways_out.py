"""Ways out: a page that asks, one click that acts, choices that hold at once."""

from __future__ import annotations

from typing import Any

import pytest

from cdp.messaging.request import Flag
from cdp.pages.language import languages
from cdp.store.messages import preferences
from tests.pages.house import House

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def test_looking_never_unsubscribes(house: House) -> None:
    node = house.identify("u1")
    id_ = house.ask(node)
    for method in ("get", "head", "options"):
        for path in (house.links(id_).unsubscribe, house.links(id_).preferences):
            assert getattr(house.client, method)(path).status_code == 200
    assert house.wishes(node) == {}
    page = house.client.get(house.links(id_).unsubscribe)
    assert b"Unsubscribe from everything" in page.data
    assert b"u1@example.org" not in page.data and "u•••@e•••.org" in page.text
    assert "Set-Cookie" not in page.headers
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_one_click_acts_at_once_without_cookies_or_redirects(house: House) -> None:
    node = house.identify("u1")
    id_ = house.ask(node)
    answer = house.client.post(house.links(id_).unsubscribe, data=ONE_CLICK)
    assert answer.status_code == 200 and "Set-Cookie" not in answer.headers
    assert house.wishes(node) == {"*": False}
    house.settle()
    assert (house.state(id_), house.row(id_).reason) == ("undeliverable", "unsubscribed")
    assert house.row(id_).unsubscribed_at is not None


def test_one_click_takes_a_multipart_form_too(house: House) -> None:
    node = house.identify("u1")
    path = house.links(house.ask(node)).unsubscribe
    house.client.post(path, data=ONE_CLICK, content_type="multipart/form-data")
    assert house.wishes(node) == {"*": False}


def test_the_way_out_of_a_topic_is_the_topic(house: House) -> None:
    house.topic("news", name="Weekly news")
    node = house.identify("u1")
    about, other = house.ask(node, topic="news"), house.ask(node, topic="tips")
    assert "Weekly news" in house.client.get(house.links(about).unsubscribe).text
    house.client.post(house.links(about).unsubscribe, data=ONE_CLICK)
    house.client.post(house.links(about).unsubscribe, data=ONE_CLICK)
    assert house.wishes(node) == {"topic:news": False}
    house.settle()
    assert (house.state(about), house.state(other)) == ("undeliverable", "sent")
    fates = ("Email Sent", "Email Undeliverable")
    told = [body for body in house.told() if body["event"] not in fates]
    assert [body["event"] for body in told] == ["Subscription Preferences Changed", "Unsubscribed"]
    assert told[0]["properties"] == {
        "scope": "topic:news", "subscribed": False, "topic": "news", "cause": "one_click",
        "delivery_id": house.name(about),
    }  # fmt: skip
    assert told[1]["properties"]["list_id"] == "news"


def test_the_page_s_buttons_act_and_can_be_undone(house: House) -> None:
    house.topic("news")
    node = house.identify("u1")
    path = house.links(house.ask(node, topic="news")).unsubscribe
    done = house.client.post(path, data={"do": "topic"})
    assert done.status_code == 200 and house.wishes(node) == {"topic:news": False}
    house.client.post(path, data={"do": "undo", "scope": "topic:news"})
    assert house.wishes(node) == {"topic:news": True}
    house.client.post(path, data={"do": "everything"})
    assert house.wishes(node) == {"topic:news": True, "*": False}
    assert "Subscribe again" in house.client.get(path).text
    house.client.post(path, data={"do": "undo", "scope": "*"})
    assert house.wishes(node) == {"topic:news": True, "*": True}


def test_a_post_that_says_nothing_changes_nothing(house: House) -> None:
    node = house.identify("u1")
    path = house.links(house.ask(node)).unsubscribe
    for data in ({}, {"do": "what"}, {"List-Unsubscribe": "no"}):
        assert house.client.post(path, data=data).status_code == 400
    assert house.wishes(node) == {}
    assert house.client.post(path, data={"x": "a" * 70_000}).status_code == 413


def test_customer_io_s_call(house: House) -> None:
    node = house.identify("u1")
    path = house.links(house.ask(node, topic="news")).unsubscribe
    for body in ({"unsubscribe": False}, [], {"unsubscribe": "true"}):
        assert house.client.post(path, json=body).status_code == 400
    assert house.wishes(node) == {}
    answer = house.client.post(path, json={"unsubscribe": True})
    assert (answer.status_code, answer.json) == (200, {})
    assert house.wishes(node) == {"*": False}
    refused = house.client.post("/unsubscribe/nobody", json={"unsubscribe": True})
    assert refused.status_code == 400 and "errors" in refused.json["meta"]


def test_unsubscribing_from_everything_sets_the_trait_and_back(house: House) -> None:
    node = house.identify("u1")
    path = house.links(house.ask(node)).preferences
    for asked, expected in (("out", True), ("in", False)):
        house.client.post(path, data={"do": asked})
        house.emit()
        assert house.traits("u1")["unsubscribed"] is expected


def test_people_of_whom_only_an_address_is_known_are_told_of_too(house: House) -> None:
    house.put("identify", {"anonymousId": "a1", "traits": {"email": "only@example.org"}})
    with house.store.read() as tx:
        from cdp.store.messages import addressees
        from cdp.store.profiles import people
        from cdp.store.tables import USERS

        profile = people.resolve(tx, USERS, "email", "only@example.org")
        node = addressees.node_of(tx, profile.id)
    path = house.links(house.ask(node)).unsubscribe
    house.client.post(path, data=ONE_CLICK)
    assert {body.get("anonymousId") for body in house.told()} == {"a1"}


def test_a_stranger_s_address_is_left_alone_and_can_be_freed(house: House) -> None:
    id_ = house.ask(None, recipient="Guest <guest@example.org>")
    path = house.links(id_).unsubscribe
    house.client.post(path, data=ONE_CLICK)
    with house.store.read() as tx:
        found = preferences.why_suppressed(tx, "email", ["guest@example.org"])
    assert found == {"guest@example.org": "unsubscribed"}
    house.settle()
    assert house.state(id_) == "undeliverable"
    assert house.client.get(house.links(id_).preferences).status_code == 200
    house.client.post(path, data={"do": "undo"})
    with house.store.read() as tx:
        assert preferences.why_suppressed(tx, "email", ["guest@example.org"]) == {}


def test_the_preference_centre_keeps_what_was_chosen_differently(house: House) -> None:
    house.topic("news", name="News", description="Each week")
    house.topic("offers", default="unsubscribed")
    house.topic("old", archived=True)
    node = house.identify("u1", phone="+48600700800")
    path = house.links(house.ask(node)).preferences
    page = house.client.get(path).text
    assert "Each week" in page and "Old" not in page and "Text messages" in page
    shown = ["topic:news", "topic:offers", "channel:email", "channel:sms"]
    data: dict[str, Any] = {"do": "save", "shown": shown}
    house.client.post(path, data={**data, "on": ["topic:news", "channel:email", "channel:sms"]})
    assert house.wishes(node) == {}
    saved = house.client.post(path, data={**data, "on": ["topic:offers", "channel:email"]})
    assert "Your choices are saved." in saved.text
    assert house.wishes(node) == {"topic:news": False, "topic:offers": True, "channel:sms": False}


def test_what_was_not_shown_is_not_changed(house: House) -> None:
    house.topic("news")
    node = house.identify("u1")
    path = house.links(house.ask(node)).preferences
    house.client.post(path, data={"do": "save", "shown": ["topic:other", "*"], "on": []})
    assert house.wishes(node) == {}


def test_wrong_names_meet_one_friendly_page(house: House) -> None:
    name = house.name(house.ask(house.identify("u1")))
    wrong = name[:-1] + ("a" if name[-1] != "a" else "b")
    for place in ("unsubscribe", "preferences", "view"):
        for given in (wrong, "x", "ä", "a" * 3000, name + "a"):
            answer = house.client.get(f"/{place}/{given}")
            assert answer.status_code == 404 and "does not exist" in answer.text
    assert house.client.post(f"/unsubscribe/{wrong}", data=ONE_CLICK).status_code == 404
    assert house.client.post(f"/preferences/{wrong}", data={"do": "out"}).status_code == 404


def test_names_of_topics_are_text(house: House) -> None:
    house.topic("news", name="<script>alert(1)</script>", description="<b>{x}</b>")
    node = house.identify("u1")
    links = house.links(house.ask(node, topic="news"))
    for path in (links.unsubscribe, links.preferences):
        page = house.client.get(path).text
        assert "<script>" not in page and "<b>{" not in page and "&lt;script&gt;" in page
    assert "<script>" not in house.client.post(links.unsubscribe, data={"do": "topic"}).text


def test_a_message_in_a_browser_can_do_nothing(house: House) -> None:
    id_ = house.ask(house.identify("u1"))
    path = house.links(id_).view
    assert house.client.get(path).status_code == 404
    house.settle()
    assert house.client.get(path).text.count("Hello") >= 1
    from cdp.store.messages import copies

    with house.store.write() as tx:
        copies.keep(tx, {id_: {"html": "<p>Hi<script>alert(1)</script>"}}, 1)
    answer = house.client.get(path)
    assert answer.headers["Content-Security-Policy"].startswith("sandbox ")
    assert "allow-scripts" not in answer.headers["Content-Security-Policy"]
    assert "script-src" not in answer.headers["Content-Security-Policy"]


def test_pages_speak_the_person_s_language(house: House) -> None:
    german, other = house.identify("u1", locale="de_AT"), house.identify("u2")
    page = house.client.get(house.links(house.ask(german)).unsubscribe)
    assert "Von allem abmelden" in page.text and '<html lang="de">' in page.text
    path = house.links(house.ask(other)).unsubscribe
    asked = house.client.get(path, headers={"Accept-Language": "xx, pt-BR;q=0.8, en;q=0.5"})
    assert "Cancelar tudo" in asked.text
    assert "Everything" not in house.client.get(path + "?lang=pl").text
    assert "Zrezygnuj" in house.client.get(path + "?lang=pl").text


@pytest.mark.parametrize("code", sorted(languages()))
def test_each_language_says_all(code: str) -> None:
    import re

    english, words = languages()["en"].texts, languages()[code].texts
    assert list(words) == list(english)
    for key, text in words.items():
        assert text and re.findall(r"{\w+}", text) == re.findall(r"{\w+}", english[key]), key


def test_an_app_s_trait_takes_back_no_opt_out_and_its_opt_out_holds(house: House) -> None:
    node = house.identify("u1", unsubscribed=False)
    path = house.links(first := house.ask(node)).preferences
    house.client.post(path, data={"do": "out"})
    house.now += 60
    house.identify("u1", unsubscribed=False)
    house.settle()
    assert house.state(first) == "undeliverable"
    house.client.post(path, data={"do": "in"})
    house.emit()
    second = house.ask(node)
    house.settle()
    assert house.state(second) == "sent"
    house.now += 60
    house.identify("u1", unsubscribed="TRUE")
    third = house.ask(node)
    house.settle()
    assert house.state(third) == "undeliverable"


def test_customer_io_s_preferences_hold_where_nothing_was_said(house: House) -> None:
    noted = {"topics": {"topic_news": False, "tips": False}, "channels": {"sms": False}}
    node = house.identify("u1", cio_subscription_preferences=noted)
    ids = {topic: house.ask(node, topic=topic) for topic in ("news", "tips", "other")}
    house.settle()
    assert {topic: house.state(id_) for topic, id_ in ids.items()} == {
        "news": "undeliverable", "tips": "undeliverable", "other": "sent",
    }  # fmt: skip


def test_who_tries_a_template_out_does_not_decide_for_the_person(house: House) -> None:
    node = house.identify("u1")
    id_ = house.ask(node, recipient="me@example.org", flags=Flag.TEST)
    house.client.post(house.links(id_).unsubscribe, data=ONE_CLICK)
    assert house.wishes(node) == {}
    with house.store.read() as tx:
        found = preferences.why_suppressed(tx, "email", ["me@example.org", "u1@example.org"])
    assert found == {"me@example.org": "unsubscribed"}


def test_topics_are_called_as_people_call_them(house: House) -> None:
    locales = {
        "de": {"name": "Neuigkeiten", "description": "Jeden Freitag"},
        "pt-BR": {"name": "Novas"},
    }
    house.topic("news", name="News", description="Each Friday", locales=locales)
    id_ = house.ask(house.identify("u1"), topic="news")
    house.settle()
    links = house.links(id_)
    page = house.client.get(f"{links.preferences}?lang=de").text
    assert "Neuigkeiten" in page and "Jeden Freitag" in page
    assert "Novas" in house.client.get(f"{links.preferences}?lang=pt-BR").text
    assert "News" in house.client.get(f"{links.preferences}?lang=pt").text
    assert (
        "zu <strong>Neuigkeiten</strong>" in house.client.get(f"{links.unsubscribe}?lang=de").text
    )
