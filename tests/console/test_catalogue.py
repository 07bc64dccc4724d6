"""The catalogue's pages."""

from __future__ import annotations

import re
from typing import Any

from cdp.store import config_rows
from tests.console.factory import Browser, World, words


def buy(number: int, **properties: Any) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "Order Completed",
        "userId": f"u{number}",
        "properties": {"total": 10 + number, "currency": "EUR", **properties},
        "context": {"page": {"path": "/cart"}},
    }


def rows_of(page: str) -> list[str]:
    return re.findall(r"<a data-main [^>]*>([^<]*)<", page)


def test_an_empty_catalogue_says_how_it_fills(admin: Browser) -> None:
    for address in ("/catalogue", "/catalogue/traits", "/catalogue/context"):
        assert re.search("Nothing seen yet|No traits yet", admin.page(address)), address


def test_events_are_listed_with_volume_share_and_source(world: World, admin: Browser) -> None:
    world.send(*(buy(n) for n in range(3)), {"type": "page", "name": "Home", "userId": "u1"})
    page = admin.page("/catalogue")
    text = words(page)
    assert "Order Completed track" in text and "3 75 % Default" in text
    assert "Home page" in text and "1 25 % Default" in text
    assert rows_of(page) == ["Order Completed", "Home"]
    assert rows_of(admin.page("/catalogue?sort=name")) == ["Home", "Order Completed"]
    assert "Order Completed" not in admin.page("/catalogue?type=page")


def test_a_search_finds_names_and_properties_and_answers_with_the_list(
    world: World, admin: Browser
) -> None:
    world.send(buy(1, coupon="x"), {"type": "page", "name": "Home", "userId": "u1"})
    piece = admin.get("/catalogue?q=COUP", **{"HX-Request": "true", "HX-Target": "found"}).text
    assert "<html" not in piece and "Order Completed" in piece and ">Home<" not in piece
    assert "Nothing fits" in admin.page("/catalogue?q=zzz")


def test_an_event_tells_types_shares_values_and_where_to_see_it(
    world: World, admin: Browser
) -> None:
    world.send(*(buy(n) for n in range(3)), buy(9, total="lots", note="ana@example.com"))
    page = admin.page("/catalogue/event?type=track&name=Order+Completed")
    text = words(page)
    assert "integer 75 %" in text and "string 25 %" in text and "mixed types" in text
    assert "currency string 100 % EUR" in text
    assert "‹email›" in text and "ana@" not in page
    assert "from 4 of 4 messages that were looked into" in text
    live = re.search(r'href="(/live\?[^"]+)">See these live', page)
    assert live and "Order Completed" in admin.page(live.group(1).replace("&amp;", "&"))


def test_a_source_can_be_looked_at_alone(world: World, admin: Browser) -> None:
    import msgspec

    from cdp.log import Record

    with world.store.write() as tx:
        source = config_rows.add_source(tx, 0, "app", "The app", "wk_app", "test")
    world.send(buy(1), buy(2))
    body = msgspec.json.encode({"batch": [buy(3, version="1.2")]})
    world.log.append(Record(world.now(), source.id, "batch", body))
    world.drain()
    text = words(admin.page("/catalogue/event?type=track&name=Order+Completed"))
    assert "The app" in text and "only The app" in text
    alone = words(admin.page("/catalogue/event?type=track&name=Order+Completed&source=app"))
    assert "from 1 of 1 messages" in alone and "Show all sources" in alone
    assert "version" not in words(
        admin.page("/catalogue/event?type=track&name=Order+Completed&source=default")
    )
    assert admin.get("/catalogue?source=nobody").status_code == 404


def test_traits_and_context_have_tabs(world: World, admin: Browser) -> None:
    world.send(
        {"type": "identify", "userId": "u1", "traits": {"plan": "pro", "name": "Ana Kowalska"}},
        {"type": "group", "userId": "u1", "groupId": "g1", "traits": {"seats": 7}},
        buy(1),
    )
    people = words(admin.page("/catalogue/traits"))
    assert "plan string 100 % pro" in people and "Kowalska" not in people and "seats" not in people
    assert "seats integer 100 % 7" in words(admin.page("/catalogue/traits?of=accounts"))
    assert "page.path string 33 % /cart" in words(admin.page("/catalogue/context"))
    assert "page.path" not in admin.page("/catalogue/context?q=device")
    assert admin.get("/catalogue/traits?of=cats").status_code == 404


def test_names_are_shown_as_text_and_unknown_ones_are_told(world: World, admin: Browser) -> None:
    world.send(
        {"type": "track", "event": "<b>x</b> & / ? #", "userId": "u1", "properties": {"<i>": "<u>"}}
    )
    page = admin.page("/catalogue")
    assert "<b>x" not in page
    address = re.search(r'href="(/catalogue/event\?[^"]+)"', page)
    assert address is not None
    event = admin.page(address.group(1).replace("&amp;", "&"))
    assert "<i>" not in event and "<u>" not in event and "&lt;u&gt;" in event
    assert admin.get("/catalogue/event?name=nothing").status_code == 404


def test_names_that_stand_for_several_have_no_live_filter(world: World, admin: Browser) -> None:
    world.send(
        *({"type": "track", "event": f"Viewed {n}23456789012", "userId": "u1"} for n in range(1, 4))
    )
    page = admin.page("/catalogue/event?name=Viewed+‹id›")
    assert "See these live" not in page and "listed as one" in page


def test_a_long_list_has_pages(world: World, admin: Browser) -> None:
    world.send(*({"type": "track", "event": f"E{n:03}", "userId": "u1"} for n in range(130)))
    page = admin.page("/catalogue?sort=name")
    assert "1 to 100 of 130" in words(page)
    more = re.search(r'href="([^"]+)">More', page)
    assert more is not None
    rest = admin.page(more.group(1).replace("&amp;", "&"))
    assert "E129" in rest and "E000" not in rest


def test_the_palette_finds_events(world: World, admin: Browser) -> None:
    world.send(buy(1))
    assert "/catalogue/event?" in admin.page("/find?q=order comp")
    assert 'href="/catalogue/traits"' in admin.page("/find?q=trait")


def test_what_looks_personal_waits_until_somebody_says_so(world: World, admin: Browser) -> None:
    world.send(
        {"type": "identify", "userId": "u1", "traits": {"email": "ana@example.com", "pet": "Rex"}},
        buy(1),
    )
    assert "personal, proposed" in words(admin.page("/catalogue/traits"))
    waiting = words(admin.page("/catalogue/personal"))
    assert "traits.email" in waiting and "proposed" in waiting and "traits.pet" not in waiting
    answer = admin.post(
        "/catalogue/personal", said="personal", field=["traits.email", "traits.pet"]
    )
    assert answer.status_code == 303
    text = words(admin.page("/catalogue/personal?state=personal"))
    assert "traits.pet" in text and "confirmed by" in text and "Rex" not in text
    assert "traits.email" not in words(admin.page("/catalogue/personal"))
    assert "Rex" not in admin.page("/catalogue/traits")
    assert admin.post("/catalogue/personal", said="open", field="x").status_code == 400
    assert admin.post("/catalogue/personal", said="maybe", field="traits.pet").status_code == 400
    assert admin.post("/catalogue/personal", said="open").status_code == 303
    assert admin.get("/catalogue/personal?state=cats").status_code == 404


def test_traits_of_another_type_of_objects_have_a_place_of_their_own(
    world: World, admin: Browser
) -> None:
    course = {"objectTypeId": "course", "title": "Bees"}
    world.send({"type": "group", "userId": "u1", "groupId": "c1", "traits": course})
    text = words(admin.page("/catalogue/traits?of=course"))
    assert "title string 100 % Bees" in text and "objectTypeId" not in text
    assert "title" not in words(admin.page("/catalogue/traits?of=accounts"))
