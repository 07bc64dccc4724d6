"""Whatever a provider sends, well signed: reports or none, and never a failure."""

from __future__ import annotations

import json
import time
from typing import Any

import jwt
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp.plugin import Forged, Inbound
from cdp.plugin.messages import REPORTS
from tests.destinations.sms.common import inbound, make
from tests.destinations.sms.test_bird import BIRD as BIRD_SMS
from tests.destinations.sms.test_bird import signed as bird_sms
from tests.destinations.sms.test_others import AWS, BIRD, HTTP, OLD_BIRD, bird
from tests.destinations.sms.test_twilio import TWILIO, signed
from tests.destinations.sms.test_vonage import VONAGE, with_signature, with_token

NAMES = [
    "id", "status", "event", "payload", "message_uuid", "messageId", "from", "to", "msisdn",
    "text", "err-code", "timestamp", "error", "sender", "receiver", "contacts", "contact",
    "identifierValue", "body", "createdAt", "lastStatusAt", "reference", "Type", "Message",
    "messageStatus", "eventTimestamp", "messageBody", "inboundMessageId", "originationNumber",
    "hard", "MessageSid", "MessageStatus", "Body", "From", "ErrorCode", "OptOutType", "context",
    "channel", "client_ref",
]  # fmt: skip
WORDS = st.sampled_from(
    ["delivered", "undelivered", "failed", "sms.inbound", "sms.outbound", "STOP", "+48600100200",
     "48600100200", "Notification", "SubscriptionConfirmation", "DELIVERED", "30005", "2026-01-31"]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), inner, max_size=6)
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=12)
FORMS = st.dictionaries(st.sampled_from(NAMES), st.text(max_size=20) | WORDS, max_size=12)


def old_bird(path: str, body: bytes) -> Inbound:
    import hashlib

    made = inbound(path, body, {})
    now = int(time.time())
    claims = {
        "iss": "MessageBird", "nbf": now, "exp": now + 60,
        "url_hash": hashlib.sha256(made.url.encode()).hexdigest(),
        "payload_hash": hashlib.sha256(body).hexdigest(),
    }  # fmt: skip
    token = jwt.encode(claims, str(OLD_BIRD["signing_key"]), "HS256")
    return inbound(path, body, {"messagebird-signature-jwt": token})


def check(values: dict[str, Any], request: Inbound) -> None:
    try:
        reply = make(**values).receive(request)
    except Forged:
        # Only a subscription at a strange address may be taken for forged.
        assert values["provider"] == "sns"
        return
    assert reply is not None
    for report in reply.reports:
        assert report.kind in REPORTS and report.id and isinstance(report.at, int)
        assert all(isinstance(text, str) for text in (report.delivery, report.recipient))


@settings(max_examples=50, deadline=None)
@given(
    OBJECTS,
    st.sampled_from(["status", "inbound"]),
    st.sampled_from(["sms.received", "sms.failed", "x"]),
)
def test_json_of_any_form(data: dict[str, Any], path: str, type_: str) -> None:
    body = json.dumps(data).encode()
    check(VONAGE, with_token(path, data))
    check(BIRD, bird(path, data))
    check(BIRD_SMS, bird_sms(path, {**data, "type": type_}))
    check(OLD_BIRD, old_bird(path, body))
    check(AWS, inbound(path, body, {}, "token=hook-token"))
    check(HTTP, inbound(path, body, {}, "token=hook-token"))
    note = {"Type": "Notification", "Message": json.dumps(data)}
    check(AWS, inbound(path, json.dumps(note).encode(), {}, "token=hook-token"))


@settings(max_examples=40, deadline=None)
@given(FORMS, st.sampled_from(["status", "inbound"]))
def test_forms_of_any_form(data: dict[str, str], path: str) -> None:
    check(TWILIO, signed(path, data))
    check(VONAGE, with_signature(path, {**data, "timestamp": str(int(time.time()))}))
