"""Journeys tried and understood by the API."""

from __future__ import annotations

from typing import Any

from cdp.store.defined import defining
from tests.api.calls import Api
from tests.factories import Space

WELCOME: dict[str, Any] = {
    "trigger": {"event": "Signed Up"},
    "if": 'traits.country = "PL"',
    "steps": [{"send": "hello"}, {"wait": "2d"}, {"send": "hello"}],
}
PERIOD = {"from": "2020-01-01T00:00:00Z", "to": "2099-01-01T00:00:00Z"}


def made(api: Api, space: Space) -> None:
    api.post("/api/templates", {"key": "hello", "channel": "sms", "body": "Hi {{ customer.name }}"},
             201)  # fmt: skip
    with space.store.write() as tx:
        defining.put(tx, 1, ("journey", "welcome"), WELCOME, "test")
    for user, country in (("u1", "PL"), ("u2", "DE")):
        traits = {"country": country, "name": user}
        space.send(
            {"type": "identify", "userId": user, "traits": traits},
            {"type": "track", "userId": user, "event": "Signed Up"},
        )


def test_explain(api: Api, space: Space) -> None:
    made(api, space)
    found = api.get("/api/journeys/welcome/explain/user_id:u2")
    assert [check["name"] for check in found["checks"] if not check["ok"]] == [
        "launched", "filter",
    ]  # fmt: skip
    assert found["checks"][2]["clauses"] == [
        {"clause": 'traits.country = "PL"', "holds": False, "value": "DE"}
    ]
    assert found["seen"][0]["counts"] is True
    api.get("/api/journeys/none/explain/user_id:u2", 404)
    api.get("/api/journeys/welcome/explain/user_id:nobody", 404)


def test_simulate(api: Api, space: Space) -> None:
    made(api, space)
    script = [{"event": "Signed Up"}, {"advance": "3d"}]
    address = "/api/journeys/welcome/simulate"
    steps = api.post(address, {"script": script, "person": "user_id:u1"})["steps"]
    said = [did["content"]["text"] for step in steps for did in step.get("did", ())]
    assert said == ["Hi u1", "Hi u1"]
    assert steps[1]["why"]["clauses"][0]["value"] == "PL"
    new = {"type": "identify", "traits": {"country": "PL"}, "timestamp": "2026-01-01T00:00:00Z"}
    steps = api.post(address, {"script": [new, *script]})["steps"]
    assert next(s["did"][0]["error"] for s in steps if s.get("did")).startswith(
        "body: customer.name"
    )
    body = {**WELCOME, "steps": [{"exit": "now"}]}
    steps = api.post(address, {"script": [new, *script], "body": body})["steps"]
    assert steps[-1]["at"] == steps[-2]["at"] and steps[-1]["exit"] == "exit:now"
    api.post(address, {"script": [{"type": "alias"}]}, 400)
    api.post(address, {"script": [{"advance": "36525d"}] * 200}, 400)
    found = api.post(address, {"script": script, "body": {**WELCOME, "steps": [{"wat": 1}]}}, 400)
    assert "steps[0]" in found["error"]["fields"]


def test_backtest(api: Api, space: Space) -> None:
    made(api, space)
    draft = {**WELCOME, "if": "traits.country != null"}
    address = "/api/journeys/welcome/backtest"
    found = api.post(address, {**PERIOD, "body": draft})
    assert [(v["version"], v["runs"], v["messages"]) for v in found["versions"]] == [
        ("version 1", 1, 2), ("draft", 2, 4),
    ]  # fmt: skip
    assert found["versions"][1]["edges"][0] == {"step": "send-hello", "exit": "next", "runs": 2}
    api.post(address, {**PERIOD, "against": 7}, 404)
    api.post(address, {"from": PERIOD["to"], "to": PERIOD["from"]}, 400)
