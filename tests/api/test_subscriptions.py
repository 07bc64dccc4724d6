"""What people want, and addresses that nothing is sent to, by the API."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from cdp.store.messages import deliveries, link_keys
from cdp.store.tables import deliveries as table
from tests.api.calls import Api
from tests.factories import Space, ana


def test_a_person_s_subscriptions_are_read_and_changed(space: Space, api: Api) -> None:
    space.send(*ana())
    who = api.get("/api/profiles?search=u1")["data"][0]["id"]
    path = f"/api/profiles/{who}/subscriptions"
    api.post("/api/topics", {"key": "news", "name": "News"}, 201)
    api.post("/api/topics", {"key": "offers", "default": "unsubscribed"}, 201)
    found = api.get(path)
    assert found["unsubscribed"] is False and found["awaiting"] == []
    assert {row["key"]: (row["subscribed"], row["said"]) for row in found["topics"]} == {
        "news": (True, False), "offers": (False, False),
    }  # fmt: skip
    body: dict[str, Any] = {"topics": {"news": False}, "channels": {"sms": False}}
    changed = api.send("PUT", path, {**body, "unsubscribed": True})
    assert changed["unsubscribed"] is True and changed["cause"] == "api"
    news = next(row for row in changed["topics"] if row["key"] == "news")
    assert (news["subscribed"], news["said"], news["cause"]) == (False, True, "api")
    assert [r["key"] for r in changed["channels"] if not r["subscribed"]] == ["sms"]
    assert api.send("PUT", path, {"unsubscribed": False})["unsubscribed"] is False
    for wrong in ({"topics": {"nope": True}}, {"topics": {"news": "yes"}}, {"unsubscribed": "x"}):
        api.send("PUT", path, wrong, status=400)
    reader = Api(space, space.token("profiles:read"))
    reader.send("PUT", path, {}, status=403)
    api.get("/api/profiles/user_id:nobody/subscriptions", 404)


def test_double_opt_in_counts_once_the_link_was_followed(space: Space, api: Api) -> None:
    space.send(*ana())
    who = api.get("/api/profiles?search=u1")["data"][0]["id"]
    path = f"/api/profiles/{who}/subscriptions"
    template = {"key": "please", "channel": "email", "subject": "Please confirm",
                "body": "{{ trigger.confirm_url }}"}  # fmt: skip
    api.post("/api/templates", template, 201)
    topic = {"key": "news", "default": "unsubscribed", "double_opt_in": "please"}
    api.post("/api/topics", {**topic, "double_opt_in": "gone"}, 400)
    plain = {**template, "key": "plain", "body": "Hello"}
    api.post("/api/templates", plain, 201)
    refused = api.post("/api/topics", {**topic, "double_opt_in": "plain"}, 400)
    assert "{{ trigger.confirm_url }}" in str(refused)
    api.post("/api/topics", topic, 201)
    api.send("DELETE", "/api/templates/please", status=409)
    linkless = {k: v for k, v in plain.items() if k != "key"}
    assert "nobody could confirm" in str(api.send("PATCH", "/api/templates/please", linkless, 400))
    for _ in range(2):
        answer = api.send("PUT", path, {"topics": {"news": True}})
        assert answer["awaiting"] == ["news"] and not answer["topics"][0]["subscribed"]
    with space.store.read() as tx:
        [id_] = tx.execute(select(table.c.id)).scalars()
        row = deliveries.get(tx, id_)
        assert row is not None and link_keys.load(tx)
    link = row.data["trigger"]["confirm_url"].partition("/confirm/")[2]
    browser = space.app.test_client()
    assert "Yes, subscribe me" in browser.get(f"/confirm/{link}").text
    browser.head(f"/confirm/{link}")
    browser.post(f"/confirm/{link}", data={})
    assert not api.get(path)["topics"][0]["subscribed"]
    for wrong in (link[:-2], link[::-1], "x"):
        assert browser.post(f"/confirm/{wrong}", data={"do": "confirm"}).status_code == 404
    assert browser.post(f"/confirm/{link}", data={"do": "confirm"}).status_code == 200
    assert api.get(path)["topics"][0]["subscribed"]
    api.send("PUT", path, {"topics": {"news": False}})
    sure = api.send("PUT", path, {"topics": {"news": True}, "confirmed": True})
    assert sure["awaiting"] == [] and sure["topics"][0]["subscribed"]


def test_addresses_are_listed_added_removed_imported_and_exported(space: Space, api: Api) -> None:
    api.post("/api/suppressions", {"address": "Ana <ANA@example.org>", "detail": "asked"}, 201)
    for wrong in ({"address": "no address"}, {"address": "123", "channel": "sms"}, {}):
        api.post("/api/suppressions", wrong, 400)
    csv = "email,reason,channel\nb@example.org,bounce,\n+48600700800,,sms\nx,,\nc@x.org,why,\n"
    answer = api.call(
        "POST", "/api/suppressions/import", data=csv.encode(), content_type="text/csv"
    )
    assert answer.json["taken"] == 2
    assert [row["line"] for row in answer.json["refused"]] == [4, 5]
    plain = api.call(
        "POST", "/api/suppressions/import", data=b"d@x.org\n\ne@x.org\n", content_type="text/csv"
    )
    assert plain.json == {"taken": 2, "refused": []}
    pages, next_ = [], ""
    while True:
        page = api.get(f"/api/suppressions?limit=2{next_ and '&next=' + next_}")
        pages += page["data"]
        next_ = page["next"]
        if not next_:
            break
    assert {(row["channel"], row["address"], row["reason"]) for row in pages} == {
        ("email", "ana@example.org", "manual"), ("email", "b@example.org", "bounce"),
        ("sms", "+48600700800", "import"), ("email", "d@x.org", "import"),
        ("email", "e@x.org", "import"),
    }  # fmt: skip
    assert [r["address"] for r in api.get("/api/suppressions?search=AN")["data"]] == [
        "ana@example.org"
    ]
    out = api.call("GET", "/api/suppressions.csv").text
    assert out.startswith("channel,address,reason") and "sms,+48600700800,import" in out
    assert api.send("DELETE", "/api/suppressions/email/ANA@example.org") == {}
    api.send("DELETE", "/api/suppressions/email/ana@example.org", status=404)
    api.get("/api/suppressions?next=x", 400)
    Api(space, space.token("messages:read")).post("/api/suppressions", {"address": "x@y.z"}, 403)
