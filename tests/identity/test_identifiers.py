"""An identifier as people write it."""

import base64

import pytest

from cdp.identity import Identifier, parse_identifier
from cdp.identity.identifiers import parse_public_id, public_id


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
