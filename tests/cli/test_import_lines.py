from __future__ import annotations

import pytest

from cdp.cli.import_messages import _with_id
from cdp.events import Message, Origin, Rejected, normalise

ORIGIN = Origin(1, 1_767_268_800_000, "hw")


def become(line: bytes) -> Message | Rejected:
    return normalise(_with_id(line), ORIGIN)


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"page","userId":"u"}',
        b'{"type":"page","userId":"u","messageId":null}',
        b'{"type":"page","userId":"u","messageId":""}',
        b'{"type":"page","userId":"u","name":"\\ud83d"}',
    ],
)
def test_a_line_without_an_id_gets_the_same_one_each_time(line: bytes) -> None:
    first, second = become(line), become(line)
    assert isinstance(first, Message) and isinstance(second, Message)
    assert first.message_id == second.message_id
    assert first.message_id.startswith("import-")


def test_a_line_with_an_id_stays_as_it_is() -> None:
    for line in (b'{"messageId":"m"}', b'{"message_id": "m", "a": "\\ud83d"}'):
        assert _with_id(line) == line


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{}", "unknown_type"),
        (b"not json", "not_an_object"),
        (b"[1]", "not_an_object"),
        (b'{"a":"\xff"}', "not_an_object"),
        (b"[" * 9000, "not_an_object"),
        (b'{"n":1e999}', "invalid_json"),
    ],
)
def test_a_bad_line_spoils_no_other_and_is_shown(line: bytes, code: str) -> None:
    found = become(line)
    assert isinstance(found, Rejected)
    assert found.code == code
