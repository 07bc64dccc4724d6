"""The Profile API, route by route, as Segment documents it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from cdp.identity import public_id
from cdp.store.profiles import people
from cdp.store.tables import USERS
from tests.api.calls import SPACE, Api, check_error
from tests.factories import KEY, TOKEN, Space, basic, bearer, iso

U1 = "users/profiles/user_id:u1"


@pytest.fixture(scope="module")
def space(ana_space: Space) -> Space:
    return ana_space


@pytest.fixture(scope="module")
def api(ana_api: Api) -> Api:
    return ana_api


def use_id(space: Space, value: str = "u1") -> str:
    with space.store.read() as tx:
        found = people.resolve(tx, USERS, "user_id", value)
    assert found is not None
    return public_id(found.collection, found.anchor)


def test_traits_are_those_said_last(api: Api) -> None:
    page = api.profile(f"{U1}/traits")
    assert page["traits"] == {"email": "Ana@Example.com", "name": "Ana Kowalska", "plan": "pro"}
    assert page["cursor"] == {"url": "", "has_more": False, "next": "", "limit": 10}


def test_verbose_traits_say_where_they_come_from(api: Api) -> None:
    plan = api.profile(f"{U1}/traits", verbose="true")["traits"]["plan"]
    assert plan["value"] == "pro" and plan["source_id"] == "default"
    assert plan["updated_at"].endswith("Z")


def test_traits_can_be_picked(api: Api) -> None:
    page = api.profile(f"{U1}/traits", include="plan,name,nothing")
    assert page["traits"] == {"name": "Ana Kowalska", "plan": "pro"}
    assert api.profile(f"{U1}/traits", **{"class": "audience"})["traits"] == {}
    assert "class" in api.profile(f"{U1}/traits", 400, **{"class": "x"})["error"]["message"]


def test_external_ids_name_their_first_message(api: Api) -> None:
    data = api.profile(f"{U1}/external_ids")["data"]
    assert [(i["type"], i["id"]) for i in data] == [
        ("anonymous_id", "a1"),
        ("user_id", "u1"),
        ("email", "ana@example.com"),
    ]
    assert set(data[0]) == {
        "source_id", "collection", "id", "type", "created_at", "encoding", "first_message_id",
    }  # fmt: skip
    assert data[0]["first_message_id"] == "m1" and data[1]["first_message_id"] == "m2"
    assert {i["collection"] for i in data} == {"users"}
    assert {i["encoding"] for i in data} == {"none"}
    only = api.profile(f"{U1}/external_ids", include="email")["data"]
    assert [i["type"] for i in only] == ["email"]


def test_events_have_the_fields_of_segment_and_the_time_of_arrival(api: Api) -> None:
    data = api.profile(f"{U1}/events")["data"]
    assert [event["message_id"] for event in data] == ["m5", "m4", "m3", "m2", "m1"]
    order = data[2]
    assert {
        "type", "event", "message_id", "timestamp", "properties", "context", "external_ids",
        "source_id", "received_at", "related",
    } <= set(order)  # fmt: skip
    assert (order["type"], order["event"]) == ("track", "Order Completed")
    assert order["properties"] == {"total": 12.5} and order["context"]["ip"] == "203.0.113.9"
    assert order["external_ids"] == [
        {"collection": "users", "type": "user_id", "id": "u1", "encoding": "none"}
    ]
    assert order["timestamp"] < order["received_at"] and order["source_id"] == "default"
    assert data[4]["name"] == "Pricing" and data[1]["traits"] == {"plan": "pro"}


def test_events_can_be_picked_by_name_type_and_time(api: Api) -> None:
    def ids(**query: str) -> list[str]:
        return [e["message_id"] for e in api.profile(f"{U1}/events", **query)["data"]]

    assert ids(sort="asc") == ["m1", "m2", "m3", "m4", "m5"]
    assert ids(include="Order Completed,page") == ["m3", "m1"]
    assert ids(exclude="identify,Pricing") == ["m5", "m3"]
    assert ids(include="Nothing") == []
    assert ids(start=iso(45), end=iso(25)) == ["m4", "m3"]
    assert ids(start=iso(45)) == ["m5", "m4", "m3"]
    assert ids(end=iso(45), sort="asc") == ["m1", "m2"]


@pytest.mark.parametrize(
    ("route", "query"),
    [
        ("events", {"sort": "up"}),
        ("events", {"start": "yesterday"}),
        ("events", {"end": ""}),
        ("events", {"limit": "0"}),
        ("events", {"limit": "101"}),
        ("events", {"limit": "١"}),
        ("traits", {"limit": "201"}),
        ("traits", {"limit": "many"}),
        ("external_ids", {"limit": "-1"}),
        ("links", {"limit": "1.5"}),
        ("events", {"next": "nonsense"}),
        ("traits", {"next": "WzFd"}),
        ("links", {"next": "Wy0xXQ"}),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(
    api: Api, route: str, query: dict[str, str]
) -> None:
    error = api.profile(f"{U1}/{route}", 400, **query)["error"]
    assert error["code"] == "validation_error"
    assert next(iter(query)) in error["message"]


def test_metadata_tells_when_and_by_what(api: Api, space: Space) -> None:
    short = api.profile(f"{U1}/metadata")["metadata"]
    assert set(short) == {"created_at", "updated_at", "expires_at", "segment_id"}
    assert short["segment_id"] == use_id(space) and short["created_at"] < short["updated_at"]
    full = api.profile(f"{U1}/metadata", verbose="true")["metadata"]
    assert full["first_message_id"] == "m1" and full["last_message_id"] == "m5"
    assert full["first_source_id"] == full["last_source_id"] == "default"


def test_links_lead_to_accounts_and_back(api: Api) -> None:
    data = api.profile(f"{U1}/links")["data"]
    acme = {"id": "acme", "type": "group_id", "collection": "accounts", "encoding": "none"}
    since = data[0].pop("since")
    assert since.endswith("Z")
    assert data == [{"to_collection": "accounts", "external_ids": [acme], "traits": {}}]
    [person] = api.profile("accounts/profiles/group_id:acme/links")["data"]
    assert person["to_collection"] == "users"
    assert ("user_id", "u1") in {(i["type"], i["id"]) for i in person["external_ids"]}


def test_accounts_have_the_same_routes(api: Api) -> None:
    acme = "accounts/profiles/group_id:acme"
    assert api.profile(f"{acme}/traits")["traits"] == {"name": "Acme Ltd", "seats": 7}
    [only] = api.profile(f"{acme}/external_ids")["data"]
    assert (only["collection"], only["type"], only["id"]) == ("accounts", "group_id", "acme")
    assert [e["type"] for e in api.profile(f"{acme}/events")["data"]] == ["group"]
    assert api.profile(f"{acme}/metadata")["metadata"]["segment_id"].startswith("acc_")


def test_a_person_is_no_account(api: Api) -> None:
    for path in ("accounts/profiles/user_id:u1/traits", "users/profiles/group_id:acme/traits"):
        assert api.profile(path, 404)["error"]["message"] == "Profile was not found."


def test_a_profile_is_found_by_each_of_its_ids(api: Api, space: Space) -> None:
    traits = api.profile(f"{U1}/traits")["traits"]
    names = ["user_id:u1", "anonymous_id:a1", "email:ANA@example.com", "email:ana%40example.com"]
    names += ["EMAIL:ana@example.com", f"segment_id:{use_id(space)}", use_id(space)]
    for name in names:
        assert api.profile(f"users/profiles/{name}/traits")["traits"] == traits, name


def test_ids_of_merged_profiles_answer_with_the_survivor(api: Api, space: Space) -> None:
    space.send(
        {"type": "identify", "userId": "u9", "messageId": "n0", "timestamp": iso(20),
         "traits": {"plan": "pro"}},
        {"type": "identify", "anonymousId": "a9", "messageId": "n1", "timestamp": iso(15),
         "traits": {"city": "Łódź"}},
    )  # fmt: skip
    with space.store.read() as tx:
        loser = people.resolve(tx, USERS, "anonymous_id", "a9")
    assert loser is not None
    old = public_id(USERS, loser.anchor)
    space.send({"type": "identify", "anonymousId": "a9", "userId": "u9", "messageId": "n2",
                "timestamp": iso(10)})  # fmt: skip
    for name in (f"segment_id:{old}", old, "anonymous_id:a9"):
        assert api.profile(f"users/profiles/{name}/traits")["traits"]["plan"] == "pro"
        found = api.profile(f"users/profiles/{name}/metadata")["metadata"]
        assert found["segment_id"] == use_id(space, "u9")
    assert api.profile("users/profiles/user_id:u9/traits")["traits"]["city"] == "Łódź"


@pytest.mark.parametrize(
    "value",
    ["a+b@example.com", "a/b", "a//b", "//", "x/traits", "a b", "ü", "a%2Fb", "a?b#c", "a:b",
     "émoji 😀", ".", "..", "a;b", "a\\b", '"', "%", "&x=1"],
)  # fmt: skip
def test_any_value_can_be_looked_up_url_encoded(api: Api, space: Space, value: str) -> None:
    many = {f"t{n:02}": n for n in range(12)}
    space.send({"type": "identify", "userId": value, "messageId": f"v-{value}", "traits": many})
    path = f"users/profiles/user_id:{quote(value, safe='')}/traits"
    page = api.profile(path)
    assert page["traits"] == dict(list(many.items())[:10])
    # The cursor's address leads on by itself.
    rest = api.get(page["cursor"]["url"])
    assert rest["traits"] == dict(list(many.items())[10:])


def test_paging_shows_everything_once(api: Api, space: Space) -> None:
    same = iso(5)
    space.send(
        *[
            {"type": "track", "event": f"E{n % 3}", "userId": "many", "messageId": f"p{n}",
             "timestamp": same if n % 2 else iso(n)}
            for n in range(57)
        ],
        {"type": "identify", "userId": "many", "messageId": "t",
         "traits": {f"trait {n:03} ü/?&": n for n in range(57)}},
        *[
            {"type": "identify", "userId": "many", "messageId": f"a{n}", "anonymousId": f"anon{n}"}
            for n in range(4)
        ],
    )  # fmt: skip
    home = "users/profiles/user_id:many"
    for sort in ("asc", "desc"):
        for limit in (1, 7, 100):
            found = [e for p in api.pages(f"{home}/events", "data", limit=limit, sort=sort,
                                          include="track") for e in p]  # fmt: skip
            assert sorted(e["message_id"] for e in found) == sorted(f"p{n}" for n in range(57))
            times = [e["timestamp"] for e in found]
            assert times == sorted(times, reverse=sort == "desc")
    traits: dict[str, int] = {}
    for page in api.pages(f"{home}/traits", "traits", limit=10):
        assert not set(page) & set(traits)
        traits |= page
    assert sorted(traits.values()) == list(range(57))
    pages = list(api.pages(f"{home}/external_ids", "data", limit=2))
    ids = [(i["type"], i["id"]) for page in pages for i in page]
    assert [len(page) for page in pages] == [2, 2, 1] and len(set(ids)) == 5


def test_links_are_paged(api: Api, space: Space) -> None:
    space.send(*[
        {"type": "group", "userId": "member", "groupId": f"g{n}", "messageId": f"g{n}"}
        for n in range(8)
    ])  # fmt: skip
    pages = list(api.pages("users/profiles/user_id:member/links", "data", limit=3))
    found = [link["external_ids"][0]["id"] for page in pages for link in page]
    assert sorted(found) == [f"g{n}" for n in range(8)]
    assert [len(page) for page in pages] == [3, 3, 2]


def test_who_has_no_right_is_told_so_as_by_segment(space: Space) -> None:
    client = space.client()
    path = f"{SPACE}/{U1}/traits"
    for headers in ({}, bearer("no such"), basic("no such"), bearer(KEY), basic(KEY)):
        answer = client.get(path, headers=headers)
        check_error(answer)
        assert answer.status_code == 401
        assert answer.json is not None and answer.json["error"]["code"] == "authentication_error"
    answer = client.get(path, headers=bearer(space.token("sources:write")))
    check_error(answer)
    assert answer.status_code == 403
    for headers in (basic(TOKEN), bearer(space.token("profiles:read"))):
        assert client.get(path, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("users/profiles/user_id:nobody/traits", 404, "not_found"),
        ("users/profiles/no_such_type:u1/traits", 404, "not_found"),
        ("users/profiles/use_nonsense/traits", 400, "invalid_request_error"),
        ("users/profiles/segment_id:nonsense/traits", 404, "not_found"),
        ("things/profiles/user_id:u1/traits", 404, "not_found"),
        ("users/profiles/user_id:u1/nothing", 404, "not_found"),
        ("users/profiles/user_id:u1", 404, "not_found"),
        ("users/profiles", 404, "not_found"),
        ("users", 404, "not_found"),
        ("users/profiles/u1/traits", 400, "invalid_request_error"),
        ("users/profiles/user_id:/traits", 400, "invalid_request_error"),
        ("users/profiles/:u1/traits", 400, "invalid_request_error"),
    ],
)
def test_errors_have_segments_codes(api: Api, path: str, status: int, code: str) -> None:
    assert api.profile(path, status)["error"]["code"] == code


def test_another_space_is_not_there(api: Api) -> None:
    path = f"/v1/spaces/other/collections/{U1}/traits"
    assert api.get(path, 404)["error"]["code"] == "not_found"


def test_answers_carry_a_request_id_and_are_not_kept(api: Api) -> None:
    seen: set[Any] = set()
    for path in (f"{U1}/traits", "users/profiles/user_id:nobody/traits"):
        answer = api.call("GET", f"{SPACE}/{path}")
        seen.add(answer.headers["Request-Id"])
        assert answer.headers["Cache-Control"] == "no-store"
    assert len(seen) == 2


def test_it_can_only_be_read(api: Api) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert api.call(method, f"{SPACE}/{U1}/traits").status_code == 405
