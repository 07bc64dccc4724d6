"""Templates over the admin API: what looks wrong, what they need, what they say."""

from __future__ import annotations

from typing import Any

import pytest

from cdp.store.messages import coverage
from tests.api.calls import Api
from tests.factories import Space, iso

HI = {
    "key": "hi", "channel": "email", "topic": "news", "layout": "page",
    "subject": "Hi {{ customer.first_name | default: 'you' }}",
    "body": "Your plan is {{ customer.plan }}. {{ event.total }}",
}  # fmt: skip


def person(user_id: str, **traits: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": user_id, "timestamp": iso(5), "traits": traits,
            "messageId": f"m-{user_id}"}  # fmt: skip


@pytest.fixture
def shop(api: Api, space: Space) -> Api:
    space.send(
        person("u1", first_name="Ana", plan="<pro>"), person("u2", plan="free"), person("u3")
    )
    api.post("/api/topics", {"key": "news", "name": "News"}, 201)
    page = {"key": "page", "body": "<html><body>{{ content }}{{ customer.city }}</body></html>"}
    api.post("/api/layouts", page, 201)
    api.post("/api/templates", HI, 201)
    return api


def test_what_looks_wrong(shop: Api) -> None:
    rows = shop.get("/api/templates/hi/lint")["data"]
    assert [(row["level"], row["code"], row["field"]) for row in rows] == [
        ("error", "no_unsubscribe", "body"), ("error", "no_unsubscribe", "text"),
        ("warning", "no_default", "body"), ("warning", "no_default", "body"),
        ("warning", "no_default", "layout page: body"), ("hint", "no_preheader", "preheader"),
    ]  # fmt: skip
    shop.get("/api/templates/nobody/lint", 404)
    draft = {"channel": "sms", "body": "https://bit.ly/x"}
    rows = shop.post("/api/templates/new/lint", {"template": draft})["data"]
    assert [row["code"] for row in rows] == ["short_link"]
    shop.post("/api/templates/new/lint", {"template": {"channel": "fax"}}, 400)


def test_who_has_what_it_needs(shop: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {row["name"]: row for row in shop.get("/api/templates/hi/variables")["data"]}
    assert {name: (row["needed"], row["share"]) for name, row in rows.items()} == {
        "customer.city": (True, 0.0), "customer.first_name": (False, 0.3333),
        "customer.plan": (True, 0.6667), "event.total": (True, None),
    }  # fmt: skip
    assert rows["customer.plan"]["exact"] is True and rows["customer.plan"]["people"] == 3
    assert rows["customer.plan"]["uses"] == [
        {"field": "body", "how": "shown", "line": 1, "column": 17}
    ]
    shop.get("/api/templates/hi/variables", 404, audience="nobodies")
    monkeypatch.setattr(coverage, "MOST", 2)
    row = next(r for r in shop.get("/api/templates/hi/variables")["data"] if r["share"] is not None)
    assert row["exact"] is False and row["share_low"] <= row["share"] <= row["share_high"]


def test_what_it_says_to_somebody(shop: Api, space: Space) -> None:
    path, given = "/api/templates/hi/preview", {"data": {"event": {"total": 3}}}
    told = shop.post(path, {"person": "user_id:u1", **given})
    assert told["error"] == {"text": "customer.city has no value and no default",
                             "variable": "customer.city", "where": "body"}  # fmt: skip
    draft = {name: value for name, value in HI.items() if name not in ("key", "layout")}
    told = shop.post(path, {"person": "user_id:u1", **given, "template": draft})
    assert told["error"] is None and told["fields"]["subject"] == "Hi Ana"
    assert "&lt;pro&gt;" in told["fields"]["html"] and "<pro>. 3" in told["fields"]["text"]
    told = shop.post(path, {"template": {"channel": "sms", "body": "Hi {{ customer.id }}"}})
    assert told["error"]["variable"] == "customer.id"
    told = shop.post(path, {"template": {"channel": "sms", "body": "Hi {{ customer.id }}"},
                            "person": "user_id:u2"})  # fmt: skip
    assert told["fields"] == {"text": "Hi u2"}
    shop.post(path, {"person": "user_id:nobody"}, 404)
    assert "line 1" in str(shop.post(path, {"template": {"channel": "sms", "body": "{{"}}, 400))
    reader = Api(space, space.token("templates:read"))
    reader.post(path, given)
    reader.post(path, {"person": "user_id:u1", **given}, 403)
    reader.send("PATCH", "/api/templates/hi", {"subject": "x"}, 403)


def test_templates_see_what_is_computed(shop: Api, space: Space) -> None:
    shop.post("/api/computed-traits", {"key": "orders", "value": 'count("Order Completed")'}, 201)
    shop.post("/api/audiences", {"key": "pros", "who": 'traits.plan = "free"'}, 201)
    space.pipeline.settle()
    said = "{{ customer.orders }}{% if customer.pros %} pro{% endif %}"
    for who, text in (("u1", "0"), ("u2", "0 pro")):
        given = {"person": f"user_id:{who}", "template": {"channel": "sms", "body": said}}
        assert shop.post("/api/templates/hi/preview", given)["fields"] == {"text": text}
    rows = shop.get("/api/templates/hi/variables", audience="pros")["data"]
    shares = {row["name"]: (row["share"], row["people"]) for row in rows}
    assert shares["customer.plan"] == (1.0, 1) and shares["customer.first_name"] == (0.0, 1)
