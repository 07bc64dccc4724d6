"""Bird's SMS API: keys that are kept, webhooks after Standard Webhooks."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from cdp_sms import SMS

from cdp.plugin import Forged, Inbound
from cdp.plugin.testing import channel_tests
from tests.destinations.sms.common import PUBLIC, TEXT, TO, answer, inbound, make, send

KEY = bytes(range(32))
BIRD = {
    "provider": "bird", "access_key": "bk_eu1_secret", "senders": "Shop",
    "signing_key": "whsec_" + base64.b64encode(KEY).decode(),
}  # fmt: skip
TAKEN = answer(202, id="sms_1", status="accepted")

TestBird = channel_tests(
    SMS,
    settings=lambda url: {**BIRD, "api_url": url},
    content=TEXT,
    accepts=TAKEN,
    wrong={"provider": "bird"},
    forged=[inbound("status", b'{"type": "sms.delivered", "data": {"sms_id": "1"}}', {})],
)


def signed(path: str, data: dict[str, Any], key: bytes = KEY, at: float | None = None) -> Inbound:
    body, stamp = json.dumps(data).encode(), str(int(at or time.time()))
    content = f"msg_1.{stamp}.".encode() + body
    signature = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return inbound(
        path, body,
        {"webhook-id": "msg_1", "webhook-timestamp": stamp,
         "webhook-signature": f"v1,AAAA v1,{signature}"},
    )  # fmt: skip


def test_a_message_is_posted_under_its_key() -> None:
    receipt, [request] = send(BIRD, TAKEN)
    assert (receipt.kind, receipt.provider_id, request.path) == ("sent", "sms_1", "/v1/sms")
    assert request.headers["authorization"] == "Bearer bk_eu1_secret"
    assert request.headers["idempotency-key"] == "key-1"
    assert request.json() == {
        "to": TO, "from": "Shop", "text": TEXT.text, "metadata": {"delivery": "d1"},
        "webhook_url": f"{PUBLIC}/channels/Text%20me/status",
    }  # fmt: skip
    assert make(**BIRD).keeps_keys
    assert make(**BIRD)._provider.api == "https://eu1.platform.bird.com"


def test_a_call_that_is_still_under_way_is_no_refusal() -> None:
    receipt, _ = send(BIRD, answer(409, error={"code": "conflict", "message": "in progress"}))
    assert receipt.kind == "unknown" and "in progress" in receipt.reason


@pytest.mark.parametrize(
    ("type_", "kind"),
    [("sms.delivered", "delivered"), ("sms.undelivered", "bounced"), ("sms.failed", "failed")],
)
def test_events_become_reports(type_: str, kind: str) -> None:
    data = {"sms_id": "sms_1", "to": TO, "metadata": {"delivery": "d1"}, "reason": "away"}
    event = {"type": type_, "timestamp": "2026-01-31T12:00:00Z", "data": data}
    reply = make(**BIRD).receive(signed("status", event))
    assert reply is not None
    [report] = reply.reports
    assert (report.kind, report.delivery, report.recipient) == (kind, "d1", TO)
    assert report.at == 1_769_860_800_000


def test_what_people_write_comes_in() -> None:
    data = {"sms_id": "sms_2", "from": TO, "to": "+48500000001", "text": "Stop"}
    event = {"type": "sms.received", "timestamp": "2026-01-31T12:00:00Z", "data": data}
    reply = make(**BIRD).receive(signed("inbound", event))
    assert reply is not None
    assert [(r.kind, r.recipient) for r in reply.reports] == [("unsubscribed", TO)]


def test_what_is_not_birds_is_refused() -> None:
    event = {"type": "sms.delivered", "data": {"sms_id": "sms_1"}}
    good = signed("status", event)
    for forged in (
        signed("status", event, key=bytes(32)),
        signed("status", event, at=1_500_000_000),
        Inbound("POST", "status", good.url, {}, good.headers, good.body + b" "),
        Inbound("POST", "status", good.url, {}, {**good.headers, "webhook-id": "x"}, good.body),
    ):
        with pytest.raises(Forged):
            make(**BIRD).receive(forged)
    for secrets in ("", "whsec_", "whsec_!!"):
        with pytest.raises(Forged):
            make(**{**BIRD, "signing_key": secrets}).receive(good)
