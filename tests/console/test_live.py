from __future__ import annotations

import re

from tests.console.factory import KEY, Browser, World, words

ANA = {
    "type": "identify",
    "userId": "u1",
    "traits": {"name": "Ana", "email": "ana@example.com"},
}


def order(user: str = "u1", **properties: object) -> dict[str, object]:
    return {
        "type": "track",
        "userId": user,
        "event": "Order Completed",
        "properties": {"total": 42, **properties},
    }


def events(html: str) -> list[str]:
    return re.findall(r'<a data-main data-drawer="\d+"[^>]*>([^<]*)<', html)


def test_an_empty_stream_teaches_the_snippet_with_the_real_key(admin: Browser) -> None:
    text = admin.page("/live")
    assert "No events yet" in text
    assert KEY in text


def test_events_are_listed_newest_first_with_their_person(world: World, admin: Browser) -> None:
    world.send(ANA, order())
    text = admin.page("/live")
    assert events(text) == ["Order Completed", "Identify"]
    assert re.search(r'<a href="/people/use_[a-z0-9]+">Ana</a>', text)
    assert "total: 42" in text


def test_the_account_row_of_a_group_call_is_not_shown_twice(world: World, admin: Browser) -> None:
    world.send({"type": "group", "userId": "u1", "groupId": "acme", "traits": {"name": "Acme"}})
    assert events(admin.page("/live")) == ["Group"]


def test_the_filter_is_in_the_address(world: World, admin: Browser) -> None:
    world.send(ANA, order(), {"type": "page", "userId": "u2", "name": "Pricing"})
    assert events(admin.page("/live?type=page")) == ["Pricing"]
    assert events(admin.page("/live?name=Order+Completed")) == ["Order Completed"]
    assert events(admin.page("/live?source=default&type=identify")) == ["Identify"]
    assert events(admin.page("/live?source=unknown")) == []
    assert "No event fits" in admin.page("/live?name=Never")
    assert 'value="Never"' in admin.page("/live?name=Never")


def test_a_search_finds_a_persons_events_by_any_identifier(world: World, admin: Browser) -> None:
    world.send(ANA, order(), order("u2"))
    assert events(admin.page("/live?q=ana@example.com")) == ["Order Completed", "Identify"]


def test_a_condition_filters_and_is_told_in_words(world: World, admin: Browser) -> None:
    world.send(ANA, order(total=60), order(total=20), order("u2", total=70))
    page = admin.page("/live?filter=properties.total > 50")
    assert len(events(page)) == 2 and "total is more than 50" in page
    assert 'value="properties.total &gt; 50"' in page
    both = "/live?filter=properties.total > 50&q=ana@example.com&type=track"
    assert len(events(admin.page(both))) == 1
    rows = admin.get("/live/rows?filter=properties.total > 50&after=1")
    assert rows.text.count("<tr") == 2
    wrong = admin.page("/live?filter=properties.total >")
    assert events(wrong) == [] and "Line 1, column 19: the condition ends here" in words(wrong)
    assert admin.get("/live/rows?filter=properties.total >&after=0").status_code == 204


def test_a_search_finds_text_in_bodies(world: World, admin: Browser) -> None:
    world.send(order(note='the "Blue" lamp'), order(note="a chair"))
    assert len(events(admin.page("/live?q=%22blue%22 lamp"))) == 1
    assert events(admin.page("/live?q=sofa")) == []


def test_new_rows_come_after_the_last_seen_position(world: World, admin: Browser) -> None:
    world.send(ANA)
    text = admin.page("/live")
    after = re.search(r'data-after="(\d+)"', text)
    assert after is not None
    nothing = admin.get(f"/live/rows?after={after.group(1)}")
    assert (nothing.status_code, nothing.headers["X-After"]) == (204, after.group(1))
    world.send(order())
    fresh = admin.get(f"/live/rows?after={after.group(1)}")
    assert events(fresh.text) == ["Order Completed"]
    assert int(fresh.headers["X-After"]) > int(after.group(1))
    other = admin.get(f"/live/rows?after={after.group(1)}&type=page")
    assert other.status_code == 204


def test_older_events_are_a_page_further(world: World, admin: Browser) -> None:
    world.send(*(order(n=n) for n in range(120)))
    text = admin.page("/live")
    seen = events(text)
    while found := re.search(r'href="(/live\?before=\d+)">Older', text):
        text = admin.page(found.group(1))
        assert "data-live=" not in text  # only the newest page streams
        seen += events(text)
    assert len(seen) == 120


def test_an_event_has_an_address_of_its_own(world: World, admin: Browser) -> None:
    world.send(ANA, order(deep={"list": [1, True, None]}))
    text = words(admin.page("/live/events/2"))
    assert "Order Completed" in text and "&#34;total&#34; : 42" in text
    piece = admin.get("/live/events/2", **{"HX-Request": "true"}).text
    assert "<html" not in piece and "Where it went" in piece
    assert "Where it went" in admin.page("/live?open=2")
    assert "Where it went" not in admin.page("/live?open=99")
    assert admin.get("/live/events/99").status_code == 404
    assert admin.get("/live/events/99999999999999999999").status_code == 404


def test_refused_messages_are_grouped_and_show_the_body_as_sent(
    world: World, admin: Browser
) -> None:
    assert "Nothing was refused" in admin.page("/live/rejected")
    world.send({"type": "track", "event": "X"}, {"type": "track", "event": "Y"}, {"type": "odd"})
    world.send_raw("track", b'{"broken\xff')
    text = admin.page("/live/rejected")
    assert "Names nobody no_user_anon_id 2" in words(text)
    assert "unknown_type" in text and "invalid_json" in text
    only = admin.page("/live/rejected?code=unknown_type")
    assert only.count('data-drawer="') == 1
    body = admin.page("/live/rejected/4")
    assert "{&#34;broken\ufffd" in body
    assert admin.get("/live/rejected/99").status_code == 404


def test_a_test_event_goes_the_way_of_every_event(world: World, admin: Browser) -> None:
    response = admin.post("/live/test", next="/live")
    assert response.location == "/live"
    world.drain()
    assert events(admin.page("/live")) == ["Test Event"]


def test_a_test_event_needs_an_enabled_source(world: World, admin: Browser) -> None:
    admin.post("/connections/sources/default", what="disable")
    admin.post("/live/test")
    assert "no enabled source" in admin.page("/live")


HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


def test_hostile_names_and_values_are_only_text(world: World, admin: Browser) -> None:
    world.send(
        {"type": "track", "userId": HOSTILE, "event": HOSTILE, "properties": {HOSTILE: HOSTILE}},
        {"type": "identify", "userId": HOSTILE, "traits": {"name": HOSTILE, HOSTILE: [HOSTILE]}},
        {"type": "group", "userId": HOSTILE, "groupId": HOSTILE, "traits": {HOSTILE: HOSTILE}},
        {"type": HOSTILE, "userId": HOSTILE, "event": HOSTILE},
    )
    person = re.search(r"/people/use_[a-z0-9]+", admin.page("/people"))
    assert person is not None
    pages = [
        "/live",
        "/live?open=1",
        "/live/rows?after=0",
        "/live/events/1",
        "/live/events/2",
        "/live/rejected?open=1",
        "/live/rejected/1",
        "/people",
        "/people?kind=accounts",
        "/find?q=%22%3E",
        "/live?q=%22%3E%3Cscript%3E",
        "/people?q=%22%3E%3Cscript%3E",
        *(f"{person.group(0)}{tab}" for tab in ("", "/traits", "/identifiers", "/accounts")),
        f"{person.group(0)}/links",
    ]
    for address in pages:
        text = admin.page(address)
        assert "<script>alert" not in text, address
        assert "<img" not in text, address


def test_what_the_address_carries_is_only_text(admin: Browser) -> None:
    for address in (
        "/live?q=%3Cscript%3Ealert(1)%3C/script%3E&name=%22%3E%3Cscript%3Ealert(1)",
        "/live/rejected?code=%3Cscript%3Ealert(1)",
        "/settings/activity?kind=%3Cscript%3Ealert(1)",
        "/live?before=abc&open=xyz",
    ):
        assert "<script>alert" not in admin.page(address)


def test_one_persons_events_can_be_narrowed_to_a_text(world: World, admin: Browser) -> None:
    world.send(
        {"type": "track", "userId": "u1", "event": "Search", "properties": {"for": "lamp"}},
        {"type": "track", "userId": "u1", "event": "Search", "properties": {"for": "shelf"}},
        {"type": "track", "userId": "u2", "event": "Search", "properties": {"for": "lamp"}},
    )
    assert len(events(admin.page("/live?person=u1"))) == 2
    page = admin.page("/live?person=u1&q=lamp")
    assert len(events(page)) == 1
    assert "Only events of u1" in words(page)
    assert events(admin.page("/live?person=nobody")) == []


def test_an_event_of_another_day_says_so(world: World, admin: Browser) -> None:
    world.send({"type": "track", "userId": "u1", "event": "X", "timestamp": "2024-02-03T04:05:06Z"})
    assert "3 Feb 2024 04:05:06" in words(admin.page("/live"))


def test_a_mistyped_address_shows_a_page_to_people_only(world: World, admin: Browser) -> None:
    page = admin.get("/nothing/here", Accept="text/html")
    assert (page.status_code, "There is nothing at this address" in page.text) == (404, True)
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    assert "Live" in page.text
    assert "Live" not in world.client().get("/nothing/here", Accept="text/html").text
    assert "Headwater" not in admin.get("/nothing/here", Accept="*/*").text
    assert "Headwater" not in admin.get("/v1/nothing", Accept="text/html").text


def test_the_palette_finds_events_and_offers_actions(world: World, admin: Browser) -> None:
    world.send({"type": "track", "userId": "u1", "event": "Order Completed"})
    assert "/catalogue/event?type=track&amp;name=Order+Completed" in admin.page("/find?q=order")
    assert "data-post" in admin.page("/find?q=test event")


def test_a_page_of_the_console_that_is_missing_says_what_is_missing(admin: Browser) -> None:
    assert "Nobody has this id" in admin.get("/people/nobody").text
    assert "Headwater" in admin.get("/people/nobody").text
