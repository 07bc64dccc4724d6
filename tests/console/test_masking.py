"""A viewer sees no personal value, on any page; an admin sees all of them."""

from __future__ import annotations

import re
from html import unescape
from itertools import pairwise
from typing import Any
from urllib.parse import unquote

import pytest
from flask import Response, jsonify
from sqlalchemy import select

from cdp.console.auth import PERSONAL, READ_SCOPES, hasher, token_hash
from cdp.console.masker import PageMasker
from cdp.console.masking import RULES
from cdp.definitions import computed_trait
from cdp.protocols import Classes
from cdp.store import config_rows, definitions
from cdp.store.catalogue import fields
from cdp.store.defined import defining
from cdp.store.tables import identifiers, profiles
from tests import told as told_of
from tests.console.factory import KEY, Browser, World, words
from tests.console.shop import ShopWorld
from tests.console.test_everyone import ADDRESSES, filled

SECRET = (*told_of.SECRET, KEY)


def viewer_of(world: World) -> Browser:
    with world.store.write() as tx:
        config_rows.put_user(tx, 0, "vic", hasher.hash("long enough"), "viewer", "test")
    browser = world.client()
    assert browser.post("/login", name="vic", secret="long enough").status_code == 302
    return browser


@pytest.fixture
def told(world: World) -> World:
    """A world in which everything is told of one person, in every place."""
    world.send(*told_of.MESSAGES)
    world.send(told_of.LOST)
    world.send_raw("track", told_of.BROKEN)
    told_of.deliver(world.store, world.now())
    person = person_of(world)
    admin = world.admin()
    # What was parted by hand names people in the rules and in the activity log.
    taken = "anonymous_id:anon-88-yankee"
    assert admin.post(f"{person}/unmerge", take=taken, note="Zoe said so").status_code == 303
    return world


def test_a_token_that_may_see_personal_values_sees_them_and_changes_nothing(told: World) -> None:
    reads = " ".join(sorted(READ_SCOPES))
    with told.store.write() as tx:
        for name, scopes in (("dash", reads), ("desk", f"{reads} {PERSONAL}")):
            config_rows.add_token(tx, 0, name, token_hash(name), scopes, "test")
    person = person_of(told)
    for name, shown in (("dash", False), ("desk", True)):
        browser = told.client()
        assert browser.post("/login", secret=name).status_code == 302
        assert ("zoe@quagmire.example" in browser.page(person)) is shown, name
        assert browser.post(f"{person}/delete", confirm="x").status_code == 403


def test_a_computed_trait_that_tells_a_personal_value_is_personal(told: World) -> None:
    values = {
        "small": "lowercase(traits.name)", "again": "uppercase(traits.small)",
        "pets": "unique(properties.pet of \"Signed Up\")", "signs": 'count("Signed Up")',
        "long": "length(traits.name)", "spoken": "traits.plan",
    }  # fmt: skip
    with told.store.write() as tx:
        for key, value in values.items():
            body = {"value": value}
            defining.put(tx, told.now(), ("computed_trait", key), body, "test")
        fields.decide(tx, 0, {"properties.pet": True, "traits.again": False}, "test")
        classes = fields.load_classes(tx)
    personal = {key for key in values if classes.kind(f"traits.{key}", "x") is not None}
    assert personal == {"small", "pets"}
    told.pipeline.settle()
    address = person_of(told) + "/audiences"
    assert "zoe quagmire" in told.admin().page(address)
    page = viewer_of(told).page(address)
    assert "zoe quagmire" not in page and "Computed traits" in page
    assert computed_trait.hands_on({"sql": "select user_id, value from identifiers"})
    assert computed_trait.hands_on(
        {"sql": "select profile_id, count(*) from properties where property = 'properties.a'"}
    ) == {"properties.a"}


def person_of(world: World) -> str:
    text = world.admin().page("/people?q=user-77-zulu")
    found = re.search(r'href="(/people/use_\w+)"', text)
    assert found is not None
    return found.group(1)


def pages_of(world: World) -> list[str]:
    person = person_of(world)
    return [
        "/", "/live", "/live?open=1", "/live?open=2", "/live?q=plan", "/live/rows?after=0",
        *(f"/live/events/{seq}" for seq in range(1, 5)),
        "/live/rejected", "/live/rejected?open=1", "/live/rejected/1", "/live/rejected/2",
        "/catalogue", "/catalogue/event?type=track&name=Signed+Up", "/catalogue/traits",
        "/catalogue/traits?of=accounts", "/catalogue/context", "/catalogue/personal?state=all",
        "/people", "/people?kind=accounts", "/find?q=vic", "/find?q=s",
        person, f"{person}?open=3", f"{person}/traits", f"{person}/traits?trait=pet",
        f"{person}/traits?at=2999-01-01", f"{person}/identifiers", f"{person}/accounts",
        f"{person}/links", f"{person}/unmerge",
        "/connections", "/connections/sources/default", "/connections/destinations",
        "/connections/destinations/hook", "/connections/destinations/hook/calls",
        "/connections/destinations/hook/calls?open=1", "/connections/destinations/hook/calls/1",
        "/connections/destinations/hook/failed", "/connections/destinations/hook/settings",
        "/connections/plugins", "/settings", "/settings/users", "/settings/tokens",
        "/settings/identity", "/settings/activity",
    ]  # fmt: skip


def plain(text: str) -> str:
    return unquote(unescape(text))


def test_a_viewer_is_shown_none_of_it_on_any_page(told: World) -> None:
    viewer = viewer_of(told)
    for address in pages_of(told):
        response = viewer.get(address)
        assert response.status_code in (200, 403), (address, response.status_code)
        text = plain(response.text)
        for value in SECRET:
            at = text.find(value)
            assert at < 0, (address, text[max(0, at - 200) : at + 100])


def test_an_admin_is_shown_all_of_it(told: World) -> None:
    admin = told.admin()
    pages = " ".join(plain(admin.get(address).text) for address in pages_of(told))
    assert [value for value in SECRET if value not in pages] == []
    assert "masked for your role" not in pages


def test_what_is_not_personal_stays_and_the_page_says_who_may_see_the_rest(told: World) -> None:
    viewer = viewer_of(told)
    with told.store.write() as tx:
        config_rows.put_user(tx, 0, "boss", "x", "admin", "test")
    person = person_of(told)
    text = words(viewer.page(f"{person}/traits"))
    assert "z•••@q•••.example" in text and "Z••• Q•••" in text and "pro" in text
    assert "masked for your role" in text and "shown to admins: boss" in text
    body = plain(words(viewer.page("/live/events/3")))
    assert '"total" : 42' in body and '"userId" : "u•••"' in body and '"by" : "u•••"' in body
    account = words(viewer.page("/people?kind=accounts"))
    assert "Acme Ltd" in account and "a•••" in account
    call = words(viewer.page("/connections/destinations/hook/calls/1"))
    assert "POST https://api.example/•••" in call and "the answer was 400: •••" in call.lower()
    refused = words(viewer.page("/live/rejected"))
    assert "Not valid JSON" in refused


def test_a_viewer_finds_by_a_whole_identifier_and_not_letter_by_letter(told: World) -> None:
    viewer, person = viewer_of(told), person_of(told)
    for address in ("/people?q=user-77-zulu", "/find?q=user-77-zulu"):
        assert person in viewer.page(address)
        assert "Zoe" not in viewer.page(address)
    for q in ("zoe@quagm", "user-77", "Zoe"):
        assert person not in viewer.page(f"/people?q={q}") + viewer.page(f"/find?q={q}"), q
    assert "Default" not in viewer.page(f"/find?q={KEY[:12]}")
    assert "event" in viewer.page("/live?q=pro") and "/live/events/3" in viewer.page("/live?q=42")
    for query in ("q=Quagmire", "filter=properties.pet+%3D+%22Rexolino%22"):
        assert "/live/events/" not in viewer.page(f"/live?{query}"), query
        assert "/live/events/" in told.admin().page(f"/live?{query}"), query


def test_who_overrules_a_field_shows_it_to_viewers(told: World) -> None:
    with told.store.write() as tx:
        fields.decide(tx, 0, {"traits.pet": False, "traits.name": False}, "test")
    viewer = viewer_of(told)
    text = words(viewer.page(f"{person_of(told)}/traits"))
    assert "Rexolino" in text and "Zoe Quagmire" in text and "zoe@" not in text


@pytest.mark.parametrize(
    "value",
    [
        {
            "type": "identify",
            "traits": {"email": "zoe@quagmire.example", "a": [{"first_name": "Zoe"}]},
        },
        {"type": "track", "properties": {"user": {"name": "Zoe"}}, "userId": "user-77-zulu"},
        {"context": {"traits": {"pet": "Rexolino"}, "ip": "203.0.113.77"}, "type": "page"},
        {"open": {"body": {"properties": {"user_id": "user-77-zulu"}}}},
        {"story": [{"added": ["email:zoe@quagmire.example"], "why": "met zoe@quagmire.example"}]},
        [("a", {"phone": 48601123456}), b"user-77-zulu", "user-77-zulu"],
    ],
)
def test_whatever_a_new_page_hands_over_is_walked(value: Any) -> None:
    masker = PageMasker(Classes({"traits.pet": True}), {}, RULES)
    known = {"type": "track", "userId": "user-77-zulu", "messageId": "m"}
    seen = str(masker.page({"it": value, "known": known}))
    assert [one for one in SECRET if one in seen] == []


def test_answers_for_scripts_are_masked_as_well(told: World) -> None:
    person = {"name": "Zoe", "traits": {"email": "zoe@quagmire.example"}, "userId": "user-77-zulu"}

    def people() -> Response:
        return jsonify([person])

    told.app.view_functions["console.condition_pick"] = people
    assert told.admin().get("/conditions/pick").json == [person]
    answer = viewer_of(told).get("/conditions/pick")
    assert answer.json == [
        {"name": "Z•••", "traits": {"email": "z•••@q•••.example"}, "userId": "u•••"}
    ]


@pytest.mark.slow
def test_no_address_of_the_console_shows_a_viewer_whom_the_sample_data_names(
    shop: ShopWorld,
) -> None:
    viewer = viewer_of(shop.world)
    with shop.world.store.read() as tx:
        known = set(tx.execute(select(identifiers.c.value)).scalars())
        names = {
            name
            for name in tx.execute(
                select(profiles.c.name).where(profiles.c.collection == 0)
            ).scalars()
            if name
        }
        assert definitions.all_current(tx, fields.KIND) == []
    sign = re.compile(r"[\w@.+-]+")
    found: dict[str, list[str]] = {}
    for address in ADDRESSES:
        target = filled(shop, address)
        text = plain(viewer.get(target).text)
        parts = sign.findall(text)
        hits = known.intersection(parts)
        hits |= names.intersection(" ".join(pair) for pair in pairwise(parts))
        hits = {hit for hit in hits if hit not in plain(target)}
        if hits:
            found[address] = sorted(hits)[:5]
    assert found == {}
