"""Firebase, as its HTTP v1 is."""

import json
from typing import Any
from urllib.parse import parse_qsl

import jwt
import pytest
from cdp_push import PushChannel

from cdp.plugin import Device, PushContent, Receipt, Stop
from cdp.plugin.testing import Answer, RecordingServer, Request, channel_tests
from tests.destinations.push.common import (
    ANDROID,
    BUTTONS,
    GOOGLE,
    HELLO,
    SHOWN,
    TAKEN,
    TOKEN,
    fcm,
    hand_over,
    make,
    outgoing,
)

TestPush = channel_tests(
    PushChannel,
    settings=fcm,
    content=HELLO,
    accepts=TAKEN,
    before=[TOKEN],
    wrong={"fcm_service_account": "{}", "vapid_subject": "me"},
)


ABOUT_TOKEN = {"fieldViolations": [{"field": "message.token"}]}


def send(
    content: PushContent, *answers: Answer, settings: dict[str, Any] | None = None, **options: Any
) -> tuple[Receipt, list[Request]]:
    with RecordingServer(TOKEN, *answers, otherwise=TAKEN) as server:
        channel = make(**fcm(server.url, **(settings or {})))
        receipt = hand_over(channel, outgoing(content, **options))
        channel.close()
    return receipt, server.requests


def error(status: int, code: str, *details: dict[str, Any]) -> Answer:
    found = [{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}]
    body = {
        "error": {"code": status, "message": "why", "status": "X", "details": [*found, *details]}
    }
    return Answer(status, body=json.dumps(body).encode())


def test_a_service_account_signs_for_a_token_that_is_kept() -> None:
    with RecordingServer(TOKEN, otherwise=TAKEN) as server:
        channel = make(**fcm(server.url))
        for _ in range(3):
            receipt = hand_over(channel, outgoing(HELLO))
        assert receipt.provider_id == "projects/shop/messages/m1"
        kept = repr(channel.http.take_exchanges())
    token, *sent = server.requests
    assert [request.path for request in sent] == ["/v1/projects/shop/messages:send"] * 3
    form = dict(parse_qsl(token.body.decode()))
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    claims = jwt.decode(
        form["assertion"], GOOGLE.public_key(), ["RS256"], audience=f"{server.url}/token"
    )
    assert claims["iss"] == "push@shop.iam.example.org"
    assert claims["scope"] == "https://www.googleapis.com/auth/firebase.messaging"
    assert sent[0].headers["authorization"] == "Bearer ya29.x"
    assert "ya29.x" not in kept and form["assertion"] not in kept


def test_all_that_a_push_says_has_its_place() -> None:
    content = PushContent(
        (ANDROID,), "Sale", "Now", "https://x/i.png", "shop://sale", badge=3, collapse_key="sale",
        ttl_s=60, data={"n": "1"},
        custom={"android": {"android": {"notification": {"channel_id": "promo"}}}},
    )  # fmt: skip
    _, [_, request] = send(content, priority="normal", settings={"customerio_sdk": True})
    message = request.json()["message"]
    assert message["token"] == "android-token"
    assert message["notification"] == {"title": "Sale", "body": "Now", "image": "https://x/i.png"}
    assert message["android"] == {
        "ttl": "60s", "priority": "NORMAL", "collapse_key": "sale",
        "notification": {
            "sound": "default", "tag": "sale", "notification_count": 3, "channel_id": "promo"
        },
    }  # fmt: skip
    assert message["data"] == {
        "n": "1", "link": "shop://sale", "image": "https://x/i.png", "delivery_id": "d1",
        "CIO-Delivery-ID": "d1", "CIO-Delivery-Token": "android-token",
    }  # fmt: skip


def test_a_data_push_shows_nothing() -> None:
    _, [_, request] = send(PushContent((ANDROID,), data={"sync": "1"}))
    message = request.json()["message"]
    assert "notification" not in message and "notification" not in message["android"]
    assert message["data"] == {"sync": "1", "delivery_id": "d1"}


def test_buttons_are_data_for_the_app_to_show() -> None:
    content = PushContent((ANDROID,), "Sale", buttons=BUTTONS, category="CART")
    _, [_, request] = send(content)
    message = request.json()["message"]
    assert json.loads(message["data"]["buttons"]) == SHOWN
    assert message["data"]["category"] == "CART" and message["notification"] == {"title": "Sale"}
    phone = PushContent((Device("ios-token", "ios"),), "Sale", buttons=BUTTONS, category="CART")
    _, [_, request] = send(phone, settings={"ios_by": "fcm"})
    assert request.json()["message"]["apns"]["payload"]["aps"]["category"] == "CART"


def test_ios_goes_by_firebase_where_its_tokens_are() -> None:
    content = PushContent((Device("ios-token", "ios"),), "Hi", link="shop://x")
    _, [_, request] = send(content, settings={"ios_by": "fcm"})
    message = request.json()["message"]
    assert message["apns"]["payload"]["aps"]["alert"] == {"title": "Hi"}
    assert message["apns"]["headers"]["apns-push-type"] == "alert"
    assert message["apns"]["payload"]["link"] == "shop://x" and "android" not in message


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error(429, "QUOTA_EXCEEDED"), "retry"), (error(503, "UNAVAILABLE"), "retry"),
        (error(500, "INTERNAL"), "unknown"), (error(403, "SENDER_ID_MISMATCH"), "failed"),
        (error(401, "THIRD_PARTY_AUTH_ERROR"), "failed"),
        (error(400, "INVALID_ARGUMENT"), "failed"),
        (error(404, "UNREGISTERED"), "bounced"),
        (error(400, "INVALID_ARGUMENT", ABOUT_TOKEN), "bounced"),
    ],
)  # fmt: skip
def test_each_code_has_its_meaning(answer: Answer, kind: str) -> None:
    receipt, requests = send(HELLO, answer)
    assert receipt.kind == kind and "FCM" in (receipt.reason + str(receipt.response))
    assert receipt.gone == (("android-token",) if kind == "bounced" else ())
    assert len(requests) == 2


def test_a_token_that_has_ended_is_fetched_anew_once() -> None:
    second = Answer(200, body=b'{"access_token": "ya29.y", "expires_in": 3599}')
    receipt, requests = send(HELLO, Answer(401, body=b"{}"), second)
    assert receipt.kind == "sent"
    assert [r.headers.get("authorization") for r in requests] == [
        None, "Bearer ya29.x", None, "Bearer ya29.y",
    ]  # fmt: skip


def test_a_refused_account_stops_the_channel_and_a_token_that_fails_means_later() -> None:
    for answer, stops in (
        (Answer(400, body=b'{"error": "invalid_grant"}'), True),
        (Answer(200, body=b"{}"), True), (Answer(500), False), (Answer(drop=True), False),
    ):  # fmt: skip
        with RecordingServer(answer) as server:
            channel = make(**fcm(server.url))
            if stops:
                with pytest.raises(Stop, match="no access token"):
                    channel.deliver([outgoing(HELLO)])
            else:
                receipt = hand_over(channel, outgoing(HELLO))
                assert receipt.kind == "retry", receipt
            assert len(server.requests) == 1


def test_some_devices_may_be_gone() -> None:
    devices = tuple(Device(f"t{n}", "android") for n in (0, 1, 2, 0))
    receipt, requests = send(
        PushContent(devices, "Hi"), TAKEN, error(404, "UNREGISTERED"), error(500, "INTERNAL")
    )
    assert receipt.kind == "sent" and receipt.gone == ("t1",)
    assert receipt.response["devices"] == {"sent": 1, "gone": 1, "unknown": 1}
    assert len(requests) == 4  # the token was not asked for twice, nor t0


@pytest.mark.parametrize("devices", [(), (Device("x", "web"),), (Device("x", "pager"),)])
def test_devices_that_nobody_serves_fail_with_a_reason(devices: tuple[Device, ...]) -> None:
    receipt, requests = send(PushContent(devices, "Hi"))
    assert receipt.kind == "failed" and receipt.reason and not requests


def test_the_test_fetches_a_token() -> None:
    with RecordingServer(TOKEN, TOKEN, Answer(401, body=b'{"error": "invalid_client"}')) as server:
        assert make(**fcm(server.url)).test().status == 200
        shown = make(**fcm(server.url)).test()
    assert "invalid_client" in str(shown.error) and shown.response_body == "••••"


def test_measuring_tells_the_bytes_by_platform() -> None:
    channel = make(**fcm("https://example.org"))
    found = channel.measure(PushContent((ANDROID, Device("{}", "web"), Device("a", "ios")), "Hi"))
    assert set(found) == {"android", "web", "ios"}
    assert 0 < found["web"]["bytes"] < found["web"]["most"] == 3993
    assert [check.state for check in channel.checks()] == ["warning", "ok", "warning"]
