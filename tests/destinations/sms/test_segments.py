"""How texts are cut into parts."""

import pytest
from cdp_sms.segments import count
from hypothesis import given
from hypothesis import strategies as st

GSM = "ab@£ \n"


@pytest.mark.parametrize(
    ("text", "encoding", "parts", "left"),
    [
        ("", "gsm-7", 0, 160),
        ("a" * 160, "gsm-7", 1, 0),
        ("a" * 161, "gsm-7", 2, 145),
        ("a" * 306, "gsm-7", 2, 0),
        ("a" * 307, "gsm-7", 3, 152),
        ("€" * 80, "gsm-7", 1, 0),
        ("a" * 159 + "€", "gsm-7", 2, 145),
        # The escape of the euro sign would stand alone at the end of the first part.
        ("a" * 152 + "€" + "a" * 20, "gsm-7", 2, 131),
        ("ż" * 70, "ucs-2", 1, 0),
        ("ż" * 71, "ucs-2", 2, 63),
        ("🙂" * 35, "ucs-2", 1, 0),
        ("a" * 66 + "🙂" + "a" * 10, "ucs-2", 2, 55),
    ],
)
def test_parts_are_counted_as_networks_do(text: str, encoding: str, parts: int, left: int) -> None:
    found = count(text)
    assert (found.encoding, found.parts, found.left) == (encoding, parts, left)


def test_what_makes_a_text_expensive_is_named() -> None:
    assert count("Cześć, Zoë „ok”").odd == ("ś", "ć", "ë", "„", "”")


@given(st.text(alphabet=GSM + "€ż🙂", max_size=400))
def test_every_part_is_within_its_size(text: str) -> None:
    found = count(text)
    alone, each = (160, 153) if found.encoding == "gsm-7" else (70, 67)
    room = alone if found.parts <= 1 else each * found.parts
    assert 0 <= found.left <= alone
    assert found.units + found.left <= room
    # A part is left unfilled by one place at most, where a pair would be parted.
    assert room - found.units - found.left <= max(0, found.parts - 1)
