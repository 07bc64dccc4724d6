"""Web Push: encryption that browsers can read, and Expo."""

import json
from typing import Any

import jwt
import pytest
from cdp_push.keys import b64, p256_key, public_point, unb64
from cdp_push.webpush import encrypt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp.plugin import (
    DestinationContext,
    Device,
    Inbound,
    Inquiry,
    PushContent,
    Receipt,
    SettingsError,
)
from cdp.plugin.testing import Answer, RecordingServer, Request
from tests.destinations.push.common import (
    AUTH,
    BROWSER,
    BUTTONS,
    SHOWN,
    VAPID,
    VAPID_RAW,
    hand_over,
    make,
    outgoing,
)

WEB = {"vapid_private_key": VAPID_RAW, "vapid_subject": "mailto:push@example.org"}
AUTH64 = b64(AUTH)


def browser(url: str, key: bytes | None = None) -> Device:
    keys = {"p256dh": b64(key or public_point(BROWSER)), "auth": b64(AUTH)}
    return Device(json.dumps({"endpoint": f"{url}/push/abc", "keys": keys}), "web")


def decrypt(body: bytes, key: ec.EllipticCurvePrivateKey, auth: bytes) -> bytes:
    """As a browser does it (RFC 8291 section 3, RFC 8188), written without our code."""
    salt, size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
    sender, record = body[21 : 21 + length], body[21 + length :]
    assert size >= len(record)
    shared = key.exchange(
        ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
    )
    mine = key.public_key().public_numbers()
    point = b"\x04" + mine.x.to_bytes(32, "big") + mine.y.to_bytes(32, "big")
    info = b"WebPush: info\x00" + point + sender
    first = HKDF(hashes.SHA256(), 32, auth, info).derive(shared)
    import hmac

    second = hmac.digest(salt, first, "sha256")
    content_key = HKDFExpand(hashes.SHA256(), 16, b"Content-Encoding: aes128gcm\x00").derive(second)
    nonce = HKDFExpand(hashes.SHA256(), 12, b"Content-Encoding: nonce\x00").derive(second)
    text = AESGCM(content_key).decrypt(nonce, record, None)
    assert text.rstrip(b"\x00").endswith(b"\x02")
    return text.rstrip(b"\x00")[:-1]


def send(content: PushContent, answer: Answer, **options: Any) -> tuple[Receipt, list[Request]]:
    with RecordingServer(otherwise=answer) as server:
        channel = make(**WEB)
        devices = tuple(browser(server.url) for _ in content.devices) or (browser(server.url),)
        from dataclasses import replace

        receipt = hand_over(channel, outgoing(replace(content, devices=devices), **options))
    return receipt, server.requests


def test_the_encryption_is_that_of_the_rfcs_example() -> None:
    # RFC 8291, appendix A.
    ours = p256_key("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")
    theirs = unb64(
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
    )
    salt, auth = unb64("DGv6ra1nlYgDCS1FRnbzlw"), unb64("BTBZMqHH6r4Tts7J_aSIgg")
    text = b"When I grow up, I want to be a watermelon"
    assert b64(encrypt(text, theirs, auth, salt, ours)) == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWA"
        "mS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj"
        "_Qulcy4a-fN"
    )


@settings(max_examples=30)
@given(st.binary(max_size=3993))
def test_a_browser_reads_every_text_and_no_two_are_alike(text: bytes) -> None:
    point = public_point(BROWSER)
    first, second = encrypt(text, point, AUTH), encrypt(text, point, AUTH)
    assert decrypt(first, BROWSER, AUTH) == decrypt(second, BROWSER, AUTH) == text
    assert first != second and len(first) <= 4096


def test_a_push_is_signed_and_says_how_long_it_may_wait() -> None:
    content = PushContent(
        (), "Sale", "Now – 20 %", "https://x/i.png", "https://shop/sale", collapse_key="sale",
        ttl_s=60, data={"n": "1"}, custom={"web": {"actions": [{"action": "buy"}]}},
    )  # fmt: skip
    receipt, [request] = send(content, Answer(201, {"Location": "https://push/m/1"}, b""))
    assert (receipt.kind, receipt.provider_id) == ("sent", "https://push/m/1")
    headers = request.headers
    assert (headers["ttl"], headers["urgency"]) == ("60", "high")
    assert headers["content-encoding"] == "aes128gcm" and 1 <= len(headers["topic"]) <= 32
    kind, _, parts = headers["authorization"].partition(" ")
    found = dict(part.split("=", 1) for part in parts.split(", "))
    assert kind == "vapid" and unb64(found["k"]) == public_point(VAPID)
    origin = f"http://{headers['host']}"
    claims = jwt.decode(found["t"], VAPID.public_key(), ["ES256"], audience=origin)
    assert claims["sub"] == "mailto:push@example.org"
    assert json.loads(decrypt(request.body, BROWSER, AUTH)) == {
        "title": "Sale", "body": "Now – 20 %", "image": "https://x/i.png",
        "link": "https://shop/sale", "tag": "sale", "data": {"n": "1"}, "delivery_id": "d1",
        "actions": [{"action": "buy"}],
    }  # fmt: skip


def test_buttons_are_actions_of_the_notification() -> None:
    _, [request] = send(PushContent((), "Sale", buttons=BUTTONS), Answer(201))
    assert json.loads(decrypt(request.body, BROWSER, AUTH))["actions"] == [
        {"action": "button_1", "title": "Buy", "link": "shop://buy"},
        {"action": "later", "title": "Later"},
    ]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (404, "bounced"), (410, "bounced"), (429, "retry"), (503, "retry"), (500, "unknown"),
        (400, "failed"), (401, "failed"), (403, "failed"), (413, "failed"),
    ],
)  # fmt: skip
def test_each_status_has_its_meaning(status: int, kind: str) -> None:
    receipt, [_] = send(PushContent((), "Hi"), Answer(status))
    assert receipt.kind == kind and len(receipt.gone) == (1 if kind == "bounced" else 0)


def test_what_is_no_subscription_or_too_long_is_not_sent() -> None:
    for token in (
        "", "{}", "[]", '{"endpoint": "https://x", "keys": {"p256dh": "AA", "auth": "AA"}}',
        '{"endpoint": 5, "keys": {"p256dh": "AA", "auth": "AAAAAAAAAAAAAAAAAAAAAA"}}',
        json.dumps({"endpoint": "https://x", "keys": {"p256dh": b64(bytes(65)), "auth": AUTH64}}),
        json.dumps({"endpoint": "file:///x", "keys": {"p256dh": "żż", "auth": AUTH64}}),
    ):  # fmt: skip
        receipt = hand_over(make(**WEB), outgoing(PushContent((Device(token, "web"),), "Hi")))
        assert receipt.kind == "failed" and "subscription" in receipt.reason, token
    receipt, requests = send(PushContent((), "a" * 4000), Answer())
    assert receipt.kind == "failed" and not requests


def test_a_subscription_leads_nobody_inside() -> None:
    from cdp_push import PushChannel

    channel = PushChannel(WEB, DestinationContext("Push", False))
    content = PushContent((browser("http://169.254.169.254"),), "Hi")
    receipt = hand_over(channel, outgoing(content))
    assert receipt.kind == "failed" and "internal address" in receipt.reason


def test_pages_are_given_the_public_key_and_nothing_else() -> None:
    reply = make(**WEB).receive(Inbound("GET", "vapid", "", {}, {}, b""))
    assert reply is not None and reply.headers["access-control-allow-origin"] == "*"
    assert unb64(json.loads(bytes(reply.body))["publicKey"]) == public_point(VAPID)  # type: ignore[arg-type]
    assert make(**WEB).receive(Inbound("POST", "vapid", "", {}, {}, b"")) is None
    assert make(expo=True).receive(Inbound("GET", "vapid", "", {}, {}, b"")) is None


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({}, {"fcm_service_account"}),
        ({"vapid_private_key": VAPID_RAW}, {"vapid_subject"}),
        (
            {"vapid_private_key": "short", "vapid_subject": "me"},
            {"vapid_private_key", "vapid_subject"},
        ),
        ({"apns_key": "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----"}, {"apns_key"}),
        ({"fcm_service_account": "not json"}, {"fcm_service_account"}),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_by_name(values: dict[str, Any], wrong: set[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        make(**values)
    assert set(caught.value.errors) == wrong


PHONES = tuple(Device(f"ExponentPushToken[{n}]", "expo") for n in range(3))


def expo(content: PushContent, answer: Answer) -> tuple[Receipt, list[Request]]:
    with RecordingServer(otherwise=answer) as server:
        channel = make(expo=True, expo_url=server.url, expo_access_token="expo-secret")
        receipt = hand_over(channel, outgoing(content))
    return receipt, server.requests


def tickets(*found: Any) -> Answer:
    return Answer(200, body=json.dumps({"data": found}).encode())


OK = {"status": "ok", "id": "t1"}


def refused(code: str) -> dict[str, Any]:
    return {"status": "error", "message": "why", "details": {"error": code}}


def test_expo_gets_all_devices_in_one_call() -> None:
    content = PushContent(PHONES, "Hi", "there", link="shop://x", badge=1, data={"n": "1"})
    receipt, [request] = expo(content, tickets(OK, refused("DeviceNotRegistered"), OK))
    assert (receipt.kind, receipt.provider_id) == ("sent", "t1")
    assert receipt.gone == ("ExponentPushToken[1]",)
    assert request.path == "/--/api/v2/push/send"
    assert request.headers["authorization"] == "Bearer expo-secret"
    first = request.json()[0]
    assert first["to"] == "ExponentPushToken[0]" and first["priority"] == "high"
    assert first["data"] == {"n": "1", "link": "shop://x", "delivery_id": "d1"}


def test_expo_is_told_of_buttons_by_their_category() -> None:
    _, [request] = expo(PushContent(PHONES, "Hi", buttons=BUTTONS, category="cart"), tickets(OK))
    first = request.json()[0]
    assert (first["categoryId"], first["data"]["buttons"]) == ("cart", SHOWN)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (tickets(*[refused("DeviceNotRegistered")] * 3), "bounced"),
        (tickets(*[refused("MessageRateExceeded")] * 3), "retry"),
        (tickets(*[refused("MessageTooBig")] * 3), "failed"),
        (tickets(OK), "unknown"),
        (Answer(200, body=b'{"errors": [{"code": "PUSH_TOO_MANY_EXPERIENCE_IDS"}]}'), "failed"),
        (Answer(200, body=b"<html>"), "unknown"),
        (Answer(500), "unknown"), (Answer(429), "retry"), (Answer(drop=True), "unknown"),
    ],
)  # fmt: skip
def test_each_ticket_has_its_meaning(answer: Answer, kind: str) -> None:
    receipt, [_] = expo(PushContent(PHONES, "Hi"), answer)
    assert receipt.kind == kind


def test_more_than_a_hundred_devices_take_more_calls() -> None:
    many = tuple(Device(f"E[{n}]", "expo") for n in range(150))
    _, requests = expo(PushContent(many, data={"sync": "1"}), tickets())
    assert [len(request.json()) for request in requests] == [100, 50]
    assert requests[0].json()[0]["_contentAvailable"] is True


def asked(said: dict[str, Any], *tickets: str) -> tuple[Any, list[Request]]:
    """What Expo's receipts make of a message to some of the phones."""
    ask = {"tickets": {ticket: PHONES[n].token for n, ticket in enumerate(tickets)}}
    with RecordingServer(otherwise=Answer(200, body=json.dumps({"data": said}).encode())) as server:
        channel = make(expo=True, expo_url=server.url)
        found = channel.inquire([Inquiry("d1", ask)])
        channel.close()
    return found[0], server.requests


def test_a_ticket_of_expo_is_asked_after_once_it_is_taken() -> None:
    receipt, _ = expo(PushContent(PHONES[:1], "Hi"), tickets(OK))
    assert receipt.ask == {"tickets": {"t1": PHONES[0].token}}
    found, [request] = asked({"t1": {"status": "ok"}}, "t1")
    assert found == [] and request.json() == {"ids": ["t1"]}
    assert request.path == "/--/api/v2/push/getReceipts"
    assert asked({}, "t1")[0] is None  # it isn't known yet


def test_a_phone_that_is_gone_is_told_of_and_a_message_that_none_got_has_bounced() -> None:
    found, _ = asked({"t1": refused("DeviceNotRegistered"), "t2": {"status": "ok"}}, "t1", "t2")
    assert [(r.recipient, r.hard, r.delivery) for r in found] == [(PHONES[0].token, True, "")]
    found, _ = asked({"t1": refused("MessageRateExceeded")}, "t1")
    assert [(r.kind, r.delivery, r.hard) for r in found] == [("bounced", "d1", False)]
