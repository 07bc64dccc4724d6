"""What providers tell later: signed as they sign, and not believed otherwise."""

import base64
import datetime
import hashlib
import hmac
import json
import time
from dataclasses import replace
from typing import Any

import pytest
from cdp_email import Email
from cdp_email.providers import sns
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from cdp.plugin import DestinationContext, Forged, Inbound, Report, Response
from tests.destinations.email.test_providers import given

NOW = int(time.time())
TOPIC = "arn:aws:sns:eu-central-1:123456789012:mail-events"
EC_KEY = ec.generate_private_key(ec.SECP256R1())
SVIX = base64.b64encode(bytes(range(24))).decode()
KEYS = {
    "sendgrid": base64.b64encode(
        EC_KEY.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    ).decode(),
    "mailgun": "mailgun-signing-key",
    "postmark": "user:pass word",
    "resend": f"whsec_{SVIX}",
}


def make(provider: str, **more: Any) -> Email:
    more = {"webhook_key": KEYS.get(provider, ""), "topic_arn": TOPIC} | more
    return Email(given(provider, "https://api.example.com", **more), DestinationContext("Mail"))


def inbound(body: Any, **headers: str) -> Inbound:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Inbound(
        "POST", "events", "https://cdp.example.org/channels/mail/events", {}, named, data
    )


def sendgrid(events: list[dict[str, Any]]) -> Inbound:
    data = json.dumps(events).encode()
    signature = EC_KEY.sign(str(NOW).encode() + data, ec.ECDSA(hashes.SHA256()))
    return inbound(
        data,
        x_twilio_email_event_webhook_signature=base64.b64encode(signature).decode(),
        x_twilio_email_event_webhook_timestamp=str(NOW),
    )


def mailgun(event: dict[str, Any]) -> Inbound:
    signed = f"{NOW}token"
    made = hmac.new(KEYS["mailgun"].encode(), signed.encode(), hashlib.sha256).hexdigest()
    signature = {"timestamp": str(NOW), "token": "token", "signature": made}
    return inbound({"signature": signature, "event-data": event})


def postmark(event: dict[str, Any]) -> Inbound:
    return inbound(event, authorization="Basic " + base64.b64encode(b"user:pass word").decode())


def resend(event: dict[str, Any], at: int | None = None) -> Inbound:
    data = json.dumps(event).encode()
    at = int(time.time()) if at is None else at
    made = hmac.digest(base64.b64decode(SVIX), f"msg_1.{at}.".encode() + data, "sha256")
    signatures = "v1,AAAA v1," + base64.b64encode(made).decode()
    return inbound(data, svix_id="msg_1", svix_timestamp=str(at), svix_signature=signatures)


class Amazon:
    """SNS: signs with a certificate that it publishes, and remembers what is fetched."""

    url = "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.pem"

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(65537, 2048)
        self.fetched: list[str] = []
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        now = datetime.datetime.now(datetime.UTC)
        day = datetime.timedelta(days=1)
        made = (
            x509.CertificateBuilder()
            .subject_name(name).issuer_name(name).public_key(self.key.public_key())
            .serial_number(1).not_valid_before(now - day).not_valid_after(now + day)
            .sign(self.key, hashes.SHA256())
        )  # fmt: skip
        self.pem = made.public_bytes(serialization.Encoding.PEM)

    def request(self, method: str, url: str) -> Response:
        self.fetched.append(url)
        return Response(200, {}, self.pem)

    def sign(self, version: str = "2", **fields: str) -> Inbound:
        body = {"Type": "Notification", "MessageId": "n-1", "TopicArn": TOPIC,
                "Timestamp": "2026-01-31T12:00:00.000Z", "Message": "x", **fields}  # fmt: skip
        text = "".join(f"{name}\n{body[name]}\n" for name in sorted(body))
        algorithm = hashes.SHA256() if version == "2" else hashes.SHA1()
        made = self.key.sign(text.encode(), padding.PKCS1v15(), algorithm)
        extra = {"SignatureVersion": version, "Signature": base64.b64encode(made).decode(),
                 "SigningCertURL": self.url, "UnsubscribeURL": "https://x/"}  # fmt: skip
        return inbound({**body, **extra})


@pytest.fixture
def amazon(monkeypatch: pytest.MonkeyPatch) -> Amazon:
    monkeypatch.setattr(sns, "_certificates", {})
    return Amazon()


def ses(amazon: Amazon) -> Email:
    channel = make("ses")
    channel.http = amazon  # type: ignore[assignment]
    return channel


def told(channel: Email, request: Inbound) -> list[Report]:
    reply = channel.receive(request)
    assert reply is not None and reply.status == 200
    return reply.reports


SENDGRID = {
    "email": "ana@example.com", "timestamp": NOW, "event": "bounce", "sg_event_id": "e-1",
    "sg_message_id": "m-1.filterdrecv-5645d9c87f-78xgx-1-60BF6E47-D.0", "type": "bounce",
    "reason": "550 5.1.1 unknown", "status": "5.1.1", "headwater-delivery": "d1",
}  # fmt: skip


def test_sendgrids_events() -> None:
    kinds = ["processed", "delivered", "deferred", "dropped", "open", "click", "spamreport",
             "unsubscribe", "group_resubscribe", "something new"]  # fmt: skip
    events = [SENDGRID, SENDGRID | {"type": "blocked", "sg_event_id": "e-2"}]
    events += [SENDGRID | {"event": kind, "sg_event_id": kind} for kind in kinds]
    events.append(SENDGRID | {"event": "open", "sg_machine_open": True})
    reports = told(make("sendgrid"), sendgrid(events))
    assert reports[0] == Report(
        "bounced", "e-1", NOW * 1000, "d1", "m-1", "ana@example.com", "550 5.1.1 unknown", True,
        detail={"status": "5.1.1", "type": "bounce"},
    )  # fmt: skip
    assert not reports[1].hard
    assert [r.kind for r in reports[2:]] == [
        "sent", "delivered", "deferred", "dropped", "opened", "clicked", "complained",
        "unsubscribed", "subscribed", "opened",
    ]  # fmt: skip
    assert reports[-1].machine and not reports[6].machine


def test_mailguns_events() -> None:
    event = {
        "event": "failed", "severity": "permanent", "id": "e-1", "timestamp": NOW + 0.5,
        "recipient": "ana@example.com", "reason": "bounce",
        "message": {"headers": {"message-id": "m-1@mg.example.org"}},
        "user-variables": {"headwater-delivery": "d1"},
        "delivery-status": {"code": 550, "message": "5.1.1 no such user", "description": ""},
    }  # fmt: skip
    channel = make("mailgun")
    [report] = told(channel, mailgun(event))
    assert (report.kind, report.id, report.delivery, report.hard) == ("bounced", "e-1", "d1", True)
    assert (report.provider_id, report.at) == ("m-1@mg.example.org", NOW * 1000 + 500)
    assert report.reason == "5.1.1 no such user"
    policy = event | {"delivery-status": {"code": 554, "message": "5.7.1 spam"}}
    assert not told(channel, mailgun(policy))[0].hard
    for change, kind in (
        ({"severity": "temporary"}, "deferred"), ({"reason": "suppress-bounce"}, "dropped"),
        ({"event": "accepted"}, "sent"), ({"event": "delivered"}, "delivered"),
        ({"event": "complained"}, "complained"), ({"event": "unsubscribed"}, "unsubscribed"),
        ({"event": "clicked", "url": "https://x/"}, "clicked"),
        ({"event": "opened", "client-info": {"bot": "apple"}}, "opened"),
    ):  # fmt: skip
        [report] = told(channel, mailgun(event | change))
        assert report.kind == kind
    assert report.machine
    assert told(channel, mailgun(event | {"event": "stored"})) == []


def test_postmarks_events() -> None:
    bounce = {
        "RecordType": "Bounce", "ID": 42, "Type": "HardBounce", "MessageID": "m-1",
        "Email": "ana@example.com", "BouncedAt": "2026-01-31T12:00:00Z", "Details": "550 unknown",
        "Metadata": {"headwater-delivery": "d1"}, "Inactive": True,
    }  # fmt: skip
    channel = make("postmark")
    [report] = told(channel, postmark(bounce))
    assert (report.kind, report.hard, report.delivery) == ("bounced", True, "d1")
    assert (report.at, report.recipient) == (1769860800000, "ana@example.com")
    assert told(channel, postmark(bounce))[0].id == report.id
    assert told(channel, postmark(bounce | {"ID": 43}))[0].id != report.id
    for change, kind in (
        ({"Type": "SoftBounce", "Inactive": False}, "bounced"), ({"Type": "Transient"}, "deferred"),
        ({"Type": "SpamNotification"}, "complained"), ({"RecordType": "Delivery"}, "delivered"),
        ({"RecordType": "SpamComplaint"}, "complained"), ({"RecordType": "Open"}, "opened"),
        ({"RecordType": "Click", "OriginalLink": "https://x/"}, "clicked"),
        ({"RecordType": "SubscriptionChange", "SuppressSending": True,
          "SuppressionReason": "ManualSuppression"}, "unsubscribed"),
        ({"RecordType": "SubscriptionChange", "SuppressSending": False}, "subscribed"),
    ):  # fmt: skip
        [report] = told(channel, postmark(bounce | change))
        assert report.kind == kind and not report.hard
    for change in (
        {"Type": "AutoResponder"}, {"RecordType": "Inbound"},
        {"RecordType": "SubscriptionChange", "SuppressionReason": "HardBounce"},
    ):  # fmt: skip
        assert told(channel, postmark(bounce | change)) == []


def test_resends_events() -> None:
    event = {
        "type": "email.bounced", "created_at": "2026-01-31T12:00:00.000Z",
        "data": {
            "email_id": "m-1", "to": ["ana@example.com"],
            "bounce": {"message": "unknown", "type": "Permanent", "subType": "Suppressed"},
            "tags": {"headwater-delivery": "d1"},
        },
    }  # fmt: skip
    channel = make("resend")
    [report] = told(channel, resend(event))
    assert (report.kind, report.id, report.hard) == ("bounced", "msg_1", True)
    assert (report.delivery, report.provider_id) == ("d1", "m-1")
    event["data"]["tags"] = [{"name": "headwater-delivery", "value": "d2"}]  # type: ignore[index]
    event["data"]["bounce"]["type"] = "Transient"  # type: ignore[index]
    [report] = told(channel, resend(event))
    assert (report.delivery, report.hard) == ("d2", False)
    for name in ("sent", "delivered", "opened", "clicked", "complained", "failed"):
        assert told(channel, resend(event | {"type": f"email.{name}"}))[0].kind == name
    assert told(channel, resend(event | {"type": "contact.created"})) == []


SES_MAIL = {"messageId": "m-1", "timestamp": "2026-01-31T11:00:00.000Z",
            "destination": ["ana@example.com"], "tags": {"headwater-delivery": ["d1"]}}  # fmt: skip


@pytest.mark.parametrize("version", ["1", "2"])
def test_amazons_events(amazon: Amazon, version: str) -> None:
    bounce = {
        "bounceType": "Permanent", "bounceSubType": "General", "feedbackId": "f-1",
        "timestamp": "2026-01-31T12:00:00.000Z",
        "bouncedRecipients": [{"emailAddress": "ana@example.com",
                               "diagnosticCode": "smtp; 550 5.1.1 unknown"}],
    }  # fmt: skip
    event: dict[str, Any] = {"eventType": "Bounce", "bounce": bounce, "mail": SES_MAIL}
    channel = ses(amazon)
    [report] = told(channel, amazon.sign(version, Message=json.dumps(event), Subject="Amazon SES"))
    assert report == Report(
        "bounced", "f-1/ana@example.com", 1769860800000, "d1", "m-1", "ana@example.com",
        "smtp; 550 5.1.1 unknown", True,
        detail={"bounceType": "Permanent", "bounceSubType": "General"},
    )  # fmt: skip
    for kind, detail, wanted in (
        ("Send", {}, "sent"), ("Delivery", {"recipients": ["ana@example.com"]}, "delivered"),
        ("Complaint", {"complainedRecipients": bounce["bouncedRecipients"]}, "complained"),
        ("Open", {"userAgent": "x"}, "opened"), ("Click", {"link": "https://x/"}, "clicked"),
        ("DeliveryDelay", {"delayType": "MailboxFull"}, "deferred"), ("Reject", {}, "dropped"),
    ):  # fmt: skip
        name = kind[0].lower() + kind[1:]
        event = {"notificationType": kind, name: detail, "mail": SES_MAIL}
        [report] = told(channel, amazon.sign(Message=json.dumps(event)))
        assert (report.kind, report.recipient) == (wanted, "ana@example.com")
    assert amazon.fetched == [Amazon.url]
    assert told(channel, amazon.sign(Message="Successfully validated SNS topic")) == []


def test_a_subscription_is_confirmed_with_amazon_alone(amazon: Amazon) -> None:
    channel = ses(amazon)
    url = "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&Token=t"
    ask = {"Type": "SubscriptionConfirmation", "Token": "t", "SubscribeURL": url}
    assert told(channel, amazon.sign(**ask)) == []
    assert amazon.fetched == [Amazon.url, url]
    with pytest.raises(Forged, match="no address of Amazon"):
        channel.receive(amazon.sign(**ask | {"SubscribeURL": "https://169.254.169.254/"}))
    assert len(amazon.fetched) == 2


@pytest.mark.parametrize(
    "url",
    ["https://sns.eu-central-1.amazonaws.com.evil.example/x.pem", "https://evil.example/x.pem",
     "http://sns.eu-central-1.amazonaws.com/x.pem", "https://u@sns.eu-1.amazonaws.com/x.pem",
     "https://evil.s3.amazonaws.com/x.pem", ""],
)  # fmt: skip
def test_certificates_come_from_amazon_alone(amazon: Amazon, url: str) -> None:
    amazon.url = url
    with pytest.raises(Forged, match="no address of Amazon"):
        ses(amazon).receive(amazon.sign())
    assert amazon.fetched == []


def test_notifications_of_others_are_not_believed(amazon: Amazon) -> None:
    channel = ses(amazon)
    with pytest.raises(Forged, match="another topic"):
        channel.receive(amazon.sign(TopicArn=TOPIC + "2"))
    closed = make("ses", topic_arn="")
    with pytest.raises(Forged, match="no topic_arn"):
        closed.receive(amazon.sign())
    genuine = amazon.sign()
    for change in (
        {"Message": "y"},
        {"SignatureVersion": "3"},
        {"Signature": "!"},
        {"MessageId": 5},
    ):
        with pytest.raises(Forged):
            channel.receive(
                replace(genuine, body=json.dumps(json.loads(genuine.body) | change).encode())
            )


SIGNED = {
    "sendgrid": lambda: sendgrid([SENDGRID]),
    "mailgun": lambda: mailgun({"event": "delivered", "id": "e"}),
    "postmark": lambda: postmark({"RecordType": "Delivery"}),
    "resend": lambda: resend({"type": "email.sent", "data": {}}),
}


@pytest.mark.parametrize("provider", SIGNED)
def test_what_was_not_signed_is_forged(provider: str) -> None:
    genuine = SIGNED[provider]()
    channel = make(provider)
    assert len(told(channel, genuine)) == 1
    forged = [
        replace(genuine, headers={}, body=b"{}"),
        replace(genuine, headers={k: v[:-1] + "é" for k, v in genuine.headers.items()}, body=b"[]"),
    ]
    if provider in ("sendgrid", "resend"):
        forged.append(replace(genuine, body=genuine.body + b" "))
    for request in forged:
        with pytest.raises(Forged):
            channel.receive(request)
    with pytest.raises(Forged, match="no webhook_key"):
        make(provider, webhook_key="").receive(genuine)
    assert channel.receive(replace(genuine, method="GET")) is None
    assert channel.receive(replace(genuine, path="else")) is None


def test_old_webhooks_of_resend_are_not_believed() -> None:
    with pytest.raises(Forged, match="too long ago"):
        make("resend").receive(resend({"type": "email.sent"}, at=NOW - 400))


def test_signed_nonsense_is_refused_without_a_crash() -> None:
    channel = make("sendgrid")
    for events in ([1, None, "x", {}], [{"event": ["x"]}], [{"event": "open", "timestamp": "x"}]):
        assert len(told(channel, sendgrid(events))) <= 1  # type: ignore[arg-type]
    assert told(make("postmark"), postmark([{}])) == []  # type: ignore[arg-type]
    assert told(make("resend"), resend([])) == []  # type: ignore[arg-type]
