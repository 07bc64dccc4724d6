"""An identifier as people write it."""

import pytest

from cdp.identity import Identifier, parse_identifier


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
