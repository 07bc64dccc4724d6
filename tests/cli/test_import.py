"""``cdp import`` as it is used: files, stdin, twice, with faults."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Cdp


def lines(*messages: object) -> bytes:
    return b"".join(json.dumps(message).encode() + b"\n" for message in messages)


def track(number: int, **more: object) -> dict[str, object]:
    return {"type": "track", "event": "E", "userId": f"u{number}", **more}


def test_what_is_imported_twice_is_there_once(cdp: Cdp) -> None:
    file = cdp.folder / "events.jsonl"
    file.write_bytes(lines(*[track(n, messageId=f"m{n}") for n in range(1200)], track(7)))
    assert cdp.json("import", str(file)) == [
        {"lines": 1201, "new": 1201, "repeated": 0, "rejected": 0}
    ]
    assert cdp.json("import", str(file)) == [
        {"lines": 1201, "new": 0, "repeated": 1201, "rejected": 0}
    ]
    assert len(cdp.json("events", "--limit", "5000")) == 1201


def test_it_reads_stdin_and_tells_how_far_it_is(cdp: Cdp) -> None:
    done = cdp("import", "-", stdin=lines(track(1), track(2)) + b"\n  \n" + lines(track(3))[:-1])
    assert done.out.startswith("3 lines: 3 new, 0 known already, 0 rejected")
    assert "fold in" in done.err


def test_imported_messages_are_history_unless_live(cdp: Cdp) -> None:
    cdp("import", "-", stdin=lines(track(1)))
    cdp("import", "-", "--live", stdin=lines(track(2)))
    found = {event["userId"]: event["_historical"] for event in cdp.json("events")}
    assert found == {"u1": True, "u2": False}


@pytest.mark.parametrize("piped", [True, False])
def test_bad_lines_are_told_by_number_and_spoil_no_other(cdp: Cdp, piped: bool) -> None:
    bad = lines(track(1)) + b"not json\n" + lines([1], track(2)) + b'{"type":"nonsense"}\n'
    bad += b'{"broken": \n' + lines({"type": "track", "userId": "u"}, track(3))
    (cdp.folder / "bad.jsonl").write_bytes(bad)
    done = cdp("import", "-", stdin=bad) if piped else cdp("import", "bad.jsonl")
    assert done.out.startswith("8 lines: 3 new, 0 known already, 5 rejected")
    for number in (2, 3, 5, 6, 7):
        assert f"line {number}: " in done.err, done.err
    assert "line 1: " not in done.err and "line 8: " not in done.err
    assert len(cdp.json("events", "--rejected")) == 5


def test_many_bad_lines_are_not_all_printed(cdp: Cdp) -> None:
    done = cdp("import", "-", stdin=b"no\n" * 300)
    assert done.err.count("\nline ") + done.err.startswith("line ") <= 20
    assert "and 280 more" in done.err


def test_a_source_can_be_named(cdp: Cdp) -> None:
    cdp("sources", "add", "old")
    cdp("import", "-", "--source", "old", stdin=lines(track(1)))
    assert [event["_source"] for event in cdp.json("events")] == ["old"]


@pytest.mark.parametrize("body", [b"", b"\n\n"])
def test_an_empty_file_is_no_error(cdp: Cdp, body: bytes) -> None:
    assert cdp.json("import", "-", stdin=body) == [
        {"lines": 0, "new": 0, "repeated": 0, "rejected": 0}
    ]
