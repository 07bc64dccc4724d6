from __future__ import annotations

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp.events import MalformedJSON, decode_json
from cdp.events.decode import MAX_DEPTH

#: Text as JavaScript has it: halves of surrogate pairs and NULs included.
text = st.text(st.characters(exclude_categories=()), max_size=12)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'"\\ud83d"', "\ufffd"),
        (b'"\\ude00\\ud83d"', "\ufffd\ufffd"),
        (b'"\\ud83d\\ud83d\\ude00"', "\ufffd\U0001f600"),
        (b'"\\\\ud83d \\ud83d"', "\\ud83d \ufffd"),
        (b'{"\\ud83d": 1}', {"\ufffd": 1}),
        (b'"a\\u0000b"', "ab"),
        (b'{"a\\u0000": ["\\u0000"]}', {"a": [""]}),
        (b'"\\\\u0000"', "\\u0000"),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b"123456789012345678901234567890", 123456789012345678901234567890),
        (b" null ", None),
    ],
)
def test_what_browsers_write_is_read(raw: bytes, value: object) -> None:
    assert decode_json(raw) == value


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "truncated"),
        (b'{"a": 1', "truncated"),
        (b"{'a': 1}", "malformed"),
        (b"NaN", "malformed"),
        (b"[1e999]", "out of range"),
        (b'["\\ud83d", 1e999]', "out of range"),
        (b"9" * 5000, "out of range"),
        (b'"\xff"', "utf-8"),
        (b'"\\ud83d\xff"', "utf-8"),
        (b'"a\x00b"', "malformed"),
        (b"[" * 65 + b"]" * 65, "deeper than 64"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "deeper than 64"),
        (b"[" * 100_000 + b"]" * 100_000, "too deeply"),
    ],
)
def test_what_is_not_json_says_why(raw: bytes, reason: str) -> None:
    with pytest.raises(MalformedJSON, match=reason):
        decode_json(raw)


def test_many_short_branches_are_not_deep() -> None:
    assert decode_json(b"[" + b"[]," * 1000 + b"[]]") == [[]] * 1001
    deepest = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert json.dumps(decode_json(deepest)).encode() == deepest


@given(text)
def test_any_text_that_javascript_can_write_comes_back_as_unicode(value: str) -> None:
    found = decode_json(json.dumps(value).encode())
    mended = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert found == mended.replace("\0", "")


@given(st.binary(max_size=64) | st.text(string.punctuation + "aeu0d", max_size=64).map(str.encode))
def test_any_bytes_are_read_or_malformed(raw: bytes) -> None:
    try:
        json.dumps(decode_json(raw)).encode()
    except MalformedJSON as error:
        assert str(error)
