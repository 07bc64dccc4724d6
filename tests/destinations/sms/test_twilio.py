"""Twilio, as its API and its webhooks are."""

import base64
import hashlib
import hmac
from typing import Any

import pytest
from cdp_sms import SMS

from cdp.plugin import Forged, Inbound, Reply, SMSContent, Stop
from cdp.plugin.testing import Answer, channel_tests
from tests.destinations.sms.common import PUBLIC, TEXT, TO, answer, fields, inbound, make, send

TWILIO = {
    "provider": "twilio", "account_sid": "AC1", "auth_token": "secret-token",
    "senders": "+48500000001",
}  # fmt: skip
TAKEN = answer(201, sid="SM1", status="queued", num_segments="1", code=None)

TestTwilio = channel_tests(
    SMS,
    settings=lambda url: {**TWILIO, "api_url": url},
    content=TEXT,
    accepts=TAKEN,
    wrong={"provider": "twilio"},
    forged=[
        inbound("status", {"MessageSid": "SM1", "MessageStatus": "delivered"}, {}),
        inbound("inbound", {"Body": "STOP"}, {"x-twilio-signature": "AAAA"}),
    ],
)


def signed(
    path: str, data: dict[str, str], query: str = "", url: str = "", key: str = "secret-token"
) -> Inbound:
    """A webhook signed as Twilio does it (twilio.com/docs/usage/security)."""
    made = inbound(path, data, {}, query)
    text = (url or made.url) + "".join(name + data[name] for name in sorted(data))
    digest = hmac.new(key.encode(), text.encode(), hashlib.sha1).digest()
    made.headers["x-twilio-signature"] = base64.b64encode(digest).decode()  # type: ignore[index]
    return made


def take(request: Inbound, **settings: Any) -> Reply:
    reply = make(**{**TWILIO, **settings}).receive(request)
    assert reply is not None
    return reply


def test_a_message_is_posted_with_its_callback() -> None:
    receipt, [request] = send(TWILIO, TAKEN)
    assert (receipt.kind, receipt.provider_id) == ("sent", "SM1")
    assert receipt.response == {"status": "queued", "num_segments": "1"}
    assert request.path == "/2010-04-01/Accounts/AC1/Messages.json"
    assert (
        request.headers["authorization"]
        == "Basic " + base64.b64encode(b"AC1:secret-token").decode()
    )
    assert fields(request) == {
        "To": TO, "From": "+48500000001", "Body": "Cześć & <hello>",
        "StatusCallback": f"{PUBLIC}/channels/Text%20me/status?delivery=d1",
    }  # fmt: skip


def test_a_messaging_service_chooses_the_sender_and_a_key_may_call() -> None:
    settings = {
        **TWILIO, "senders": "", "messaging_service_sid": "MG1",
        "api_key_sid": "SK1", "api_key_secret": "key-secret",
    }  # fmt: skip
    _, [request] = send(settings, TAKEN, SMSContent(TO, "", media=("https://x/a.png",)))
    sent = fields(request)
    assert sent["MessagingServiceSid"] == "MG1" and "From" not in sent
    assert sent["MediaUrl"] == "https://x/a.png"
    assert base64.b64decode(request.headers["authorization"].split()[1]) == b"SK1:key-secret"


def test_whatsapp_has_its_own_sender_and_templates() -> None:
    settings = {**TWILIO, "whatsapp_sender": "+14155238886"}
    content = SMSContent(TO, "Hi", whatsapp=True)
    _, [request] = send(settings, TAKEN, content)
    assert fields(request)["To"] == f"whatsapp:{TO}"
    assert fields(request)["From"] == "whatsapp:+14155238886"
    options = {"content_sid": "HX1", "content_variables": '{"1": "Ada"}'}
    _, [request] = send(settings, TAKEN, content, options=options)
    assert fields(request)["ContentSid"] == "HX1" and "Body" not in fields(request)


@pytest.mark.parametrize(
    ("status", "code", "kind", "hard"),
    [
        (400, 21211, "bounced", True), (400, 21614, "bounced", True), (400, 21610, "failed", False),
        (400, 21617, "failed", False), (429, 20429, "retry", False), (400, 21611, "retry", False),
        (400, 30003, "bounced", False), (500, 20500, "unknown", False),
        (503, 20503, "retry", False), (500, 21211, "unknown", False),
    ],
)  # fmt: skip
def test_each_code_has_its_meaning(status: int, code: int, kind: str, hard: bool) -> None:
    receipt, _ = send(TWILIO, answer(status, code=code, message="why", status=status))
    assert (receipt.kind, receipt.hard) == (kind, hard)
    assert str(code) in receipt.reason


@pytest.mark.parametrize("code", [20003, 21606, 21703])
def test_a_wrong_account_or_sender_stops_the_channel(code: int) -> None:
    error, _ = send(TWILIO, answer(400, code=code, message="why"))
    assert isinstance(error, Stop) and str(code) in str(error)


def test_no_answer_in_time_leaves_the_outcome_open() -> None:
    slow = Answer(201, wait=5, body=TAKEN.body)
    receipt, requests = send({**TWILIO, "timeout": 0.2}, slow)
    assert receipt.kind == "unknown" and "no answer" in receipt.reason and len(requests) == 1


def test_what_would_only_cost_money_is_not_sent() -> None:
    for content in (SMSContent("600100200", "Hi"), SMSContent(TO, ""), SMSContent(TO, "a" * 1601)):
        receipt, requests = send(TWILIO, TAKEN, content)
        assert receipt.kind in ("failed", "bounced") and not requests


@pytest.mark.parametrize(
    ("status", "code", "kind", "hard"),
    [
        ("sent", "", "sent", False), ("delivered", "", "delivered", False),
        ("read", "", "opened", False), ("undelivered", "30003", "bounced", False),
        ("undelivered", "30005", "bounced", True), ("undelivered", "30007", "failed", False),
        ("failed", "30006", "bounced", True), ("failed", "21612", "failed", False),
    ],
)  # fmt: skip
def test_receipts_become_reports(status: str, code: str, kind: str, hard: bool) -> None:
    data = {"MessageSid": "SM1", "MessageStatus": status, "To": TO}
    if code:
        data["ErrorCode"] = code
    [report] = take(signed("status", data, "delivery=d1")).reports
    assert (report.kind, report.hard, report.delivery) == (kind, hard, "d1")
    assert (report.id, report.provider_id, report.recipient) == (f"SM1:{status}", "SM1", TO)


def test_receipts_that_say_nothing_new_are_taken_in_silence() -> None:
    assert take(signed("status", {"MessageSid": "SM1", "MessageStatus": "queued"})).reports == []


def test_words_opt_out_and_in_and_other_texts_are_replies() -> None:
    for text, kind in (("Stop", "unsubscribed"), ("START", "subscribed"), ("hm?", "replied")):
        data = {"MessageSid": "SM9", "Body": text, "From": TO, "To": "+48500000001"}
        reply = take(signed("inbound", data))
        [report] = reply.reports
        assert (report.kind, report.recipient, report.id) == (kind, TO, "in:SM9")
        assert report.detail["text"] == text and report.detail["to"] == "+48500000001"
        assert reply.body == b'<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
        assert reply.type.startswith("text/xml")


def test_help_is_answered_in_twilios_own_way() -> None:
    data = {"MessageSid": "SM9", "Body": "HELP", "From": TO}
    reply = take(signed("inbound", data), help_text="Shop & Co. Reply STOP to end.")
    assert b"<Message>Shop &amp; Co. Reply STOP to end.</Message>" in bytes(reply.body)  # type: ignore[arg-type]
    assert reply.reports[0].kind == "replied" and reply.reports[0].detail["help"] is True
    handled = take(signed("inbound", {**data, "OptOutType": "HELP"}), help_text="Shop")
    assert b"<Message>" not in bytes(handled.body)  # type: ignore[arg-type]


def test_the_words_that_twilio_knows_count_in_any_language() -> None:
    data = {"MessageSid": "SM9", "Body": "ARRET", "From": TO, "OptOutType": "STOP"}
    assert take(signed("inbound", data)).reports[0].kind == "unsubscribed"


def test_the_usual_port_may_be_in_what_is_signed_or_not() -> None:
    with_port = f"{PUBLIC}:443/channels/Text%20me/inbound"
    data = {"MessageSid": "SM9", "Body": "hi", "From": TO}
    assert take(signed("inbound", data, url=with_port)).reports


def test_a_signature_covers_address_and_fields() -> None:
    channel = make(**TWILIO)
    data = {"MessageSid": "SM1", "MessageStatus": "delivered"}
    good = signed("status", data, "delivery=d1")
    other = signed("status", {**data, "MessageStatus": "failed"}, "delivery=d1")
    for forged in (
        signed("status", data, "delivery=d1", key="another"),
        signed("status", data, "delivery=d1", url=f"{PUBLIC}/channels/Text%20me/status"),
        Inbound("POST", "status", good.url, good.query, good.headers, other.body),
        Inbound("POST", "inbound", good.url.replace("status", "inbound"), {}, good.headers, b""),
    ):
        with pytest.raises(Forged):
            channel.receive(forged)
    assert channel.receive(Inbound("POST", "elsewhere", "", {}, {}, b"")) is None


def test_the_test_asks_for_the_account() -> None:
    from cdp.plugin.testing import RecordingServer

    with RecordingServer(answer(200, sid="AC1"), answer(401, message="Authenticate")) as server:
        channel = make(**TWILIO, api_url=server.url)
        assert channel.test().status == 200
        shown = channel.test()
    assert server.requests[0].path == "/2010-04-01/Accounts/AC1.json"
    assert shown.status == 401 and "Authenticate" in str(shown.error)
    assert "secret-token" not in repr(shown)
