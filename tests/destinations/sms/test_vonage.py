"""Vonage: both of its APIs and both kinds of signed webhooks."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cdp_sms import SMS

from cdp.plugin import Forged, Inbound, Report, SMSContent, Stop
from cdp.plugin.testing import channel_tests
from tests.destinations.sms.common import PUBLIC, TEXT, TO, answer, fields, inbound, make, send

SECRET = "signature-secret-of-thirty-two-bytes"
VONAGE = {
    "provider": "vonage", "api_key": "k1", "api_secret": "api-secret",
    "signature_secret": SECRET, "senders": "Shop",
}  # fmt: skip
TAKEN = answer(202, message_uuid="u1")
OLD = {**VONAGE, "vonage_api": "sms"}

TestVonage = channel_tests(
    SMS,
    settings=lambda url: {**VONAGE, "api_url": url},
    content=TEXT,
    accepts=TAKEN,
    wrong={"provider": "vonage"},
    forged=[inbound("status", b'{"message_uuid": "u1", "status": "delivered"}', {})],
)
TestVonageSMS = channel_tests(
    SMS,
    settings=lambda url: {**OLD, "api_url": url},
    content=TEXT,
    accepts=answer(200, messages=[{"status": "0", "message-id": "m1"}]),
    forged=[inbound("status", {"messageId": "m1", "status": "delivered", "sig": "00"}, {})],
)


def with_token(path: str, data: dict[str, Any], key: str = SECRET, **claims: Any) -> Inbound:
    body = json.dumps(data).encode()
    now = int(time.time())
    found = {
        "iat": now, "jti": "j1", "iss": "Vonage", "api_key": "k1",
        "payload_hash": hashlib.sha256(body).hexdigest(), **claims,
    }  # fmt: skip
    token = jwt.encode(found, key, "HS256")
    return inbound(path, body, {"authorization": f"Bearer {token}"})


def with_signature(path: str, data: dict[str, str], key: str = SECRET, kind: Any = "sha256") -> Any:
    data = {"timestamp": str(int(time.time())), "nonce": "n", **data}
    text = "".join(f"&{name}={data[name].translate({38: '_', 61: '_'})}" for name in sorted(data))
    sig = hmac.new(key.encode(), text.encode(), kind).hexdigest()
    return inbound(path, {**data, "sig": sig}, {})


def take(request: Inbound) -> list[Report]:
    reply = make(**VONAGE).receive(request)
    assert reply is not None
    return reply.reports


def test_the_messages_api_is_called_with_our_id_and_callback() -> None:
    receipt, [request] = send(VONAGE, TAKEN)
    assert (receipt.kind, receipt.provider_id, request.path) == ("sent", "u1", "/v1/messages")
    assert base64.b64decode(request.headers["authorization"].split()[1]) == b"k1:api-secret"
    assert request.json() == {
        "channel": "sms", "message_type": "text", "text": TEXT.text, "to": TO[1:], "from": "Shop",
        "client_ref": "d1", "webhook_url": f"{PUBLIC}/channels/Text%20me/status",
        "webhook_version": "v1",
    }  # fmt: skip
    _, [request] = send(
        {**VONAGE, "whatsapp_sender": "48500"}, TAKEN, SMSContent(TO, "Hi", whatsapp=True)
    )
    assert (request.json()["channel"], request.json()["from"]) == ("whatsapp", "48500")


def test_the_sms_api_is_told_of_unicode() -> None:
    taken = answer(200, messages=[{"status": "0", "message-id": "m1"}, {"status": "1"}])
    receipt, [request] = send(OLD, taken)
    assert (receipt.kind, receipt.provider_id) == ("sent", "m1")
    assert receipt.response == {"parts": 2, "taken": 1}
    assert fields(request)["type"] == "unicode" and fields(request)["client-ref"] == "d1"
    _, [request] = send(OLD, taken, SMSContent(TO, "plain"))
    assert "type" not in fields(request)


@pytest.mark.parametrize(
    ("status", "kind"),
    [("1", "retry"), ("5", "unknown"), ("33", "bounced"), ("12", "failed"), ("3", "failed")],
)
def test_statuses_of_the_sms_api(status: str, kind: str) -> None:
    receipt, _ = send(OLD, answer(200, messages=[{"status": status, "error-text": "why"}]))
    assert receipt.kind == kind and f"Vonage {status}: why" == receipt.reason


@pytest.mark.parametrize("status", ["4", "9"])
def test_an_account_without_money_or_key_stops_the_channel(status: str) -> None:
    error, _ = send(OLD, answer(200, messages=[{"status": status, "error-text": "quota"}]))
    assert isinstance(error, Stop)


def test_statuses_come_with_a_token() -> None:
    data = {
        "message_uuid": "u1", "to": TO[1:], "from": "Shop", "client_ref": "d1",
        "timestamp": "2026-01-31T12:00:00Z", "status": "undeliverable",
        "error": {"title": "1020", "detail": "not a number"},
    }  # fmt: skip
    [report] = take(with_token("status", data))
    assert (report.kind, report.delivery, report.recipient) == ("bounced", "d1", TO)
    assert report.at == 1_769_860_800_000 and report.reason == "1020: not a number"
    assert take(with_token("status", {**data, "status": "read"}))[0].kind == "opened"


def test_messages_come_with_a_token() -> None:
    data = {
        "message_uuid": "i1", "to": "48500000001", "from": TO[1:], "channel": "sms",
        "timestamp": "2026-01-31T12:00:00Z", "message_type": "text", "text": "STOP",
    }  # fmt: skip
    [report] = take(with_token("inbound", data))
    assert (report.kind, report.recipient, report.id) == ("unsubscribed", TO, "in:i1")


@pytest.mark.parametrize("kind", ["sha1", "sha256", "sha512"])
def test_receipts_of_the_sms_api_come_with_a_signature(kind: str) -> None:
    data = {
        "messageId": "m1", "msisdn": TO[1:], "to": "Shop", "status": "failed", "err-code": "9",
        "client-ref": "d1", "message-timestamp": "2026-01-31 12:00:00",
    }  # fmt: skip
    [report] = take(with_signature("status", data, kind=kind))
    assert (report.kind, report.hard, report.delivery) == ("bounced", True, "d1")
    assert report.at == 1_769_860_800_000
    text = {"messageId": "i1", "msisdn": TO[1:], "to": "7000", "text": "a&b=c", "type": "text"}
    [report] = take(with_signature("inbound", text, kind=kind))
    assert (report.kind, report.detail["text"]) == ("replied", "a&b=c")


def test_what_is_not_vonages_is_refused() -> None:
    status = {"message_uuid": "u1", "status": "delivered"}
    good = with_token("status", status)
    none = jwt.encode({"iat": int(time.time())}, "", "none")
    for forged in (
        with_token("status", status, key="another-secret-of-thirty-two-bytes"),
        with_token("status", status, iat=int(time.time()) - 3600),
        with_token("status", status, api_key="k2"),
        with_token("status", status, payload_hash="00"),
        Inbound("POST", "status", good.url, {}, good.headers, good.body.replace(b"u1", b"u2")),
        Inbound("POST", "status", good.url, {}, {"authorization": f"Bearer {none}"}, good.body),
        with_signature("status", {"messageId": "m", "status": "delivered"}, key="another"),
        with_signature("status", {"messageId": "m", "timestamp": "1500000000"}),
    ):
        with pytest.raises(Forged):
            make(**VONAGE).receive(forged)
    with pytest.raises(Forged):
        make(**{**VONAGE, "signature_secret": ""}).receive(good)
