"""What is shown in place of a personal value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp.protocols import DOTS, masked, masked_text


@pytest.mark.parametrize(
    ("value", "kind", "mask"),
    [
        ("jane@example.com", "email", "j•••@e•••.com"),
        ("jane@localhost", "email", "j•••@l•••"),
        ("Ada Lovelace", "name", "A••• L•••"),
        ("demo-1234", "user_id", "d•••"),
        ("+48601123456", "phone", "+•••"),
        ("hunter2", "password", DOTS),
        ("x", "name", DOTS),
        ("", None, DOTS),
        (42, None, DOTS),
        (True, "veteran", DOTS),
        ("   ", None, DOTS),
        ("a b@c d", None, "a••• b••• d•••"),
    ],
)
def test_a_mask_tells_values_apart_and_no_value(value: object, kind: str, mask: str) -> None:
    assert masked(value, kind) == mask


@given(st.text())
def test_masking_twice_is_masking_once_and_shows_one_letter_of_a_word(text: str) -> None:
    once = masked(text)
    assert masked(once) == once
    assert all(len(word.replace(DOTS, "")) <= 5 + len(text) // 2 for word in once.split())


@pytest.mark.parametrize(
    ("text", "mask"),
    [
        ("the answer was 400", "the answer was 400"),
        ("no such person: ana@example.com, sorry", "no such person: a•••@e•••.com, sorry"),
        ("call +48 601 123 456 now", "call ••• now"),
        ("from 203.0.113.9", "from •••"),
        ("key eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0", DOTS),
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
    ],
)
def test_only_what_looks_personal_is_cut_out_of_a_text(text: str, mask: str) -> None:
    assert masked_text(text) == mask
    assert masked_text(mask) == mask
