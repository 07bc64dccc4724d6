"""``/api/broadcasts``."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.calls import Api
from tests.factories import Space

BODY: dict[str, Any] = {"name": "Winter sale", "who": {"everybody": True}, "template": "sale"}


@pytest.fixture(autouse=True)
def template(api: Api) -> None:
    api.post(
        "/api/templates",
        {"key": "sale", "channel": "email", "subject": "Hi {{ customer.first_name }}",
         "from": "Shop <shop@example.org>",
         "body": "Hello {{ customer.first_name }} [shop](https://shop.example) [no](nowhere)"},
        201,
    )  # fmt: skip


def test_a_draft_is_made_changed_and_taken_away(api: Api) -> None:
    made = api.post("/api/broadcasts", BODY, 201)
    assert (made["key"], made["state"]) == ("winter-sale", "draft")
    assert made["definition"]["who"] == {"everybody": True}
    api.send("PUT", "/api/broadcasts/winter-sale", {**BODY, "holdout": 10})
    assert api.get("/api/broadcasts/winter-sale")["definition"]["holdout"] == 10
    assert [row["key"] for row in api.get("/api/broadcasts")["data"]] == ["winter-sale"]
    api.send("DELETE", "/api/broadcasts/winter-sale")
    api.get("/api/broadcasts/winter-sale", 404)


def test_lists_go_on_page_by_page(api: Api) -> None:
    for n in range(3):
        api.post("/api/broadcasts", {**BODY, "key": f"b{n}"}, 201)
    first = api.get("/api/broadcasts", limit=2)
    assert [row["key"] for row in first["data"]] == ["b2", "b1"]
    rest = api.get("/api/broadcasts", limit=2, next=first["next"])
    assert ([row["key"] for row in rest["data"]], rest["next"]) == (["b0"], None)
    assert api.get("/api/broadcasts", state="done")["data"] == []
    api.get("/api/broadcasts", 400, next="x")


def test_what_is_wrong_is_said_by_field(api: Api) -> None:
    wrong = api.post("/api/broadcasts", {**BODY, "who": {"condition": "traits.a ="}}, 400)
    assert any("who.condition" in name for name in wrong["error"]["fields"])
    api.post("/api/broadcasts", {**BODY, "key": "a"}, 201)
    api.post("/api/broadcasts", {**BODY, "key": "a"}, 409)


def test_the_states_it_goes_through(api: Api) -> None:
    api.post("/api/broadcasts", {**BODY, "key": "a", "when": {"at": "2100-01-01"}}, 201)
    assert api.post("/api/broadcasts/a/schedule")["begins_at"] == "2100-01-01T00:00:00.000Z"
    refused = api.post("/api/broadcasts/a/pause", status=409)
    assert "it is scheduled" in refused["error"]["message"].lower()
    assert api.post("/api/broadcasts/a/unschedule")["state"] == "draft"
    assert api.post("/api/broadcasts/a/start")["state"] == "scheduled"
    assert api.post("/api/broadcasts/a/cancel")["state"] == "cancelled"
    assert api.post("/api/broadcasts/a/copy")["name"] == "Winter sale (copy)"


def test_what_lacks_something_does_not_start(api: Api) -> None:
    api.post("/api/broadcasts", {"name": "Empty"}, 201)
    refused = api.post("/api/broadcasts/empty/start", status=400)
    assert set(refused["error"]["fields"]) == {"who", "template"}
    body = {"name": "Gone", "who": {"audience": "vip"}, "template": "other"}
    api.post("/api/broadcasts", body, 201)
    refused = api.post("/api/broadcasts/gone/start", status=400)
    assert refused["error"]["fields"]["who"] == ["There is no audience vip."]
    assert refused["error"]["fields"]["template"] == ["There is no template other."]


def test_a_preview_says_who_gets_nothing_and_why(space: Space, api: Api) -> None:
    space.send(
        {"type": "identify", "userId": "u1", "traits": {"email": "u1@x.org", "first_name": "U"}},
        {"type": "identify", "userId": "u2", "traits": {"email": "u2@x.org"}},
        {"type": "identify", "userId": "u3", "traits": {"first_name": "U"}},
        {"type": "identify", "userId": "u4",
         "traits": {"email": "u4@x.org", "first_name": "U", "unsubscribed": True}},
    )  # fmt: skip
    api.post("/api/broadcasts", {**BODY, "key": "a"}, 201)
    found = api.get("/api/broadcasts/a/preview")
    assert (found["people"], found["tried"], found["would_go"]) == (4, 4, 1)
    reasons = {row["reason"].partition(":")[0]: row["people"] for row in found["withheld"]}
    assert reasons == {"missing_variable": 1, "no_address": 1, "unsubscribed": 1}
    states = {row["key"]: row["state"] for row in found["checks"]}
    assert states["provider"] == "failed"
    assert states["unsubscribe"] == states["relative_link"] == states["public_url"] == "warning"
    assert any("says customer.first_name, which 75% of them have" in row["text"]
               for row in found["checks"])  # fmt: skip
    assert found["ready"] is False


def test_a_report_has_variants_in_words(api: Api) -> None:
    variants = [{"name": "a", "template": "sale"}, {"name": "b", "template": "sale"}]
    body = {"name": "AB", "who": {"everybody": True}, "variants": variants}
    api.post("/api/broadcasts", body, 201)
    found = api.get("/api/broadcasts/ab/report")
    assert [row["name"] for row in found["variants"]] == ["a", "b"]
    assert found["progress"]["people"] == 0
    assert api.get("/api/broadcasts/ab/progress")["happened"]["opened"] == 0
    refused = api.post("/api/broadcasts/ab/pick", {"variant": "a"}, 409)
    assert "it is draft" in refused["error"]["message"].lower()


def test_who_may_write_may_not_send(space: Space, api: Api) -> None:
    api.post("/api/broadcasts", {**BODY, "key": "a"}, 201)
    writer = Api(space, space.token("messages:write"))
    writer.send("PUT", "/api/broadcasts/a", BODY)
    writer.post("/api/broadcasts/a/start", status=403)
    Api(space, space.token("messages:send")).post("/api/broadcasts/a/start")
