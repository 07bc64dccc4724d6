"""Bird's Channels, MessageBird, SNS, and services of any kind."""

import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from cdp_sms import SMS
from cdp_sms.sns import Credentials, signed_headers

from cdp.plugin import Forged, Inbound, SMSContent, Stop
from cdp.plugin.testing import Answer, RecordingServer, channel_tests
from tests.destinations.sms.common import TEXT, TO, answer, fields, inbound, make, send

BIRD = {
    "provider": "bird_channels", "access_key": "bird-key", "workspace_id": "w1", "channel_id": "c1",
    "signing_key": "bird-signing",
}  # fmt: skip
OLD_BIRD = {
    "provider": "messagebird", "access_key": "bird-key", "senders": "Shop",
    "signing_key": "messagebird-signing-key-long-enough",
}  # fmt: skip
AWS = {
    "provider": "sns", "access_key_id": "AKID", "secret_access_key": "aws-secret",
    "region": "eu-central-1", "webhook_token": "hook-token", "senders": "Shop",
}  # fmt: skip
HTTP = {
    "provider": "http", "url": "https://sms.example.org/send?to={to}",
    "headers": {"X-Api-Key": "service-key"}, "webhook_token": "hook-token",
    "body": '{"number": "{to}", "message": "{text}", "ref": "{id}"}', "id_field": "data.id",
}  # fmt: skip
PUBLISHED = Answer(
    200,
    {"content-type": "text/xml"},
    b"<PublishResponse><PublishResult><MessageId>m1</MessageId></PublishResult></PublishResponse>",
)

TestBirdChannels = channel_tests(
    SMS, lambda url: {**BIRD, "api_url": url}, TEXT, accepts=answer(202, id="b1"),
    forged=[inbound("status", b'{"event": "sms.outbound", "payload": {}}', {})],
)  # fmt: skip
TestMessageBird = channel_tests(
    SMS, lambda url: {**OLD_BIRD, "api_url": url}, TEXT, accepts=answer(201, id="b1"),
    forged=[inbound("status", {"id": "b1", "status": "delivered"}, {})],
)  # fmt: skip
TestSNS = channel_tests(
    SMS, lambda url: {**AWS, "api_url": url}, TEXT, accepts=PUBLISHED,
    forged=[inbound("status", b"{}", {}, "token=wrong")],
)  # fmt: skip
TestHTTP = channel_tests(
    SMS, lambda url: {**HTTP, "url": url + "/send?to={to}", "keeps_keys": True}, TEXT,
    forged=[inbound("status", b"{}", {}), inbound("inbound", b"{}", {}, "token=")],
)  # fmt: skip


def bird(path: str, data: dict[str, Any], key: str = "bird-signing", at: int = 0) -> Inbound:
    made = inbound(path, json.dumps(data).encode(), {})
    stamp = str(at or int(time.time()))
    signed = f"{stamp}\n{made.url}\n".encode() + hashlib.sha256(made.body).digest()
    signature = base64.b64encode(hmac.new(key.encode(), signed, hashlib.sha256).digest())
    headers = {
        "messagebird-signature": signature.decode(), "messagebird-request-timestamp": stamp
    }  # fmt: skip
    return Inbound("POST", path, made.url, {}, headers, made.body)


def reports(settings: dict[str, Any], request: Inbound) -> list[Any]:
    reply = make(**settings).receive(request)
    assert reply is not None and reply.status == 200
    return reply.reports


def test_bird_sends_to_a_channel_and_signs_what_it_tells() -> None:
    receipt, [request] = send(BIRD, answer(202, id="b1", status="accepted"))
    assert (receipt.kind, receipt.provider_id) == ("sent", "b1")
    assert request.path == "/workspaces/w1/channels/c1/messages"
    assert request.headers["authorization"] == "AccessKey bird-key"
    sent = request.json()
    assert sent["receiver"]["contacts"][0]["identifierValue"] == TO
    assert sent["body"]["text"]["text"] == TEXT.text and sent["reference"] == "d1"
    payload = {
        "id": "b1", "status": "delivery_failed", "reason": "carrier said no", "reference": "d1",
        "receiver": {"contacts": [{"identifierValue": TO}]},
        "lastStatusAt": "2026-01-31T12:00:00Z",
    }  # fmt: skip
    [report] = reports(BIRD, bird("status", {"event": "sms.outbound", "payload": payload}))
    assert (report.kind, report.delivery, report.recipient) == ("bounced", "d1", TO)
    said = {
        "id": "b2", "sender": {"contact": {"identifierValue": TO}},
        "receiver": {"connector": {"identifierValue": "+48500"}},
        "body": {"type": "text", "text": {"text": "stop"}}, "createdAt": "2026-01-31T12:00:00Z",
    }  # fmt: skip
    [report] = reports(BIRD, bird("inbound", {"event": "sms.inbound", "payload": said}))
    assert (report.kind, report.recipient) == ("unsubscribed", TO)
    for forged in (bird("status", {}, key="x"), bird("status", {}, at=1_500_000_000)):
        with pytest.raises(Forged):
            make(**BIRD).receive(forged)


def test_messagebird_signs_address_and_body_in_a_token() -> None:
    receipt, [request] = send(OLD_BIRD, answer(201, id="b1"))
    assert receipt.provider_id == "b1" and request.json()["datacoding"] == "unicode"
    url = "https://cdp.example.org/channels/Text%20me/status?id=b1&status=delivery_failed"
    query = {
        "id": "b1", "status": "delivery_failed", "recipient": TO[1:], "reference": "d1",
        "statusReason": "unknown subscriber", "statusDatetime": "2026-01-31T12:00:00+00:00",
    }  # fmt: skip
    now = int(time.time())
    claims = {
        "iss": "MessageBird", "nbf": now, "exp": now + 60, "jti": "j",
        "url_hash": hashlib.sha256(url.encode()).hexdigest(),
    }  # fmt: skip

    def request_with(key: str, **more: Any) -> Inbound:
        token = jwt.encode({**claims, **more}, key, "HS256")
        return Inbound("GET", "status", url, query, {"messagebird-signature-jwt": token}, b"")

    [report] = reports(OLD_BIRD, request_with(str(OLD_BIRD["signing_key"])))
    assert (report.kind, report.hard, report.delivery) == ("bounced", True, "d1")
    key = str(OLD_BIRD["signing_key"])
    for forged in (
        request_with("another-key-that-is-long-enough-too"),
        request_with(key, exp=now - 1),
        request_with(key, url_hash="00"),
        request_with(key, iss="Me"),
        request_with(key, payload_hash="00"),
    ):
        with pytest.raises(Forged):
            make(**OLD_BIRD).receive(forged)


def test_signatures_are_those_of_awss_own_examples() -> None:
    # AWS's Signature Version 4 test suite, post-x-www-form-urlencoded(-parameters).
    who = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    at = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
    for type_, signature in (
        ("", "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"),
        ("; charset=utf8", "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe"),
    ):
        headers = signed_headers(
            "https://example.amazonaws.com", b"Param1=value1", "us-east-1", who, at, "service",
            "application/x-www-form-urlencoded" + type_,
        )  # fmt: skip
        assert headers["authorization"].endswith(f"Signature={signature}")


def test_sns_publishes_and_tells_what_is_wrong() -> None:
    receipt, [request] = send({**AWS, "session_token": "aws-session"}, PUBLISHED)
    assert (receipt.kind, receipt.provider_id) == ("sent", "m1")
    sent = fields(request)
    assert (sent["Action"], sent["PhoneNumber"], sent["Message"]) == ("Publish", TO, TEXT.text)
    assert sent["MessageAttributes.entry.2.Name"] == "AWS.SNS.SMS.SenderID"
    assert (
        "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token"
        in (request.headers["authorization"])
    )

    def error(status: int, code: str, text: str = "why") -> Any:
        body = f"<ErrorResponse><Error><Code>{code}</Code><Message>{text}</Message></Error>"
        return send(AWS, Answer(status, body=body.encode()))[0]

    assert error(400, "Throttling").kind == error(400, "ThrottledException").kind == "retry"
    assert error(400, "InvalidParameter", "Invalid parameter: PhoneNumber").kind == "bounced"
    assert error(400, "InvalidParameter", "Message").kind == "failed"
    assert isinstance(error(403, "SignatureDoesNotMatch"), Stop)
    assert error(500, "InternalError").kind == "unknown"


def test_sns_brings_receipts_and_words_and_confirms_at_aws_alone() -> None:
    event = {
        "messageId": "m1", "messageStatus": "UNREACHABLE", "destinationPhoneNumber": TO,
        "eventTimestamp": 1_769_860_800_000, "messageStatusDescription": "gone",
    }  # fmt: skip
    note = {"Type": "Notification", "Message": json.dumps(event)}
    query = "token=hook-token"
    [report] = reports(AWS, inbound("status", json.dumps(note).encode(), {}, query))
    assert (report.kind, report.hard, report.provider_id) == ("bounced", True, "m1")
    word = {
        "inboundMessageId": "i1", "originationNumber": TO, "destinationNumber": "+48500000001",
        "messageBody": "Stop", "messageKeyword": "STOP",
    }  # fmt: skip
    note = {"Type": "Notification", "Message": json.dumps(word)}
    [report] = reports(AWS, inbound("inbound", json.dumps(note).encode(), {}, query))
    assert (report.kind, report.recipient) == ("unsubscribed", TO)

    with RecordingServer() as server:
        channel = make(**AWS, api_url=server.url)

        def confirm(url: str) -> Any:
            body = json.dumps({"Type": "SubscriptionConfirmation", "SubscribeURL": url}).encode()
            return channel.receive(inbound("status", body, {}, query))

        assert confirm(f"{server.url}/?Action=ConfirmSubscription").status == 200
        for url in ("http://10.0.0.1/", "https://sns.eu-central-1.amazonaws.com.evil.org/", ""):
            with pytest.raises(Forged):
                confirm(url)
    assert [request.method for request in server.requests] == ["GET"]


def test_a_service_of_any_kind_gets_the_values_encoded_for_their_place() -> None:
    text = SMSContent(TO, 'He said "1 < 2 & 3"\n{to}')
    with RecordingServer(otherwise=answer(200, data={"id": 77})) as server:
        from cdp.plugin import Outgoing

        for settings in (
            HTTP,
            {**HTTP, "body": "to={to}&text={text}",
             "content_type": "application/x-www-form-urlencoded"},
            {**HTTP, "method": "GET", "body": ""},
        ):  # fmt: skip
            channel = make(**{**settings, "url": f"{server.url}/send?to={{to}}&m={{text}}"})
            [receipt] = channel.deliver([Outgoing("d1", "key-1", text)])
            assert (receipt.kind, receipt.provider_id) == ("sent", "77")
    as_json, as_form, as_query = server.requests
    assert as_json.json() == {"number": TO, "message": text.text, "ref": "d1"}
    assert as_json.headers["x-api-key"] == "service-key"
    assert fields(as_form) == {"to": TO, "text": text.text}
    assert as_query.method == "GET"
    assert as_query.path.startswith("/send?to=%2B48600100200&m=He%20said%20%221%20%3C%202%20%26")


def test_a_service_of_any_kind_reports_with_our_token() -> None:
    body = json.dumps({"id": "x1", "status": "bounced", "hard": True, "to": TO}).encode()
    bearer = {"authorization": "Bearer hook-token"}
    for request in (
        inbound("status", body, {}, "token=hook-token"), inbound("status", body, bearer)
    ):  # fmt: skip
        [report] = reports(HTTP, request)
        assert (report.kind, report.hard, report.provider_id) == ("bounced", True, "x1")
    said = {"id": "i1", "from": TO, "to": "7000", "text": "START"}
    [report] = reports(HTTP, inbound("inbound", said, bearer))
    assert (report.kind, report.recipient) == ("subscribed", TO)
    reply = make(**HTTP).receive(inbound("status", b'{"id": "x", "status": "eaten"}', bearer))
    assert reply is not None and reply.status == 422 and b"delivered" in bytes(reply.body)  # type: ignore[arg-type]
    with pytest.raises(Forged):
        make(**{**HTTP, "webhook_token": ""}).receive(inbound("status", body, {}, "token="))
