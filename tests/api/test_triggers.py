"""Calls of broadcasts, in Customer.io's shapes."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from cdp.delivery.broadcasts import files
from cdp.delivery.broadcasts.mover import Mover
from cdp.store.messages import broadcasts, deliveries
from tests.api.calls import Api
from tests.factories import Space, bearer


@pytest.fixture
def client(space: Space, api: Api) -> FlaskClient:
    space.send(
        {"type": "identify", "userId": "u1", "traits": {"email": "u1@x.org", "plan": "pro"}},
        {"type": "identify", "userId": "u2", "traits": {"email": "u2@x.org"}},
    )
    template = {"key": "t", "channel": "email", "subject": "S {{ trigger.head }}", "body": "B"}
    api.post("/api/templates", template, 201)
    body = {"name": "News", "key": "news", "template": "t", "triggered": True}
    api.post("/api/broadcasts", body, 201)
    assert api.post("/api/broadcasts/news/start")["state"] == "ready"
    return space.client()


def call(client: FlaskClient, body: Any, status: int = 200, name: str = "news") -> Any:
    answer = client.post(f"/v1/campaigns/{name}/triggers", json=body, headers=bearer())
    assert answer.status_code == status, answer.text
    return answer.json


def sent(space: Space, lines: list[bytes] | None = None) -> dict[str, Any]:
    """The data of what was queued, by user."""
    mover = Mover(space.store, fetch=(lambda url: lines) if lines is not None else files.refuse)
    while mover.step() == 0:
        pass
    found = {}
    with space.store.read() as tx:
        for number in range(1, 20):
            row = deliveries.get(tx, number)
            if row is not None:
                found[row.node] = row.data.get("trigger", {})
    return found


def test_ids_and_emails_name_people(space: Space, client: FlaskClient) -> None:
    made = call(client, {"ids": ["u1"], "data": {"head": "Hello"}})
    assert list(sent(space).values()) == [{"head": "Hello"}]
    call(client, {"emails": ["U2@x.org"], "data": {"head": "Hi"}})
    assert list(sent(space).values()) == [{"head": "Hello"}, {"head": "Hi"}]
    found = client.get(f"/v1/campaigns/news/triggers/{made['id']}", headers=bearer()).json
    assert found["trigger"]["people"] == 1


def test_each_person_may_have_data_of_their_own(space: Space, client: FlaskClient) -> None:
    own = [{"id": "u1", "data": {"head": "A"}}, {"email": "u2@x.org", "data": {"head": "B"}}]
    call(client, {"per_user_data": own, "data": {"head": "X", "foot": "F"}})
    assert list(sent(space).values()) == [{"head": "A", "foot": "F"}, {"head": "B", "foot": "F"}]


def test_a_filter_names_people(space: Space, client: FlaskClient) -> None:
    plan = {"attribute": {"field": "plan", "operator": "eq", "value": "pro"}}
    known = {"attribute": {"field": "email", "operator": "exists"}}
    call(client, {"recipients": {"and": [plan, known]}})
    assert len(sent(space)) == 1
    assert "nested" in call(client, {"recipients": _deep(plan)}, 400)["meta"]["error"]
    call(client, {"recipients": {"segment": {"id": "vip"}}}, 400)


def _deep(inner: Any) -> Any:
    for _ in range(20):
        inner = {"not": inner}
    return inner


def test_who_is_not_known_fails_the_call_unless_ignored(space: Space, client: FlaskClient) -> None:
    refused = call(client, {"ids": ["u1", "nobody"]}, 422)
    told = client.get(f"/v1/campaigns/news/triggers/{refused['id']}/errors", headers=bearer()).json
    assert told["errors"][0]["detail"] == "entry 2: there is no person with this id"
    assert sent(space) == {}
    call(client, {"ids": ["u1", "nobody"], "id_ignore_missing": True})
    assert len(sent(space)) == 1


def test_a_file_is_fetched_and_read_line_by_line(space: Space, client: FlaskClient) -> None:
    made = call(client, {"data_file_url": "https://files.example/people.jsonl"})
    lines = [b'{"id": "u1", "data": {"head": "L"}}', b"", b'{"email": "u2@x.org"}']
    assert list(sent(space, lines).values()) == [{"head": "L"}, {}]
    broken = call(client, {"data_file_url": "https://files.example/people.jsonl"})
    sent(space, [b"{"])
    with space.store.read() as tx:
        assert broadcasts.get(tx, made["id"]).people == 2
        row = broadcasts.get(tx, broken["id"])
    assert row.state == "failed"
    assert "line 1 is no JSON" in (row.error or "")


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ({"ids": ["u1"], "emails": ["u2@x.org"]}, "say one of"),
        ({}, "names nobody"),
        ({"recipients": {}, "data": None}, "names nobody"),
        ({"ids": "u1"}, "must be a list"),
        ({"ids": ["u"] * 10_001}, "use data_file_url"),
        ({"data": {"a": "x" * 60_000}, "ids": ["u1"]}, "more than 50,000 bytes"),
        ({"data_file_url": "file:///etc/passwd"}, "http or https"),
        ({"colour": 1}, "no field 'colour'"),
        ({"recipients": {"attribute": {"field": "a", "operator": "like"}}}, "no operator 'like'"),
    ],
)
def test_what_is_wrong_is_said(client: FlaskClient, body: Any, part: str) -> None:
    assert part in call(client, body, 400)["meta"]["error"]


def test_only_one_that_is_ready_can_be_called(client: FlaskClient, api: Api) -> None:
    api.post("/api/broadcasts", {"name": "Draft", "template": "t", "triggered": True}, 201)
    assert "it is draft" in call(client, {"ids": ["u1"]}, 400, "draft")["meta"]["error"]
    call(client, {"ids": ["u1"]}, 404, "other")


def test_too_many_calls_wait(client: FlaskClient) -> None:
    for _ in range(5):
        call(client, {"ids": ["u1"]})
    call(client, {"ids": ["u1"]}, 429)


def test_it_needs_a_token_for_sending(space: Space, client: FlaskClient) -> None:
    answer = client.post("/v1/campaigns/news/triggers", json={})
    assert answer.status_code == 401
    weak = bearer(space.token("messages:write"))
    assert client.post("/v1/campaigns/news/triggers", json={}, headers=weak).status_code == 403
