"""Keys and settings for the tests of the push channel."""

from __future__ import annotations

import json
from typing import Any

from cdp_push import PushChannel
from cdp_push.keys import b64
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from cdp.plugin import (
    DestinationContext,
    Device,
    Outgoing,
    PushContent,
    Receipt,
    Retry,
    receipt_of,
)
from cdp.plugin.testing import Answer


def _pem(key: Any) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


GOOGLE = rsa.generate_private_key(65537, 2048)
APPLE = ec.generate_private_key(ec.SECP256R1())
VAPID = ec.generate_private_key(ec.SECP256R1())
BROWSER = ec.generate_private_key(ec.SECP256R1())
APPLE_PEM = _pem(APPLE)
VAPID_RAW = b64(VAPID.private_numbers().private_value.to_bytes(32, "big"))
AUTH = bytes(range(16))

TOKEN = Answer(200, body=json.dumps({"access_token": "ya29.x", "expires_in": 3599}).encode())
TAKEN = Answer(200, body=b'{"name": "projects/shop/messages/m1"}')
ANDROID = Device("android-token", "android")
BUTTONS = ({"text": "Buy", "link": "shop://buy"}, {"text": "Later", "action": "later"})
#: As apps get them.
SHOWN = [
    {"id": "button_1", "title": "Buy", "link": "shop://buy"}, {"id": "later", "title": "Later"},
]  # fmt: skip
HELLO = PushContent((ANDROID,), "Your order", "It is on its way")


def account(url: str) -> str:
    return json.dumps(
        {
            "type": "service_account", "project_id": "shop", "private_key": _pem(GOOGLE),
            "client_email": "push@shop.iam.example.org", "token_uri": f"{url}/token",
        },
        indent=1,
    )  # fmt: skip


def fcm(url: str, **more: Any) -> dict[str, Any]:
    return {"fcm_service_account": account(url), "fcm_url": url, **more}


def apns(url: str, **more: Any) -> dict[str, Any]:
    return {
        "apns_key": APPLE_PEM, "apns_key_id": "KEY1234567", "apns_team_id": "TEAM123456",
        "apns_topic": "org.example.shop", "apns_url": url, **more,
    }  # fmt: skip


def make(**settings: Any) -> PushChannel:
    return PushChannel(settings, DestinationContext("Push", True, "https://cdp.example.org"))


def hand_over(channel: PushChannel, message: Outgoing) -> Receipt:
    """What became of one message, also where the provider as a whole takes nothing."""
    try:
        [receipt] = channel.deliver([message])
    except Retry as error:
        return receipt_of(error)
    return receipt


def outgoing(content: PushContent, **options: Any) -> Outgoing:
    return Outgoing("d1", "key-1", content, options=options)
