"""`cdp export`, and taking its messages again in another space."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pyarrow.parquet
import pytest

from cdp.store.profiles.exports import exports_since
from cdp.transfer.sorting import in_order
from tests.cli.conftest import Cdp
from tests.factories import KEY, TOKEN, Space, ana

WHAT = ("people", "accounts", "objects", "identifiers", "events")
COURSE = {
    "type": "group",
    "userId": "u1",
    "groupId": "c1",
    "messageId": "c1",
    "timestamp": "2026-01-05T00:00:00Z",
    "traits": {"objectTypeId": "course", "title": "Bees", "relationshipAttributes": {"role": "x"}},
}


def test_lines_are_sorted_however_many_runs_it_takes() -> None:
    made = [((n * 7919 % 1000, "s", str(n)), json.dumps(n).encode()) for n in range(1000)]
    expected = [line for _, line in sorted(made)]
    for run_bytes in (10**9, 5000, 250):
        assert list(in_order(made, run_bytes)) == expected


def test_a_person_is_one_line_with_all_that_is_known(cdp: Cdp, space: Space) -> None:
    space.send(*ana())
    [person] = cdp("export", "people").rows
    assert person["id"].startswith("use_") and person["traits"]["plan"] == "pro"
    assert {"type": "email", "value": "ana@example.com"}.items() <= person["identifiers"][1].items()
    [account] = cdp("export", "accounts").rows
    assert [one["id"] for one in person["accounts"]] == [account["id"]]
    events = cdp("export", "events").rows
    assert [event["message"]["messageId"] for event in events] == ["m1", "m2", "m3", "m4", "m5"]
    assert {event["person"] for event in events} == {person["id"]}
    some = cdp("export", "events", "--from", events[1]["timestamp"], "--to", events[3]["timestamp"])
    assert some.rows == events[1:3]


def test_csv_and_parquet_say_the_same(cdp: Cdp, space: Space) -> None:
    space.send(
        *ana(),
        COURSE,
        {"type": "identify", "userId": "u2", "traits": {"note": '=1+1,"x"\nnext', "score": 1.5}},
    )
    for what in WHAT:
        expected = cdp("export", what).rows
        table = list(csv.DictReader(io.StringIO(cdp("export", what, "--format", "csv").out)))
        assert len(table) == len(expected)
        out = cdp.folder / f"{what}.parquet"
        cdp("export", what, "--format", "parquet", "--out", str(out))
        rows = pyarrow.parquet.read_table(out).to_pylist()
        assert len(rows) == len(expected)
        if what == "people":
            assert [row["profile"] for row in table] == [row["id"] for row in expected]
            [noted] = [row for row in table if row["user_id"] == "u2"]
            assert noted["traits.note"] == '\'=1+1,"x"\nnext' and noted["traits.score"] == "1.5"
            assert [json.loads(row["traits"]) for row in rows] == [r["traits"] for r in expected]


def test_every_export_is_noted_and_holds_no_secret(cdp: Cdp, space: Space) -> None:
    space.send(*ana())
    out = cdp.folder / "m.jsonl"
    cdp("export", "messages", "--out", str(out))
    text = cdp("export", "people").out + out.read_text()
    assert KEY not in text and TOKEN not in text
    with space.store.read() as tx:
        first, second = exports_since(tx)
        assert exports_since(tx, second.at + 1) == []
    assert (first.what, first.target, first.rows) == ("messages", str(out), 6)
    assert (second.what, second.target, second.rows) == ("people", "stdout", 1)
    assert first.author.endswith("(cli)") and first.finished_at
    assert out.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("people", "--from", "1d"), "people have no time"),
        (("messages", "--format", "csv"), "JSON lines only"),
        (("people", "--out", "nowhere/x"), "nowhere"),
    ],
)
def test_what_cannot_be_exported_is_said_in_one_line(
    cdp: Cdp, words: tuple[str, ...], says: str
) -> None:
    assert says in cdp.refuses("export", *words)


def test_another_space_takes_the_messages_exactly(
    cdp: Cdp, space: Space, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cdp("sources", "add", "ios", "--name", "iOS app")
    space.send(*ana())
    space.send_raw("track", b'{"userId":"u1","event":"Opened","messageId":"i1"}', source=2)
    before = [cdp("export", what).out for what in WHAT]
    file = tmp_path / "moved.jsonl"
    file.write_text(cdp("export", "messages").out + '{"source":"ios"}\n')
    monkeypatch.setenv("CDP_DATA", str(tmp_path / "other"))
    done = cdp("import", str(file), "--json")
    assert done.rows == [{"lines": 7, "new": 6, "repeated": 0, "rejected": 1}]
    assert "line 8: " in done.err
    assert [cdp("export", what).out for what in WHAT] == before
    [again] = cdp("import", str(file), "--json").rows
    assert (again["new"], again["repeated"]) == (0, 6)
    assert {row["key"] for row in cdp.json("sources", "list")} == {"default", "ios"}


def test_an_object_is_one_line_with_its_people_and_is_gone_once_deleted(
    cdp: Cdp, space: Space
) -> None:
    space.send(*ana(), COURSE)
    [person] = cdp("export", "people").rows
    [course] = cdp("export", "objects").rows
    assert (course["type"], course["traits"]) == ("course", {"title": "Bees"})
    assert [item["value"] for item in course["identifiers"]] == ["c1"]
    assert course["people"] == [
        {
            "id": person["id"],
            "first_seen": "2026-01-05T00:00:00.000Z",
            "last_seen": "2026-01-05T00:00:00.000Z",
            "relationship": {"role": "x"},
        }
    ]
    [row] = csv.DictReader(io.StringIO(cdp("export", "objects", "--format", "csv").out))
    assert row["traits.title"] == "Bees" and json.loads(row["people"]) == [person["id"]]
    assert [one["name"] for one in cdp("export", "accounts").rows] == ["Acme Ltd"]
    ended = {"objectTypeId": "course", "objectId": "c1"}
    deleted = {"type": "track", "event": "Object Deleted", "userId": "u1", "properties": ended}
    space.send(deleted)
    assert cdp("export", "objects").rows == []
