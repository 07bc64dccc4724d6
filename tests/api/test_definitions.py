"""Audiences, computed traits and virtual events over the admin API."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.calls import Api
from tests.api.test_openapi import check, schema_of
from tests.factories import Space, ana

VIRTUAL = {
    "key": "big_order",
    "name": "Big Order",
    "event": "Order Completed",
    "where": "properties.total>100",
}


def shop(api: Api) -> None:
    api.post("/api/virtual-events", VIRTUAL, 201)
    api.post("/api/computed-traits", {"key": "orders", "value": 'count("Big Order")'}, 201)
    api.post("/api/audiences", {"key": "big", "who": "traits.orders>3"}, 201)


def test_an_audience_from_first_to_last(api: Api) -> None:
    made = api.post(
        "/api/audiences",
        {"key": "big", "name": "Big ones", "who": "traits.seats>3", "of": "accounts"},
        201,
    )
    assert made == {
        "key": "big",
        "name": "Big ones",
        "description": "",
        "of": "accounts",
        "who": "traits.seats > 3",
        "static": False,
        "archived": False,
        "send_to": None,
        "prose": made["prose"],
        "version": 1,
        "author": "first (api)",
        "changed_at": made["changed_at"],
        "uses": [],
        "used_by": [],
        "warnings": [],
    }
    assert made["prose"]
    assert api.get("/api/audiences/big") == made
    assert api.listed("/api/audiences") == [made]
    assert (
        "already"
        in api.post("/api/audiences", {"key": "big", "who": "traits.a = 1"}, 409)["error"][
            "message"
        ]
    )
    changed = api.send(
        "PATCH", "/api/audiences/big", {"archived": True, "name": None, "version": 1}
    )
    assert (changed["archived"], changed["name"], changed["version"]) == (True, "Big", 2)
    rows = api.listed("/api/audiences/big/versions")
    assert [row["version"] for row in rows] == [2, 1]
    assert rows[1]["body"] == {"name": "Big ones", "of": "accounts", "who": "traits.seats > 3"}
    back = api.post("/api/audiences/big/revert", {"to": 1})
    assert (back["archived"], back["version"]) == (False, 3)
    assert api.call("DELETE", "/api/audiences/big", query_string={"version": 2}).status_code == 409
    assert api.call("DELETE", "/api/audiences/big", query_string={"version": 3}).json == {}
    api.get("/api/audiences/big", 404)
    assert api.post("/api/audiences/big/revert", {"to": 3})["version"] == 5
    assert [row["kind"] for row in api.listed("/api/changes", kind="audience")] == ["audience"] * 5


def test_a_list_that_is_kept_by_hand_has_no_condition(api: Api) -> None:
    made = api.post("/api/audiences", {"key": "vip", "static": True}, 201)
    assert made["who"] is None and made["prose"] is None and made["static"]


def test_a_stale_change_answers_with_the_difference(api: Api) -> None:
    shop(api)
    api.send("PATCH", "/api/audiences/big", {"who": "traits.orders > 4", "version": 1})
    error = api.send("PATCH", "/api/audiences/big", {"who": "traits.orders > 5", "version": 1}, 409)
    says = "The audience big is at version 2: first (api) has changed it."
    assert error["error"]["message"] == says
    assert error["error"]["fields"] == {
        "who": ["It says 'traits.orders > 4' now, not 'traits.orders > 5'."]
    }
    assert api.get("/api/audiences/big")["who"] == "traits.orders > 4"


def test_what_refers_to_what_is_told_and_kept_whole(api: Api) -> None:
    shop(api)
    trait = api.get("/api/computed-traits/orders")
    assert trait["uses"] == [{"kind": "virtual_event", "key": "big_order"}]
    assert trait["used_by"] == [{"kind": "audience", "key": "big"}]
    error = api.send("DELETE", "/api/computed-traits/orders", status=409)["error"]
    assert error["fields"] == {"key": ["orders is used by the audience big (who)"]}
    renamed = api.post("/api/computed-traits/orders/rename", {"key": "large_orders"})
    assert renamed["key"] == "large_orders"
    assert api.get("/api/audiences/big")["who"] == "traits.large_orders > 3"
    api.post("/api/virtual-events/big_order/rename", {"name": "Huge Order"})
    assert api.get("/api/computed-traits/large_orders")["value"] == 'count("Huge Order")'


@pytest.mark.parametrize(
    ("path", "body", "field", "says"),
    [
        ("audiences", {"key": "x", "who": "traits.a ="}, "who", "line 1, column 11"),
        ("audiences", {"key": "x", "who": "properties.a = 1"}, "who", "nothing of a person"),
        ("audiences", {"key": "x"}, "who", "Say who"),
        ("audiences", {"key": "X", "who": "traits.a = 1"}, "key", "small letters"),
        ("audiences", {"who": "traits.a = 1"}, "key", "required"),
        ("audiences", {"key": "x", "whoo": "traits.a = 1"}, "whoo", "Unknown"),
        ("audiences", {"key": "x", "who": 'audience("x")'}, "who", "depend on itself"),
        ("audiences", {"key": "x", "who": 'audience("y")'}, "who", "there is no audience y"),
        ("computed-traits", {"key": "x", "value": "1 = 1"}, "value", "is an audience"),
        ("virtual-events", {**VIRTUAL, "where": 'count("A") > 1'}, "where", "only one message"),
        ("virtual-events", {**VIRTUAL, "name": "Page Viewed"}, "name", "would hide"),
    ],
)
def test_a_refusal_names_the_field_and_the_place(
    api: Api, path: str, body: dict[str, Any], field: str, says: str
) -> None:
    error = api.post(f"/api/{path}", body, 400)["error"]
    assert says in " ".join(error["fields"][field])
    assert api.listed(f"/api/{path}") == []


def test_what_looks_wrong_is_told_of_a_change(api: Api, space: Space) -> None:
    space.send(*ana())
    body = {"key": "x", "who": 'count("Order Complete") > 0 and traits.plam = 1'}
    warnings = api.post("/api/audiences", body, 201)["warnings"]
    assert [(w["field"], w["line"], w["column"]) for w in warnings] == [
        ("who", 1, 7),
        ("who", 1, 33),
    ]
    assert "Did you mean Order Completed?" in warnings[0]["text"]
    assert "Did you mean plan?" in warnings[1]["text"]
    hides = api.post("/api/computed-traits", {"key": "plan", "value": "traits.name"}, 201)
    assert "would hide" in hides["warnings"][0]["text"]


def test_answers_have_the_fields_that_the_document_names(api: Api) -> None:
    shop(api)
    document = api.get("/api/openapi.json")
    for path in ("/api/audiences", "/api/computed-traits", "/api/virtual-events"):
        schema = schema_of(document["paths"][path]["get"]["responses"]["200"])
        check(document, schema, api.get(path), path)


def test_reading_needs_one_scope_and_writing_another(api: Api, space: Space) -> None:
    shop(api)
    reader = Api(space, space.token("audiences:read"))
    assert reader.get("/api/audiences/big")
    reader.send("PATCH", "/api/audiences/big", {"archived": True}, 403)
    Api(space, space.token("profiles:write")).get("/api/audiences", 403)


def test_a_destination_is_told_of_an_audience_as_its_definition_says(api: Api) -> None:
    body = {"key": "hook", "plugin": "webhook", "settings": {"url": "https://example.com"}}
    api.post("/api/destinations", body, 201)
    made = api.post(
        "/api/audiences",
        {"key": "big", "who": "traits.seats > 3", "send_to": ["hook"]},
        201,
    )
    assert made["send_to"] == [{"destination": "hook"}]
    (told,) = api.listed("/api/audiences/big/destinations")
    assert (told["destination"], told["as"], told["state"]) == (
        "hook",
        ["identify", "track"],
        "begins",
    )
    changed = api.send(
        "PATCH", "/api/audiences/big", {"send_to": [{"destination": "hook", "as": ["identify"]}]}
    )
    assert changed["send_to"] == [{"destination": "hook", "as": ["identify"]}]
    assert api.send("PATCH", "/api/audiences/big", {"send_to": None})["send_to"] is None
    for wrong, says in (
        ("hook", "It must be a list"),
        ([{"as": ["track"]}], "Entry 1 names no destination"),
        ([{"destination": "hook", "as": ["page"]}], "as must be a list"),
        (["hook", "hook"], "named twice"),
        (["hok"], "Did you mean hook"),
    ):
        answer = api.send("PATCH", "/api/audiences/big", {"send_to": wrong}, 400)
        assert says in str(answer), answer
