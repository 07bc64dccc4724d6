"""Reports of messages, as receivers made for Customer.io check them."""

from __future__ import annotations

import hmac
from typing import Any

import pytest
from cdp_customerio import ReportingWebhook
from cdp_customerio.reporting import report, ulid

from cdp.plugin import Batch, Event, Reject, Retry, Stop
from cdp.plugin.testing import Answer, RecordingServer


def told(name: str = "Email Link Clicked", **properties: Any) -> Event:
    body = {
        "type": "track",
        "event": name,
        "messageId": "m1",
        "userId": "u1",
        "context": {"traits": {"email": "ana@example.org"}},
        "properties": {
            "delivery_id": "d1",
            "channel": "email",
            "campaign_id": "spring",
            "campaign_type": "broadcast",
            **properties,
        },
    }
    return Event("m1", "track", name, body, "k1", t=1_700_000_000_123)


def made(url: str, **settings: Any) -> ReportingWebhook:
    from cdp.plugin import DestinationContext

    return ReportingWebhook({"url": url, **settings}, DestinationContext("r", True))


def test_a_report_is_signed_and_the_same_whenever_it_is_made() -> None:
    with RecordingServer() as server:
        destination = made(server.url, signing_key="secret")
        for _ in range(2):
            destination.send(Batch([told(link_url="https://shop.example/a")], "k"))
        first, second = server.requests
        destination.close()
    assert first.body == second.body
    said = first.json()
    assert (said["object_type"], said["metric"], said["timestamp"]) == (
        "email", "clicked", 1_700_000_000,
    )  # fmt: skip
    assert said["data"] == {
        "customer_id": "u1",
        "delivery_id": "d1",
        "identifiers": {"id": "u1", "email": "ana@example.org", "cio_id": None},
        "recipient": "ana@example.org",
        "href": "https://shop.example/a",
        "broadcast_id": "spring",
    }
    signed = b"v0:" + first.headers["x-cio-timestamp"].encode() + b":" + first.body
    right = hmac.digest(b"secret", signed, "sha256").hex()
    assert first.headers["x-cio-signature"] == right


def test_only_what_tells_of_our_messages_is_reported() -> None:
    destination = made("https://example.org")
    assert destination.wants(told())
    assert not destination.wants(told("Order Completed"))
    assert not destination.wants(told(machine=True))
    assert made("https://example.org", machines=True).wants(told(machine=True))
    foreign = told()
    del foreign.body["properties"]["delivery_id"]
    assert not destination.wants(foreign)
    foreign.body["properties"] = None
    assert not destination.wants(foreign)
    chosen = made("https://example.org", metrics="bounced,opened")
    assert not chosen.wants(told()) and chosen.wants(told("Email Bounced"))


@pytest.mark.parametrize(
    ("status", "kind"), [(400, Reject), (401, Stop), (404, Reject), (429, Retry), (500, Retry)]
)
def test_what_a_receiver_says_decides_what_follows(status: int, kind: type[Exception]) -> None:
    with RecordingServer(Answer(status)) as server:
        destination = made(server.url)
        with pytest.raises(kind):
            destination.send(Batch([told()], "k"))
        destination.close()


def test_it_can_be_tried_and_hides_its_key() -> None:
    with RecordingServer() as server:
        destination = made(server.url, signing_key="very-secret")
        assert destination.test().status == 200
        assert server.requests[0].json()["metric"] == "sent"
        assert "very-secret" not in str(ReportingWebhook.masked(destination.settings))
        destination.close()


def test_an_opt_out_is_of_the_channel_that_caused_it() -> None:
    event = told("Unsubscribed", channel="sms")
    assert (report(event)["object_type"], report(event)["metric"]) == ("sms", "unsubscribed")


def test_ids_are_ulids_in_the_order_of_time() -> None:
    ids = [ulid(ms, "x") for ms in (0, 1, 1_700_000_000_000, 2**48 - 1)]
    assert ids == sorted(ids) and {len(id_) for id_ in ids} == {26}
    assert ulid(5, "a") != ulid(5, "b")
