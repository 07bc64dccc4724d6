"""The HTTP providers: what they are sent, and what their answers mean."""

import base64
import email
import email.policy
import json
import re
import time
from typing import Any

import pytest
from cdp_email import Email
from cdp_email.providers.sigv4 import sign

from cdp.plugin import Attachment, DestinationContext, EmailContent, Outgoing, Retry, Stop
from cdp.plugin.testing import Answer, RecordingServer, channel_tests

KEY = "key-1234567890abcdef"
SETTINGS: dict[str, dict[str, Any]] = {
    "ses": {"region": "eu-central-1", "access_key": "AKIDEXAMPLE", "secret_key": KEY},
    "sendgrid": {"api_key": KEY},
    "mailgun": {"api_key": KEY, "domain": "mg.example.org"},
    "postmark": {"api_key": KEY},
    "resend": {"api_key": KEY},
}
ACCEPTS = {
    "ses": Answer(200, body=b'{"MessageId": "m-1"}'),
    "sendgrid": Answer(202, {"X-Message-Id": "m-1"}, b""),
    "mailgun": Answer(200, body=b'{"id": "<m-1@mg.example.org>", "message": "Queued."}'),
    "postmark": Answer(200, body=b'[{"ErrorCode": 0, "Message": "OK", "MessageID": "m-1"}]'),
    "resend": Answer(200, body=b'{"id": "m-1"}'),
}
IDS = {"mailgun": "m-1@mg.example.org"}
PLAIN = EmailContent("Shop <shop@example.org>", ("Ana <ana@example.com>",), "Hi", text="Hello\n")
RICH = EmailContent(
    "Shop <shop@example.org>",
    ("Peña, Ana <ana@bücher.example>",),
    "Grüße",
    html='<img src="cid:logo">',
    text="Grüße",
    amp="<html ⚡4email>",
    cc=("c@example.com", "ANA@bücher.example"),
    bcc=("b@example.com",),
    reply_to="Help <help@example.org>",
    headers={"X-Tag": "a"},
    attachments=(
        Attachment("logo.png", b"\x89PNG", "image/png", cid="logo"),
        Attachment("ü.txt", b"text", "text/plain"),
    ),
    unsubscribe_url="https://example.org/u/1",
)


def given(provider: str, url: str, **more: Any) -> dict[str, Any]:
    own = {"provider": provider, "from": "Shop <shop@example.org>", "endpoint": url, "timeout": 2}
    return own | SETTINGS[provider] | more


def inherited(provider: str) -> type:
    wrong = {"provider": provider, "from": "a@example.org"}
    return channel_tests(
        Email, lambda url: given(provider, url), PLAIN, accepts=ACCEPTS[provider], wrong=wrong
    )


TestSES = inherited("ses")
TestSendGrid = inherited("sendgrid")
TestMailgun = inherited("mailgun")
TestResend = inherited("resend")


class TestPostmark(inherited("postmark")):  # type: ignore[misc]
    """Postmark takes several in a call."""

    def test_every_message_gets_a_receipt_of_its_own(self) -> None:
        rows = [{"ErrorCode": code, "Message": "x", "MessageID": "m"} for code in (0, 406, 300)]
        result, [request] = self.deliver(Answer(200, body=json.dumps(rows).encode()), count=3)
        assert [r.kind for r in result] == ["sent", "bounced", "failed"]
        assert [row["Metadata"] for row in request.json()] == [
            {"headwater-delivery": f"d{i}"} for i in (1, 2, 3)
        ]

    def test_fewer_results_than_messages_leave_all_unknown(self) -> None:
        result, _ = self.deliver(ACCEPTS["postmark"], count=2)
        assert [r.kind for r in result] == ["unknown", "unknown"]


def make(provider: str, url: str, **more: Any) -> Email:
    return Email(given(provider, url, **more), DestinationContext("Mail", True))


def sent(provider: str, content: EmailContent, answer: Answer | None = None, **more: Any) -> Any:
    """The receipt, or what was raised, and the one request."""
    options = more.pop("options", {})
    with RecordingServer(otherwise=answer or ACCEPTS[provider]) as server:
        channel = make(provider, server.url, **more)
        try:
            [receipt] = channel.deliver([Outgoing("d1", "key-1", content, options=options)])
        except (Stop, Retry) as error:
            return error, None
        finally:
            channel.close()
    return receipt, server.requests[0] if server.requests else None


@pytest.mark.parametrize("provider", SETTINGS)
def test_the_providers_name_for_a_message_is_kept(provider: str) -> None:
    receipt, _ = sent(provider, PLAIN)
    assert receipt.provider_id == IDS.get(provider, "m-1")
    assert make(provider, "https://example.com").keeps_keys == (provider == "resend")


@pytest.mark.parametrize("provider", SETTINGS)
def test_no_answer_in_time_leaves_it_unknown(provider: str) -> None:
    receipt, _ = sent(provider, PLAIN, Answer(wait=1), timeout=0.1)
    assert receipt.kind == "unknown"


@pytest.mark.parametrize("provider", SETTINGS)
def test_a_message_that_cannot_be_written_is_not_sent(provider: str) -> None:
    content = EmailContent(
        "a@b.example", ("x@y.example",), "Hi", headers={"X-A": "b\r\nBcc: c@d.e"}
    )
    receipt, request = sent(provider, content)
    assert (receipt.kind, request) == ("failed", None)
    surrogate = EmailContent("a@b.example", ("x@y.example",), "Hi", text="\ud800")
    assert sent(provider, surrogate)[0].kind == "failed"


@pytest.mark.parametrize("provider", SETTINGS)
def test_the_test_tries_the_credentials_or_sends(provider: str) -> None:
    with RecordingServer(otherwise=ACCEPTS[provider]) as server:
        exchange = make(provider, server.url).test()
        assert (exchange.error, exchange.status) == (None, ACCEPTS[provider].status)
        assert KEY not in repr(exchange)
        exchange = make(provider, server.url, test_to="me@example.com").test()
        assert exchange.error is None
        assert "me@example.com" in base64_decoded(server.requests[-1].body)
    with RecordingServer(otherwise=Answer(401, body=b"{}")) as server:
        assert "401" in str(make(provider, server.url).test().error)


def base64_decoded(body: bytes) -> str:
    found = re.search(rb'"Data":"([^"]+)"', body)
    return (base64.b64decode(found[1]) if found else body).decode()


def test_ses_gets_a_signed_raw_message() -> None:
    _, request = sent("ses", RICH, configuration_set="events", inbound_token=KEY)
    assert request.path == "/v2/email/outbound-emails"
    assert re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/\d{8}/eu-central-1/ses/aws4_request, "
        r"SignedHeaders=content-type;host;x-amz-date, Signature=[0-9a-f]{64}",
        request.headers["authorization"],
    )
    body = request.json()
    raw = base64.b64decode(body.pop("Content")["Raw"]["Data"])
    assert body == {
        "FromEmailAddress": "shop@example.org",
        "Destination": {
            "ToAddresses": ["ana@xn--bcher-kva.example"],
            "BccAddresses": ["c@example.com", "b@example.com"],
        },
        "EmailTags": [{"Name": "headwater-delivery", "Value": "d1"}],
        "ConfigurationSetName": "events",
    }
    read = email.message_from_bytes(raw, policy=email.policy.default)
    assert read["subject"] == "Grüße" and read["x-headwater-delivery"].startswith("d1-")
    assert "bcc" not in read and read["cc"] == "c@example.com"


def test_the_signature_is_that_of_amazons_examples() -> None:
    # AWS Signature Version 4 test suite: get-vanilla and post-vanilla.
    keys = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    for method, wanted in (
        ("GET", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    ):
        made = sign(
            method, "https://example.amazonaws.com/", b"", {}, keys, "us-east-1", "service",
            1440938160,
        )  # fmt: skip
        assert made["X-Amz-Date"] == "20150830T123600Z"
        assert made["Authorization"].endswith(f"Signature={wanted}")


def test_sendgrid_gets_json() -> None:
    _, request = sent("sendgrid", RICH, options={"categories": ["a"], "unknown": 1})
    assert request.path == "/v3/mail/send"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.json() == {
        "personalizations": [
            {
                "to": [{"email": "ana@xn--bcher-kva.example", "name": "Peña, Ana"}],
                "cc": [{"email": "c@example.com"}],
                "bcc": [{"email": "b@example.com"}],
            }
        ],
        "from": {"email": "shop@example.org", "name": "Shop"},
        "reply_to": {"email": "help@example.org", "name": "Help"},
        "subject": "Grüße",
        "content": [
            {"type": "text/plain", "value": "Grüße"},
            {"type": "text/x-amp-html", "value": "<html ⚡4email>"},
            {"type": "text/html", "value": '<img src="cid:logo">'},
        ],
        "attachments": [
            {
                "content": "iVBORw==", "type": "image/png", "filename": "logo.png",
                "disposition": "inline", "content_id": "logo",
            },
            {
                "content": "dGV4dA==", "type": "text/plain", "filename": "ü.txt",
                "disposition": "attachment",
            },
        ],
        "headers": {
            "X-Tag": "a",
            "List-Unsubscribe": "<https://example.org/u/1>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "X-Headwater-Delivery": "d1",
        },
        "custom_args": {"headwater-delivery": "d1"},
        "tracking_settings": {
            "click_tracking": {"enable": False}, "open_tracking": {"enable": False},
        },
        "categories": ["a"],
    }  # fmt: skip


def test_mailgun_gets_a_form_with_the_whole_message() -> None:
    _, request = sent("mailgun", RICH, options={"o:tag": ["a", "b"], "tag": "c"})
    assert request.path == "/v3/mg.example.org/messages.mime"
    assert request.headers["authorization"] == "Basic " + base64.b64encode(
        f"api:{KEY}".encode()
    ).decode()  # fmt: skip
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    form = email.message_from_bytes(head + request.body, policy=email.policy.HTTP)
    fields = [
        (part["content-disposition"].params["name"], part.get_payload(decode=True) or b"")
        for part in form.iter_parts()  # type: ignore[attr-defined]
    ]
    assert fields[:-1] == [
        ("to", b"ana@xn--bcher-kva.example"), ("to", b"c@example.com"), ("to", b"b@example.com"),
        ("v:headwater-delivery", b"d1"), ("o:tracking", b"no"), ("o:tag", b"a"), ("o:tag", b"b"),
    ]  # fmt: skip
    assert fields[-1][0] == "message"
    raw = request.body.split(b"message/rfc822\r\n\r\n")[1]
    assert email.message_from_bytes(raw, policy=email.policy.default)["subject"] == "Grüße"


def test_postmark_gets_json() -> None:
    _, request = sent("postmark", RICH, stream="news", options={"Tag": "welcome"})
    assert request.path == "/email/batch"
    assert request.headers["x-postmark-server-token"] == KEY
    [body] = request.json()
    assert body.pop("Headers") == [
        {"Name": "X-Tag", "Value": "a"},
        {"Name": "List-Unsubscribe", "Value": "<https://example.org/u/1>"},
        {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"},
        {"Name": "X-Headwater-Delivery", "Value": "d1"},
    ]
    assert body == {
        "From": '"Shop" <shop@example.org>',
        "To": '"Peña, Ana" <ana@xn--bcher-kva.example>',
        "Cc": "c@example.com",
        "Bcc": "b@example.com",
        "ReplyTo": '"Help" <help@example.org>',
        "Subject": "Grüße",
        "HtmlBody": '<img src="cid:logo">',
        "TextBody": "Grüße",
        "Tag": "welcome",
        "MessageStream": "news",
        "Metadata": {"headwater-delivery": "d1"},
        "TrackOpens": False,
        "TrackLinks": "None",
        "Attachments": [
            {
                "Name": "logo.png", "Content": "iVBORw==", "ContentType": "image/png",
                "ContentID": "cid:logo",
            },
            {"Name": "ü.txt", "Content": "dGV4dA==", "ContentType": "text/plain"},
        ],
    }  # fmt: skip


def test_resend_gets_json_and_the_key() -> None:
    _, request = sent("resend", RICH, options={"tags": [{"name": "a", "value": "b"}]})
    assert request.path == "/emails"
    assert request.headers["idempotency-key"] == "key-1"
    assert request.json() == {
        "from": '"Shop" <shop@example.org>',
        "to": ['"Peña, Ana" <ana@xn--bcher-kva.example>'],
        "cc": ["c@example.com"],
        "bcc": ["b@example.com"],
        "reply_to": ['"Help" <help@example.org>'],
        "subject": "Grüße",
        "html": '<img src="cid:logo">',
        "text": "Grüße",
        "headers": {
            "X-Tag": "a",
            "List-Unsubscribe": "<https://example.org/u/1>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "X-Headwater-Delivery": "d1",
        },
        "attachments": [
            {
                "filename": "logo.png", "content": "iVBORw==", "content_type": "image/png",
                "content_id": "logo",
            },
            {"filename": "ü.txt", "content": "dGV4dA==", "content_type": "text/plain"},
        ],
        "tags": [{"name": "a", "value": "b"}, {"name": "headwater-delivery", "value": "d1"}],
    }  # fmt: skip
    assert (
        sent("resend", RICH, options={"tags": [{"name": "a", "value": "b"}]})[1].body
        == request.body
    )


def aws(kind: str, text: str) -> Answer:
    return Answer(
        400, {"x-amzn-ErrorType": f"{kind}:http://x/"}, json.dumps({"message": text}).encode()
    )


def resend(status: int, name: str, text: str = "no") -> Answer:
    said = {"statusCode": status, "name": name, "message": text}
    return Answer(status, body=json.dumps(said).encode())


def postmark(code: int) -> Answer:
    return Answer(200, body=json.dumps([{"ErrorCode": code, "Message": "no"}]).encode())


ANSWERS: list[tuple[str, Answer, str]] = [
    ("ses", aws("MessageRejected", "Address is on the list"), "failed"),
    ("ses", aws("MessageRejected", "Email address is not verified."), "Stop"),
    ("ses", aws("MailFromDomainNotVerifiedException", "no"), "Stop"),
    ("ses", aws("AccountSuspendedException", "no"), "Stop"),
    ("ses", aws("SendingPausedException", "no"), "Retry"),
    ("ses", aws("LimitExceededException", "no"), "Retry"),
    ("ses", Answer(429, {"x-amzn-ErrorType": "TooManyRequestsException"}, b"{}"), "Retry"),
    ("ses", Answer(403, {"x-amzn-ErrorType": "SignatureDoesNotMatch"}, b"{}"), "Stop"),
    ("ses", Answer(200, body=b"<html>"), "unknown"),
    ("sendgrid", Answer(413, body=b'{"errors": [{"message": "too big"}]}'), "failed"),
    ("sendgrid", Answer(202, body=b""), "unknown"),
    ("sendgrid", Answer(403, body=b'{"errors": [{"message": "The from address does not match a '
                                  b'verified Sender Identity."}]}'), "Stop"),
    ("mailgun", Answer(400, body=b'{"message": "to parameter is not a valid address"}'), "failed"),
    ("mailgun", Answer(404, body=b'{"message": "Domain not found"}'), "failed"),
    ("postmark", postmark(406), "bounced"), ("postmark", postmark(300), "failed"),
    ("postmark", postmark(400), "Stop"), ("postmark", postmark(405), "retry"),
    ("postmark", postmark(429), "retry"),
    ("postmark", Answer(422, body=b'{"ErrorCode": 402}'), "failed"),
    ("postmark", Answer(200, body=b"[{}]"), "unknown"),
    ("resend", resend(422, "validation_error"), "failed"),
    ("resend", resend(403, "validation_error", "The example.org domain is not verified."), "Stop"),
    ("resend", resend(403, "invalid_api_key"), "Stop"),
    ("resend", resend(409, "concurrent_idempotent_requests"), "retry"),
    ("resend", resend(409, "invalid_idempotent_request"), "sent"),
    ("resend", resend(429, "daily_quota_exceeded"), "Retry"),
    ("resend", resend(500, "application_error"), "unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "answer", "kind"), ANSWERS)
def test_what_an_answer_means(provider: str, answer: Answer, kind: str) -> None:
    found, _ = sent(provider, PLAIN, answer)
    assert getattr(found, "kind", type(found).__name__) == kind, found


def test_a_sender_of_one_message_that_is_refused_stops_nothing_else() -> None:
    other = EmailContent("Other <x@other.example>", ("ana@example.com",), "Hi", text="x")
    found, _ = sent("postmark", other, postmark(400))
    assert found.kind == "failed" and "x@other.example" in found.reason


def test_a_limit_that_is_used_up_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    headers = {"X-Message-Id": "m-1", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "30"}
    message = Outgoing("d1", "key-1", PLAIN)
    with RecordingServer(otherwise=Answer(202, headers, b"")) as server:
        channel = make("sendgrid", server.url)
        assert [r.kind for r in channel.deliver([message])] == ["sent"]
        with pytest.raises(Retry, match="limit is used up") as caught:
            channel.deliver([message])
        assert 25 < (caught.value.after or 0) <= 30
        assert len(server.requests) == 1
        now = time.monotonic()
        monkeypatch.setattr("cdp_email.providers.base.time.monotonic", lambda: now + 31)
        assert [r.kind for r in channel.deliver([message])] == ["sent"]


def test_large_postmark_messages_go_in_several_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cdp_email.providers.postmark._BATCH_BYTES", 300)
    with RecordingServer(
        ACCEPTS["postmark"], otherwise=Answer(429, {"Retry-After": "3"}, b"{}")
    ) as server:
        channel = make("postmark", server.url)
        receipts = channel.deliver([Outgoing(f"d{i}", f"k{i}", PLAIN) for i in range(3)])
    assert [r.kind for r in receipts] == ["sent", "retry", "retry"]
    assert receipts[1].after == 3.0
