from __future__ import annotations

import re

from tests.console.factory import Browser, World, words


def send_ana(world: World) -> None:
    world.send(
        {"type": "track", "anonymousId": "a1", "event": "Product Viewed"},
        {
            "type": "identify",
            "anonymousId": "a1",
            "userId": "u1",
            "messageId": "m-join",
            "timestamp": "2026-01-01T10:00:00Z",
            "traits": {"name": "Ana Kowalska", "email": "Ana@Example.com", "plan": "free"},
        },
        {"type": "identify", "userId": "u1", "traits": {"plan": "pro", "phone": "+48 601 123 456"}},
        {"type": "group", "userId": "u1", "groupId": "acme", "traits": {"name": "Acme Ltd"}},
        {"type": "identify", "userId": "u2", "traits": {"name": "Ben"}},
    )


def address_of(browser: Browser, text: str) -> str:
    found = re.search(r"/people/(?:use|acc)_[a-z0-9]+", browser.page(f"/people?q={text}"))
    assert found is not None, text
    return found.group(0)


def test_an_empty_page_says_when_people_appear(admin: Browser) -> None:
    assert "Nobody yet" in admin.page("/people")


def test_people_are_found_by_any_identifier_or_name(world: World, admin: Browser) -> None:
    send_ana(world)
    address = address_of(admin, "u1")
    for text in (
        "a1",
        "ana@example.com",
        "ANA@example.com",
        "%2B48601123456",
        "%2B48 601 123 456",
        "ana kow",
        "Ana",
        address.removeprefix("/people/"),
    ):
        assert address_of(admin, text) == address, text
    assert "Nobody found" in admin.page("/people?q=zzz")


def test_an_identifier_as_an_address_leads_to_the_page(world: World, admin: Browser) -> None:
    send_ana(world)
    address = address_of(admin, "u1")
    for text in ("user_id:u1", "email:ANA@example.com", "anonymous_id:a1"):
        assert admin.get(f"/people/{text}").location == address
    assert admin.get("/people/group_id:acme").location.startswith("/people/acc_")
    assert admin.get("/people/user_id:nobody").status_code == 404


def test_a_search_as_one_types_answers_with_the_list_only(world: World, admin: Browser) -> None:
    send_ana(world)
    headers = {"HX-Request": "true", "HX-Target": "found"}
    piece = admin.get("/people?q=ana", **headers).text
    assert "<html" not in piece and "Ana Kowalska" in piece


def test_the_timeline_tells_the_whole_story(world: World, admin: Browser) -> None:
    send_ana(world)
    text = words(admin.page(address_of(admin, "u1")))
    assert "Ana Kowalska" in text
    assert "Product Viewed" in text  # from before she was known
    assert "ana@example.com" in text


def test_the_timeline_has_pages(world: World, admin: Browser) -> None:
    world.send(*({"type": "track", "userId": "u1", "event": f"E{n}"} for n in range(120)))
    address = address_of(admin, "u1")
    text = admin.page(address)
    seen: list[str] = []
    while True:
        seen += re.findall(r"data-drawer=\"\d+\" href=\"[^\"]+\">(E\d+)<", text)
        more = re.search(r'href="([^"]+before=[^"]+)">Older', text)
        if more is None:
            break
        text = admin.page(more.group(1).replace("&amp;", "&"))
    assert len(seen) == len(set(seen)) == 120


def test_traits_show_who_set_what_when(world: World, admin: Browser) -> None:
    send_ana(world)
    text = words(admin.page(address_of(admin, "u1") + "/traits"))
    assert "plan pro" in text and "2 values so far" in text and "free" in text
    assert "Acme" not in text  # an account's trait, not hers


def test_traits_are_shown_as_they_were_and_each_with_its_whole_history(
    world: World, admin: Browser
) -> None:
    start = 1_790_000_000_000
    for number in range(60):
        traits = {"plan": f"plan-{number}", "name": "Ana"}
        world.send(
            {"type": "identify", "userId": "u1", "timestamp": start + number, "traits": traits}
        )
    address = address_of(admin, "u1") + "/traits"
    text = words(admin.page(f"{address}?at={start + 7}"))
    assert "plan-7" in text and "plan-8" not in text and "plan-6" not in text
    assert "can’t be read as a time" in words(admin.page(f"{address}?at=soon"))
    assert "Nothing had been said" in words(admin.page(f"{address}?at=2026-01-01"))
    page = admin.page(f"{address}?trait=plan")
    seen = re.findall(r"plan-\d+", words(page))
    older = re.search(r'href="([^"]*next=[^"]*)"', page)
    assert older is not None
    page = admin.page(older.group(1).replace("&amp;", "&"))
    seen += re.findall(r"plan-\d+", words(page))
    assert seen == [f"plan-{number}" for number in range(59, -1, -1)]


def test_identifiers_say_why_they_are_one(world: World, admin: Browser) -> None:
    send_ana(world)
    page = admin.page(address_of(admin, "u1") + "/identifiers")
    text = words(page)
    assert "Why these are one person" in text
    assert "m-join" in text
    assert re.search(r'href="/live/events/2">Identify', page)


def test_accounts_and_people_lead_to_each_other(world: World, admin: Browser) -> None:
    send_ana(world)
    page = admin.page(address_of(admin, "u1") + "/accounts")
    account = re.search(r"/people/acc_[a-z0-9]+", page)
    assert account is not None and "Acme Ltd" in page
    assert "Ana Kowalska" in admin.page(account.group(0) + "/accounts")
    assert "Acme Ltd" in admin.page("/people?kind=accounts")


def test_links_name_the_profile_api(world: World, admin: Browser) -> None:
    send_ana(world)
    page = admin.page(address_of(admin, "u1") + "/links")
    assert "/v1/spaces/default/collections/users/profiles/" in page


def test_an_id_that_was_merged_away_leads_to_the_one_it_is_now(
    world: World, admin: Browser
) -> None:
    world.send({"type": "track", "userId": "u1", "event": "One"})
    world.send({"type": "track", "anonymousId": "a1", "event": "Two"})
    old = address_of(admin, "a1")
    keep = address_of(admin, "u1")
    assert old != keep
    world.send({"type": "identify", "userId": "u1", "anonymousId": "a1"})
    moved = {address: admin.get(address) for address in (old, keep)}
    assert sorted(response.status_code for response in moved.values()) == [200, 302]
    for address, response in moved.items():
        if response.status_code == 302:
            assert response.location in moved and response.location != address
            assert admin.get(address + "/traits?x=1").location.endswith("/traits?x=1")


def test_unknown_people_and_tabs_are_told_apart(world: World, admin: Browser) -> None:
    send_ana(world)
    for address in ("/people/nobody", "/people/use_aaaaaaaaaaaaa", "/people/use_!!!!!!!!!!!!!"):
        response = admin.get(address)
        assert response.status_code == 404 and "Nobody has this id" in response.text
    assert admin.get(address_of(admin, "u1") + "/nonsense").status_code == 404


def test_the_palette_finds_people_pages_and_connections(world: World, admin: Browser) -> None:
    send_ana(world)
    assert "Ana Kowalska" in admin.page("/find?q=ana@example.com")
    assert 'href="/settings/tokens"' in admin.page("/find?q=token")
    assert 'href="/connections/sources/default"' in admin.page("/find?q=default")
    assert "Nothing is called" in admin.page("/find?q=zzzz")


def test_a_timeline_can_be_narrowed_to_one_kind_of_event(world: World, admin: Browser) -> None:
    world.send(
        {"type": "track", "userId": "u1", "event": "Viewed"},
        {"type": "track", "userId": "u1", "event": "Viewed"},
        {"type": "track", "userId": "u1", "event": "Bought"},
    )
    found = re.search(r'href="(/people/use_[^"]+)"', admin.page("/people?q=u1"))
    assert found is not None
    page = words(admin.page(found.group(1)))
    assert "Every event (3) Viewed (2) Bought (1)" in page
    assert admin.page(found.group(1) + "?name=Bought").count('class="item"') == 1
