"""The admin API: sources, destinations and what became of their events, events, status."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from cdp.delivery.engine import Delivery
from cdp.plugin import manager
from cdp.plugin.testing import Answer, RecordingServer
from cdp.store.destinations.streams import all_streams
from tests.api.calls import Api
from tests.factories import Space, ana, iso

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


URL = "https://example.com"


@pytest.fixture
def hook() -> Iterator[RecordingServer]:
    with RecordingServer() as server:
        yield server


def deliver(space: Space) -> None:
    """Let all destinations catch up, in this thread."""
    delivery = Delivery(space.store, space.settings, manager.load(space.settings.plugin_folder))
    delivery.senders.refresh()
    with space.store.read() as tx:
        streams = [s for s in all_streams(tx) if s.destination_id is not None]
    names = [stream.name for stream in streams]
    for name in [*names, *[f"outbox:{stream.destination_id}" for stream in streams]]:
        delivery.work(name, 5)
    delivery.senders.close()


def add_hook(api: Api, hook: RecordingServer, **more: Any) -> Any:
    settings = {"url": hook.url, "secret": SECRET, "headers": {"X-Api-Key": "abcd1234"}}
    body = {"plugin": "webhook", "settings": {**settings, **more}}
    return api.post("/api/destinations", body, 201)


def test_sources_are_added_changed_and_given_another_key(api: Api, space: Space) -> None:
    made = api.post("/api/sources", {"key": "ios", "name": "iOS app"}, 201)
    assert made["key"] == "ios" and made["enabled"] and len(made["write_key"]) > 20
    assert api.get("/api/sources/ios") == made
    changed = api.send("PATCH", "/api/sources/ios", {"name": "iPhone", "enabled": False})
    assert (changed["name"], changed["enabled"]) == ("iPhone", False)
    fresh = api.post("/api/sources/ios/rotate")
    assert fresh["write_key"] != made["write_key"]
    assert [s["key"] for s in api.listed("/api/sources")] == ["default", "ios"]
    own = api.post("/api/sources", {"key": "own", "write_key": "a-key-of-ours"}, 201)
    assert own["write_key"] == "a-key-of-ours"
    for body in ({"key": "own"}, {"key": "own2", "write_key": "a-key-of-ours"}):
        assert api.post("/api/sources", body, 409)["error"]["code"] == "conflict"
    space.send(*ana())
    assert api.get("/api/sources/default")["taken"] == 5
    actions = [(c["key"], c["action"]) for c in api.listed("/api/changes", kind="source", limit=2)]
    assert actions[-1] == ("default", "created") and ("ios", "changed") in actions


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "key"),
        ({"key": "Ä"}, "key"),
        ({"key": "a" * 61}, "key"),
        ({"key": 7}, "key"),
        ({"key": "a", "name": ""}, "name"),
        ({"key": "a", "name": "a\0b"}, "name"),
        ({"key": "a", "write_key": "short"}, "write_key"),
        ({"key": "a", "colour": "red"}, "colour"),
    ],
)
def test_each_wrong_field_is_named(ana_api: Api, body: dict[str, Any], field: str) -> None:
    error = ana_api.post("/api/sources", body, 400)["error"]
    assert error["code"] == "validation_error" and list(error["fields"]) == [field]


@pytest.mark.parametrize("data", [b"{", b"[]", b'"text"', b"null", b"\xff", b""])
def test_a_body_that_is_no_object_is_refused(ana_api: Api, data: bytes) -> None:
    answer = ana_api.call("POST", "/api/sources", data=data, content_type="application/json")
    assert answer.status_code == 400


def test_a_body_has_a_limit(ana_api: Api) -> None:
    answer = ana_api.call("POST", "/api/sources", json={"key": "a", "name": "x" * 2_000_000})
    assert answer.status_code == 413


def test_a_destination_shows_no_secret_and_keeps_it(api: Api, hook: RecordingServer) -> None:
    made = add_hook(api, hook)
    shown = {"url": hook.url, "secret": "••••", "headers": {"X-Api-Key": "••••"}}
    assert made["settings"] == shown and made["key"] == "webhook" and made["source"] is None
    # What was read can be sent back as it is.
    body = {"settings": {**made["settings"], "method": "PUT"}, "name": "Ours"}
    changed = api.send("PATCH", "/api/destinations/webhook", body)
    assert changed["settings"] == {**shown, "method": "PUT"} and changed["name"] == "Ours"
    api.post("/api/destinations/webhook/test")
    assert hook.requests[-1].headers["x-api-key"] == "abcd1234"
    assert hook.requests[-1].method == "PUT" and "webhook-signature" in hook.requests[-1].headers
    narrow = api.send("PATCH", "/api/destinations/webhook", {"filter": "type = 'track' "})
    assert narrow["filter"] == "type = 'track'" and made["filter"] == ""
    assert narrow["filter_warnings"] == []
    unseen = api.send("PATCH", "/api/destinations/webhook", {"filter": "event = 'Nothing'"})
    assert unseen["filter_warnings"] == ["Nothing has never been seen."]
    refused = api.send("PATCH", "/api/destinations/webhook", {"filter": "type = "}, 400)
    assert refused["error"]["fields"]["filter"][0].startswith("line 1, column 7: the condition")
    unset = api.send("PATCH", "/api/destinations/webhook", {"settings": {"method": None}})
    assert unset["settings"] == shown
    assert api.send("DELETE", "/api/destinations/webhook") == {}
    api.get("/api/destinations/webhook", 404)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "plugin"),
        ({"plugin": "nothing"}, "plugin"),
        ({"plugin": "webhook"}, "settings.url"),
        ({"plugin": "webhook", "settings": {"url": "x"}}, "settings.url"),
        ({"plugin": "webhook", "settings": {"url": URL, "more": 1}}, "settings.more"),
        ({"plugin": "webhook", "settings": []}, "settings"),
        ({"plugin": "webhook", "settings": {"url": URL}, "key": "A b"}, "key"),
        ({"plugin": "webhook", "settings": {"url": URL}, "filter": "tipe("}, "filter"),
        ({"plugin": "webhook", "settings": {"url": URL}, "filter": "x" * 5001}, "filter"),
    ],
)
def test_wrong_settings_are_named(ana_api: Api, body: dict[str, Any], field: str) -> None:
    assert list(ana_api.post("/api/destinations", body, 400)["error"]["fields"]) == [field]


def test_a_destination_of_no_source_is_refused(ana_api: Api) -> None:
    body = {"plugin": "webhook", "settings": {"url": URL}, "source": "nothing"}
    assert "nothing" in ana_api.post("/api/destinations", body, 404)["error"]["message"]
    assert ana_api.listed("/api/destinations") == []


def test_the_kinds_of_destinations_say_what_they_need(ana_api: Api) -> None:
    kinds = {kind["plugin"]: kind for kind in ana_api.listed("/api/destination-kinds")}
    fields = {row["name"]: row for row in kinds["webhook"]["settings"]}
    assert fields["url"]["required"] and fields["secret"]["secret"]


def test_a_test_shows_what_was_sent_and_answered(api: Api, hook: RecordingServer) -> None:
    add_hook(api, hook)
    hook.answers = [Answer(200), Answer(500, body=b"broken")]
    good = api.post("/api/destinations/webhook/test")
    assert good["ok"] and good["exchange"]["status"] == 200
    assert good["exchange"]["request_headers"]["X-Api-Key"] == "••••"
    bad = api.post("/api/destinations/webhook/test")
    assert not bad["ok"] and "500" in bad["error"] and bad["exchange"]["response_body"] == "broken"


def test_what_gets_events_has_nothing_to_check(api: Api, hook: RecordingServer) -> None:
    add_hook(api, hook)
    assert api.listed("/api/destinations/webhook/checks") == []
    api.get("/api/destinations/nothing/checks", 404)


def test_calls_dead_letters_and_replays(api: Api, space: Space, hook: RecordingServer) -> None:
    add_hook(api, hook)
    hook.answers = [Answer(200), Answer(400, body=b"no thanks"), Answer(422)]
    space.send(*[dict(m, userId=f"p{n}") for n, m in enumerate(ana())])
    deliver(space)
    home = "/api/destinations/webhook"
    health = api.get(home)["health"]
    assert (health["delivered"], health["dead"], health["behind"]) == (3, 2, 0)
    calls = api.listed(f"{home}/calls", limit=2)
    assert len(calls) == 5 and len({call["id"] for call in calls}) == 5
    refused = api.listed(f"{home}/calls", outcome="rejected")
    assert sorted(call["status"] for call in refused) == [400, 422]
    [number] = [call["id"] for call in refused if call["status"] == 400]
    one = api.get(f"{home}/calls/{number}")
    assert one["exchange"]["response"]["body"] == "no thanks"
    dead = api.listed(f"{home}/dead", limit=1)
    assert len(dead) == 2
    assert {item["error"] for item in dead} == {call["error"] for call in refused}
    event = api.get(f"/api/events/{dead[0]['seq']}")
    assert event["message"]["messageId"] in ("m1", "m2", "m3", "m4", "m5")
    assert {"kind": "dead", "key": "webhook", "text": "2 not delivered", "since": None} in api.get(
        "/api/status"
    )["troubles"]

    assert api.post(f"{home}/dead/replay", {"item": dead[0]["id"]}) == {"tried_again": 1}
    assert api.post(f"{home}/dead/replay", {"error": "nothing like it"}) == {"tried_again": 0}
    assert api.post(f"{home}/dead/replay", {"all": True}) == {"tried_again": 1}
    deliver(space)
    assert api.get(home)["health"]["dead"] == 0 and len(hook.requests) == 7
    assert len({r.headers["webhook-id"] for r in hook.requests}) == 5  # the same keys

    made = api.post(f"{home}/replays", {"from": iso(45), "to": iso(25)}, 201)
    deliver(space)
    [replay] = api.listed(f"{home}/replays")
    assert replay["name"] == made["name"] and replay["state"] == "done"
    assert (replay["delivered"], replay["share"]) == (2, 1.0)
    assert {json.loads(r.body)["messageId"] for r in hook.requests[7:]} == {"m3", "m4"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("dead/replay", {}),
        ("dead/replay", {"all": False}),
        ("dead/replay", {"all": True, "item": 1}),
        ("dead/replay", {"item": "x"}),
        ("dead/replay", {"item": 2**63}),
        ("dead/replay", {"error": "\0"}),
        ("replays", {"from": "2026-01-01"}),
        ("replays", {"from": "soon", "to": "later"}),
        ("replays", {"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}),
    ],
)
def test_a_replay_of_nonsense_is_refused(
    api: Api, hook: RecordingServer, path: str, body: Any
) -> None:
    add_hook(api, hook)
    api.post(f"/api/destinations/webhook/{path}", body, 400)


def test_a_stopped_destination_is_a_trouble_and_can_be_tried_anew(
    api: Api, space: Space, hook: RecordingServer
) -> None:
    add_hook(api, hook)
    hook.answers = [Answer(401)]
    space.send(ana()[0])
    deliver(space)
    assert api.get("/api/destinations/webhook")["health"]["state"] == "stopped"
    [trouble] = api.get("/api/status")["troubles"]
    assert trouble["kind"] == "destination" and trouble["text"].startswith("stopped: ")
    again = api.post("/api/destinations/webhook/retry")
    assert again["health"]["state"] == "running"
    off = api.send("PATCH", "/api/destinations/webhook", {"enabled": False})
    assert not off["enabled"]
    deliver(space)
    assert len(hook.requests) == 1


def test_events_are_listed_and_filtered(api: Api, space: Space) -> None:
    space.send(*ana())
    rows = api.listed("/api/events", limit=2)
    assert [row["message"]["messageId"] for row in rows] == ["m5", "m4", "m3", "m2", "m1"]
    [order] = api.listed("/api/events", name="Order Completed")
    assert order["type"] == "track" and order["source"] == "default" and not order["historical"]
    assert api.get(f"/api/events/{order['seq']}") == {**order, "kept_apart": []}
    assert len(api.listed("/api/events", type="identify")) == 2
    assert len(api.listed("/api/events", profile="user_id:u1")) == 5
    assert api.listed("/api/events", source="default", type="alias") == []
    api.get("/api/events", 404, source="nothing")
    api.get("/api/events", 404, profile="user_id:nobody")
    api.get("/api/events", 400, type="nothing")
    api.get("/api/events/999", 404)
    api.get(f"/api/events/{2**63}", 404)


def test_refused_messages_come_with_reason_and_body(api: Api, space: Space) -> None:
    space.send({"type": "track", "userId": "u"}, {"type": "nonsense", "userId": "u"},
               {"type": "track", "event": "E"})  # fmt: skip
    rows = api.listed("/api/rejected", limit=1)
    assert len(rows) == 3
    for row in rows:
        assert row["reason"] and row["source"] == "default" and row["body"]["type"] == row["type"]
        assert api.get(f"/api/rejected/{row['id']}") == row
    codes = {row["code"] for row in rows}
    reasons = api.listed("/api/rejected/reasons")
    assert {reason["code"] for reason in reasons} == codes
    assert sum(reason["count"] for reason in reasons) == 3
    assert [r["code"] for r in api.listed("/api/rejected", code=rows[0]["code"])] == [
        rows[0]["code"]
    ]
    api.get("/api/rejected/99", 404)
    assert api.get("/api/status")["refused_last_day"] == 3


def test_people_are_found_and_explained(api: Api, space: Space) -> None:
    space.send(*ana())
    [face] = api.listed("/api/profiles", search="ana k")
    assert face["name"] == "Ana Kowalska" and "user_id:u1" in face["identifiers"]
    assert api.listed("/api/profiles") == [face]
    [acme] = api.listed("/api/profiles", collection="accounts")
    for name in (face["id"], "user_id:u1", "email:ANA@example.com", "anonymous_id:a1"):
        profile = api.get(f"/api/profiles/{name}")
        assert profile["id"] == face["id"] and profile["traits"]["plan"] == "pro"
        assert profile["links"] == [acme["id"]]
    ids = api.listed(f"/api/profiles/{face['id']}/identifiers")
    assert [row["message_id"] for row in ids] == ["m1", "m2", "m2"]
    story = api.get("/api/profiles/user_id:u1/explanation")
    founded, joined = story["profile"]["steps"]
    assert story["profile"]["founded_by"] == "anonymous_id:a1" and founded["message_id"] == "m1"
    assert joined["known_by"] == ["anonymous_id:a1"] and "user_id:u1" in joined["added"]
    plans = api.listed("/api/profiles/user_id:u1/trait-history", trait="plan")
    assert [(row["value"], row["message_id"]) for row in plans] == [("pro", "m4"), ("free", "m2")]
    events = api.listed("/api/profiles/user_id:u1/events", limit=2)
    assert [row["message"]["messageId"] for row in events] == ["m5", "m4", "m3", "m2", "m1"]
    api.get("/api/profiles/user_id:nobody", 404)


def test_status_counts_and_plugins_are_listed(api: Api, space: Space) -> None:
    space.send(*ana())
    status = api.get("/api/status")
    assert (status["people"], status["accounts"], status["sources"]) == (1, 1, 1)
    assert status["events_last_hour"] == status["events_last_day"] == 5
    assert status["troubles"] == []
    plugins = {row["name"]: row for row in api.listed("/api/plugins")}
    assert plugins["webhook"]["loaded"] and "register_destinations" in plugins["webhook"]["hooks"]


def test_a_plugin_that_cannot_be_loaded_says_why(space: Space) -> None:
    space.settings.plugin_folder.mkdir()
    (space.settings.plugin_folder / "broken.py").write_text("raise RuntimeError('no luck')")
    rows = {row["name"]: row for row in Api(space, "token-of-this-test").listed("/api/plugins")}
    assert not rows["broken"]["loaded"] and "no luck" in rows["broken"]["error"]


def test_addresses_that_lead_nowhere_are_told_in_the_same_shape(ana_api: Api) -> None:
    ana_api.get("/api/nothing", 404)
    ana_api.send("DELETE", "/api/status", status=404)
    ana_api.get("/api/sources/nothing", 404)
    ana_api.get("/api/destinations/nothing/calls", 404)
