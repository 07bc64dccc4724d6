"""An identifier as people write it."""

import base64
from typing import Any

import pytest

from cdp.events.message import Message
from cdp.identity import Identifier, parse_identifier
from cdp.identity.identifiers import extract, parse_public_id, public_id
from cdp.identity.rules import DEFAULT


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("user_id:u1", ("user_id", "u1")),
        ("Email: Ana@Example.com ", ("email", "ana@example.com")),
        ("phone:+48 601 123 456", ("phone", "+48601123456")),
        ("phone:none", ("phone", "none")),
        ("crm_id:a:b", ("crm_id", "a:b")),
        ("u1", None),
        (":u1", None),
        ("user_id:", None),
        ("user_id:a\0b", None),
    ],
)
def test_type_and_value_stand_before_and_after_the_first_colon(
    text: str, found: Identifier | None
) -> None:
    assert parse_identifier(text) == found


@pytest.mark.parametrize("hash_", [0, 1, -1, 2**63 - 1, -(2**63), -1234567890123456789])
def test_a_public_id_is_the_hash_in_base32(hash_: int) -> None:
    raw = base64.b32encode(hash_.to_bytes(8, "big", signed=True)).decode()
    assert public_id(0, hash_) == "use_" + raw.rstrip("=").lower()
    assert parse_public_id(public_id(0, hash_)) == (0, hash_)


@pytest.mark.parametrize(
    ("device", "found"),
    [
        ({"type": "iOS", "id": "d1", "token": "f00d", "advertisingId": "ad"},
         {("ios.id", "d1"), ("ios.push_token", "f00d")}),
        ({"type": "android", "id": "d1", "advertisingId": "ad", "adTrackingEnabled": True},
         {("android.id", "d1"), ("android.idfa", "ad")}),
        # An app made with Expo says what phone it is on, and has Expo's token.
        ({"type": "ios", "id": "d1", "token": "ExponentPushToken[x]"},
         {("ios.id", "d1"), ("expo.push_token", "ExponentPushToken[x]")}),
        ({"type": "expo", "token": "made-up"}, {("expo.push_token", "made-up")}),
        # Ids of browsers are whatever somebody sent, and no phone's.
        ({"type": "web", "id": "d1", "token": '{"endpoint": "https://push.example/1"}'},
         {("web.push_token", '{"endpoint": "https://push.example/1"}')}),
        ({"type": "web", "token": {"endpoint": "x"}}, set()),
        ({"type": "macos", "id": "d1", "token": "f00d"}, set()),
    ],
)  # fmt: skip
def test_devices_are_found_by_their_type(device: dict[str, Any], found: set[Identifier]) -> None:
    body = {"type": "track", "context": {"device": device}}
    assert set(extract(Message("track", "A", "m1", 1, 1, 1, body), DEFAULT).person) == found
