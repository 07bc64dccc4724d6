"""Apple's push service, over real HTTP/2."""

import ssl
import time
from pathlib import Path
from typing import Any

import jwt
import pytest

from cdp.plugin import (
    DestinationContext,
    Device,
    Forbidden,
    Guard,
    GuardedHTTP,
    PluginError,
    PushContent,
    Receipt,
    Retry,
    Stop,
    Unanswered,
)
from tests.destinations.certificates import certificate, server_context
from tests.destinations.push.common import (
    APPLE,
    BUTTONS,
    SHOWN,
    apns,
    hand_over,
    make,
    outgoing,
)
from tests.destinations.push.h2server import Call, H2Server, Says

PHONE = Device("ab12cd34", "ios")
HELLO = PushContent((PHONE,), "Hi", "there")


def send(content: PushContent, *says: Says, **more: Any) -> tuple[Receipt, list[Call]]:
    answers = list(says)
    with H2Server(lambda _: answers.pop(0) if answers else Says()) as server:
        channel = make(**apns(server.url, **more))
        try:
            receipt = hand_over(channel, outgoing(content))
        finally:
            channel.close()
    return receipt, server.calls


def no(status: int, reason: str) -> Says:
    return Says(status, {"reason": reason})


def test_a_push_is_told_as_apple_wants_it() -> None:
    content = PushContent(
        (PHONE,), "Sale", "Now", "https://x/i.png", "shop://sale", badge=3, collapse_key="sale",
        ttl_s=60, data={"n": "1"}, custom={"ios": {"aps": {"thread-id": "t"}}},
    )  # fmt: skip
    receipt, [call] = send(content, customerio_sdk=True)
    assert receipt.kind == "sent"
    assert call.headers[":method"] == "POST" and call.headers[":path"] == "/3/device/ab12cd34"
    assert receipt.provider_id == call.headers["apns-id"]
    kind, token = call.headers["authorization"].split()
    claims = jwt.decode(token, APPLE.public_key(), ["ES256"])
    assert (kind, claims["iss"]) == ("bearer", "TEAM123456")
    assert jwt.get_unverified_header(token)["kid"] == "KEY1234567"
    told = {name: value for name, value in call.headers.items() if name.startswith("apns-")}
    assert 50 < int(told.pop("apns-expiration")) - time.time() < 70
    del told["apns-id"]
    assert told == {
        "apns-topic": "org.example.shop", "apns-push-type": "alert", "apns-priority": "10",
        "apns-collapse-id": "sale",
    }  # fmt: skip
    links = {"link": "shop://sale", "image": "https://x/i.png"}
    assert call.json() == {
        "aps": {
            "alert": {"title": "Sale", "body": "Now"}, "sound": "default", "badge": 3,
            "mutable-content": 1, "thread-id": "t",
        },
        "n": "1", "delivery_id": "d1", **links,
        "CIO": {"push": links}, "CIO-Delivery-ID": "d1",
    }  # fmt: skip


def test_buttons_come_by_their_category_and_beside_it() -> None:
    made = PushContent((PHONE,), "Sale", buttons=BUTTONS)
    _, [call] = send(made)
    aps = call.json()["aps"]
    assert call.json()["buttons"] == SHOWN and aps["mutable-content"] == 1
    # The same buttons have the same name, and others another.
    _, [again] = send(made)
    _, [other] = send(PushContent((PHONE,), "Sale", buttons=BUTTONS[:1]))
    assert aps["category"].startswith("buttons_")
    assert again.json()["aps"]["category"] == aps["category"] != other.json()["aps"]["category"]
    _, [call] = send(PushContent((PHONE,), "Sale", buttons=BUTTONS, category="CART"))
    assert call.json()["aps"]["category"] == "CART"


def test_a_repeat_has_the_same_id_and_a_device_may_name_its_app() -> None:
    with H2Server(lambda _: Says()) as server:
        channel = make(**apns(server.url))
        content = PushContent((Device("ab", "ios", "org.example.other"), PHONE), data={"sync": "1"})
        for _ in range(2):
            channel.deliver([outgoing(content)])
    first, second, third, fourth = (call.headers for call in server.calls)
    assert first["apns-topic"] == "org.example.other"
    assert (first["apns-id"], second["apns-id"]) == (third["apns-id"], fourth["apns-id"])
    assert first["apns-id"] != second["apns-id"]
    assert first["authorization"] == fourth["authorization"]
    assert (first["apns-push-type"], first["apns-priority"]) == ("background", "5")
    assert server.calls[0].json()["aps"] == {"content-available": 1}
    assert server.connections == 1


@pytest.mark.parametrize(
    ("says", "kind"),
    [
        (no(410, "Unregistered"), "bounced"), (no(410, "ExpiredToken"), "bounced"),
        (no(400, "BadDeviceToken"), "failed"), (no(400, "DeviceTokenNotForTopic"), "failed"),
        (no(429, "TooManyRequests"), "retry"), (no(503, "ServiceUnavailable"), "retry"),
        (no(500, "InternalServerError"), "unknown"), (Says(then="hang up"), "unknown"),
        (Says(then="reset"), "unknown"), (no(413, "PayloadTooLarge"), "failed"),
    ],
)  # fmt: skip
def test_each_reason_has_its_meaning(says: Says, kind: str) -> None:
    receipt, calls = send(HELLO, says)
    assert receipt.kind == kind and len(calls) == 1
    assert receipt.gone == (("ab12cd34",) if kind == "bounced" else ())


def test_an_answer_that_does_not_come_in_time_leaves_the_outcome_open() -> None:
    receipt, _ = send(HELLO, Says(then="wait"), timeout=0.3)
    assert receipt.kind == "unknown" and "no answer" in receipt.reason


@pytest.mark.parametrize("reason", ["InvalidProviderToken", "TopicDisallowed", "BadTopic"])
def test_a_wrong_key_or_topic_stops_the_channel(reason: str) -> None:
    with pytest.raises(Stop, match=reason):
        send(HELLO, no(403 if "Token" in reason else 400, reason))


def test_a_token_that_has_ended_is_made_anew_once() -> None:
    receipt, calls = send(HELLO, no(403, "ExpiredProviderToken"))
    assert receipt.kind == "sent" and len(calls) == 2
    receipt, calls = send(HELLO, *[no(403, "ExpiredProviderToken")] * 3)
    assert receipt.kind == "failed" and len(calls) == 2


def test_what_apple_would_refuse_is_not_sent() -> None:
    for content in (
        PushContent((PHONE,), "Hi", "ż" * 2100),
        PushContent((Device("../3/device/x", "ios"),), "Hi"),
    ):
        receipt, calls = send(content)
        assert receipt.kind == "failed" and receipt.reason and not calls


def test_nobody_at_the_address_means_later() -> None:
    with H2Server(lambda _: Says()) as server:
        url = server.url
    receipt = hand_over(make(**apns(url)), outgoing(HELLO))
    assert receipt.kind == "retry"


def test_the_guard_holds_for_http2_too() -> None:
    client = GuardedHTTP(Guard()).also(http2=True)
    with pytest.raises(Forbidden):
        client.request("POST", "https://127.0.0.1/3/device/x")
    assert DestinationContext().guard.allow_private is False


def test_the_address_that_was_checked_is_called_and_the_hosts_certificate_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = certificate("localhost")
    shows, trusts = server_context(pem, tmp_path), ssl.create_default_context(cadata=pem.public)
    shows.set_alpn_protocols(["h2"])
    with H2Server(lambda _: Says(200, {"ok": True}), shows) as server:
        client = GuardedHTTP(Guard(allow_private=True), 5.0).also(tls=trusts, http2=True)
        # The name of the certificate stays, wherever it leads.
        monkeypatch.setattr("cdp.plugin.guard.resolve", lambda host, port: ["127.0.0.1"])
        answer = client.request("POST", server.url + "/x?y=1", b"{}", {"X-Y": "z"})
        assert answer.status == 200 and answer.body == b'{"ok": true}'
        [call] = server.calls
        assert call.headers[":authority"] == f"localhost:{server.port}"
        assert call.headers[":path"] == "/x?y=1" and call.headers["x-y"] == "z"
        other = server.url.replace("localhost", "push.example.org")
        with pytest.raises(Retry, match="certificate") as caught:
            client.request("POST", other)
        assert not isinstance(caught.value, Unanswered)
        stranger = GuardedHTTP(Guard(allow_private=True), 5.0, http2=True)
        with pytest.raises(PluginError, match="certificate"):
            stranger.request("POST", server.url)
