from __future__ import annotations

import json

import pytest

from cdp.events import MalformedJSON, split


def test_a_single_call_is_itself() -> None:
    assert split("track", b"anything") == ([b"anything"], "track", None, None)


def test_a_batch_is_cut_into_its_items_and_what_they_share() -> None:
    found = split("batch", b'{"sentAt":"s","batch":[{"a": 1},{"b":2}],"context":{"ip":"1"},'
                           b'"integrations":{"All":false},"writeKey":"k"}')  # fmt: skip
    assert found.items == [b'{"a": 1}', b'{"b":2}']
    assert found.kind is None
    assert found.shared == {"context": {"ip": "1"}, "integrations": {"All": False}}
    assert found.sent_at == "s"


@pytest.mark.parametrize(
    "extra", [b"", b',"context":null', b',"context":{}', b',"context":[]', b',"context":"x"']
)
def test_an_envelope_without_a_usable_context_shares_nothing(extra: bytes) -> None:
    assert split("batch", b'{"batch":[]' + extra + b"}").shared is None


def test_a_bad_item_leaves_the_others_alone() -> None:
    items = [b"1", b'"x"', b"null", b"[" * 70 + b"]" * 70, b'{"n":1e999}', b'{"ok":"\\ud83d"}']
    found = split("batch", b'{"batch":[' + b",".join(items) + b"]}")
    assert found.items[:5] == items[:5]
    assert json.loads(found.items[5]) == {"ok": "\ufffd"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"[]", "an array called batch"),
        (b"{}", "an array called batch"),
        (b'{"batch":{}}', "an array called batch"),
        (b'{"batch":[}', "malformed"),
        (b'{"batch":[],"context":{"n":1e999}}', "out of range"),
        (b'{"batch":[],"context":' + b'{"a":' * 70 + b"1" + b"}" * 71, "deeper than 64"),
        (b'{"batch":[' + b"[" * 50_000 + b"]" * 50_000 + b"]}", "too deeply"),
    ],
)
def test_a_broken_envelope_says_why(body: bytes, reason: str) -> None:
    with pytest.raises(MalformedJSON, match=reason):
        split("batch", body)
