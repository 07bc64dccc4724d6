"""Calls that begin journeys: of the API, and webhooks from outside."""

from __future__ import annotations

from typing import Any

import msgspec

from cdp.store.journeys import launched as journeys
from cdp.store.journeys import runs as journey_runs
from cdp.store.messages import emissions
from tests.api.calls import Api
from tests.factories import KEY, Space

STEPS = [{"emit": {"event": "Told", "properties": {"why": "{{ event.why }}"}}}]


def launch(api: Api, trigger: dict[str, Any]) -> None:
    body = {"key": "told", "trigger": trigger, "entry": "every_time", "steps": STEPS}
    api.post("/api/journeys", body, 201)
    api.post("/api/journeys/told/launch")
    api.space.pipeline.settle()


def heard(space: Space) -> list[dict[str, Any]]:
    """What was said, brought into the log as the server does; what is said then."""
    with space.store.write() as tx:
        found = emissions.oldest(tx, 100)
        emissions.gone(tx, [item.id for item in found])
    space.send(*(msgspec.json.decode(item.body) for item in found))
    with space.store.read() as tx:
        return [msgspec.json.decode(item.body) for item in emissions.oldest(tx, 100)]


def test_people_enter_by_a_call_each_with_their_data(api: Api, space: Space) -> None:
    launch(api, {"api": True})
    people = [{"user_id": "u1", "data": {"why": "a"}}, {"user_id": "u2", "data": {"why": "b"}}]
    given = {"people": people, "id": "call-1"}
    assert api.post("/api/journeys/told/trigger", given, 202) == {"people": 2}
    said = heard(space)
    assert [item["properties"]["why"] for item in said] == ["a", "b"]
    api.post("/api/journeys/told/trigger", given, 202)
    heard(space)
    with space.store.read() as tx:
        row = journeys.row(tx, "told")
        assert row is not None
        assert len(journey_runs.listed(tx, row.id, {})) == 2


def test_what_can_not_be_called_says_why(api: Api, space: Space) -> None:
    launch(api, {"webhook": True})
    error = api.post("/api/journeys/told/trigger", {"people": [{"user_id": "u1"}]}, 409)["error"]
    assert "is not begun by calls of the API" in error["message"]
    api.post("/api/journeys/told/trigger", {"people": []}, 400)
    reader = Api(space, space.token("journeys:read"))
    reader.post("/api/journeys/told/trigger", {"people": [{"user_id": "u1"}]}, 403)


def test_a_webhook_from_outside_begins_it(api: Api, space: Space) -> None:
    launch(api, {"webhook": True, "person": "customer.id", "where": "properties.paid = true"})
    client = space.client()
    body = {"customer": {"id": 7}, "paid": True, "why": "invoice"}
    where = f"/hooks/journeys/told?writeKey={KEY}"
    assert client.post(where, json=body).status_code == 202
    assert client.post(where, json={**body, "paid": False}).status_code == 202
    said = heard(space)
    assert [item["userId"] for item in said] == ["7"]
    assert said[0]["properties"] == {"why": "invoice"}


def test_a_webhook_from_outside_is_refused(api: Api, space: Space) -> None:
    launch(api, {"webhook": True})
    client = space.client()
    where = f"/hooks/journeys/told?writeKey={KEY}"
    assert client.post("/hooks/journeys/told", json={"userId": "u"}).status_code == 401
    assert client.post("/hooks/journeys/told?writeKey=no", json={}).status_code == 401
    assert client.post(where, data=b"{").status_code == 400
    assert client.post(where, json=[1]).status_code == 400
    assert client.post(where, json={"user": "u"}).status_code == 409
    assert client.post(f"/hooks/journeys/nope?writeKey={KEY}", json={}).status_code == 404
    assert client.get(where).status_code == 405
    api.post("/api/journeys/told/pause")
    assert client.post(where, json={"userId": "u"}).status_code == 409
    with space.store.read() as tx:
        assert emissions.oldest(tx, 10) == []
