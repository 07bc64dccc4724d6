"""Transactional sends, as clients of Customer.io's App API make them."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from cdp.messaging.request import Flag
from cdp.store import definitions, meta
from cdp.store.messages import reads as message_reads
from cdp.store.messages.deliveries import Delivery
from cdp.store.tables import deliveries as deliveries_table
from tests.factories import TOKEN, Space, bearer

MAIL = {"from": "Shop <shop@example.org>", "subject": "Hi", "body": "<p>Hi</p>"}


def send(space: Space, body: Any, channel: str = "email", **headers: str) -> TestResponse:
    return space.client().post(
        f"/v1/send/{channel}", json=body, headers={**bearer(TOKEN), **headers}
    )


def kept(space: Space, answer: TestResponse) -> Delivery:
    assert answer.status_code == 200, answer.text
    with space.store.read() as tx:
        found = message_reads.by_name(tx, answer.json["delivery_id"])
    assert found is not None
    return found


def define(space: Space, key: str, **body: Any) -> None:
    with space.store.write() as tx:
        definitions.put(tx, 1, "template", key, body, "test")
        meta.bump(tx)


def error(answer: TestResponse, status: int = 400) -> str:
    assert answer.status_code == status, answer.text
    text: str = answer.json["meta"]["error"]
    return text


def test_an_email_with_its_content(ana_space: Space) -> None:
    body = {**MAIL, "identifiers": {"email": "ANA@example.com"}, "message_data": {"n": 1}}
    answer = send(ana_space, body)
    assert set(answer.json) == {"delivery_id", "queued_at"}
    assert isinstance(answer.json["queued_at"], int)
    row = kept(ana_space, answer)
    assert (row.state, row.channel, row.origin, row.priority) == (
        "waiting", "email", "transactional", 10,
    )  # fmt: skip
    assert row.node is not None and row.recipient is None
    assert row.data["trigger"] == {"n": 1} and row.data["content"]["subject"] == "Hi"
    assert Flag(row.flags) == Flag.UNLIMITED | Flag.TO_UNSUBSCRIBED


def test_a_template_is_named_by_key_or_name_whatever_its_case(ana_space: Space) -> None:
    define(ana_space, "welcome", channel="email", name="Welcome Mail", subject="s", body="b",
           topic="news")  # fmt: skip
    for name in ("welcome", "WELCOME mail"):
        body = {"transactional_message_id": name, "identifiers": {"id": "u1"}}
        row = kept(ana_space, send(ana_space, body))
        assert (row.template, row.origin_key, row.topic) == ("welcome", "welcome", "news")
    body = {"transactional_message_id": 7, "identifiers": {"id": "u1"}}
    assert "there is no template '7'" in error(send(ana_space, body))
    define(ana_space, "text", channel="sms", text="b")
    body["transactional_message_id"] = "text"
    assert "is a template for sms" in error(send(ana_space, body))


def count(space: Space) -> int:
    with space.store.read() as tx:
        return len(tx.execute(select(deliveries_table.c.id)).all())


def test_the_same_idempotency_key_is_the_same_message(ana_space: Space) -> None:
    before = count(ana_space)
    body = {**MAIL, "identifiers": {"id": "u1"}}
    first = send(ana_space, body, **{"Idempotency-Key": "order-1"})
    again = send(ana_space, body, **{"Idempotency-Key": "order-1"})
    other = send(ana_space, body, **{"Idempotency-Key": "order-2"})
    assert first.json == again.json and first.json != other.json
    assert count(ana_space) == before + 2


def test_switches(ana_space: Space) -> None:
    body = {
        **MAIL, "identifiers": {"id": "u1"}, "send_to_unsubscribed": False, "tracked": False,
        "disable_message_retention": True, "queue_draft": True, "send_at": 4_000_000_000,
    }  # fmt: skip
    assert "90 days" in error(send(ana_space, body))
    import time

    body["send_at"] = int(time.time()) + 3600
    row = kept(ana_space, send(ana_space, body))
    assert row.state == "drafted" and row.due_at == body["send_at"] * 1000
    assert Flag(row.flags) == Flag.UNLIMITED | Flag.UNTRACKED | Flag.NO_COPY


def test_somebody_unknown_gets_what_has_an_address(space: Space) -> None:
    row = kept(space, send(space, {**MAIL, "identifiers": {"email": "new@example.org"}}))
    assert row.node is None and row.recipient == "new@example.org"
    row = kept(space, send(space, {**MAIL, "to": "x@y.org", "identifiers": {"id": "nobody"}}))
    assert row.recipient == "x@y.org"
    assert "nobody has" in error(send(space, {**MAIL, "identifiers": {"id": "nobody"}}))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"identifiers": {}}, "identifiers"),
        ({"identifiers": {"id": "u1", "email": "a@b.c"}}, "exactly one"),
        ({"identifiers": {"id": True}}, "identifiers"),
        ({"subject": ""}, "subject"),
        ({"subject": 7}, "subject"),
        ({"to": "a@b.c\r\nBcc: x@y.z"}, "to"),
        ({"to": ",".join(["a@b.c"] * 16)}, "15 are allowed"),
        ({"headers": {"X-A": "1\r\nBcc: x"}}, "headers"),
        ({"attachments": {"a.txt": "not base64!"}}, "attachments"),
        ({"attachments": {"a": base64.b64encode(b"x" * 2_000_001).decode()}}, "attachments"),
        ({"send_at": "soon"}, "send_at"),
        ({"tracked": "yes"}, "tracked"),
        ({"message_data": [1]}, "message_data"),
        ({"subjet": "x"}, "subjet: a send of email has no such field"),
    ],
)
def test_what_is_wrong_is_said(ana_space: Space, change: Any, says: str) -> None:
    before = count(ana_space)
    body = {**MAIL, "identifiers": {"id": "u1"}, **change}
    assert says in error(send(ana_space, body))
    assert count(ana_space) == before


def test_malformed_bodies_and_strangers(ana_space: Space) -> None:
    client = ana_space.client()
    for raw in (b"", b"{", b"[]", b"null", b"\xff"):
        assert error(client.post("/v1/send/email", data=raw, headers=bearer(TOKEN)))
    assert error(client.post("/v1/send/fax", json={}, headers=bearer(TOKEN)), 404)
    assert error(client.get("/v1/send/email", headers=bearer(TOKEN)), 405)
    assert error(client.post("/v1/send/email", json={}), 401)


def test_headers_of_clients_that_send_empty_ones(ana_space: Space) -> None:
    body = {**MAIL, "identifiers": {"id": "u1"}, "headers": {}, "attachments": {}, "bcc": ""}
    assert "headers" not in kept(ana_space, send(ana_space, body)).data["content"]


def test_other_channels(ana_space: Space) -> None:
    who = {"identifiers": {"id": "u1"}}
    push = {**who, "title": "T", "message": "B", "custom_data": {"a": "1"},
            "custom_device": {"token": "f00d", "platform": "ios"}}  # fmt: skip
    row = kept(ana_space, send(ana_space, push, "push"))
    assert row.recipient == "f00d"
    assert row.data["content"] == {"title": "T", "body": "B", "data": {"a": "1"}, "platform": "ios"}
    row = kept(ana_space, send(ana_space, {**who, "body": "Hello"}, "sms"))
    assert row.data["content"] == {"body": "Hello"}
    row = kept(ana_space, send(ana_space, {**who, "title": "T", "body": "B"}, "in_app"))
    assert row.channel == "in_app"
