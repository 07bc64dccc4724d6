"""`cdp import --as people`: what comes of files as people have them."""

from __future__ import annotations

import datetime
import decimal
import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from cdp.store import config_rows
from tests.cli.conftest import Cdp
from tests.factories import Space, ana

SHEET = """\
\ufeffE-mail;Customer no;Plan;Age;Zip code;Newsletter;Notes
Ana@Example.com;u1;pro;41;01234;TRUE;"said ""hi"";
on two lines"
bo@example.com;u2;;7;99999;false;
cy@example.com;;free;;10115;true;+48 22
"""


def write(cdp: Cdp, text: str | bytes, name: str = "people.csv") -> str:
    path = cdp.folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def people(cdp: Cdp) -> dict[str, Any]:
    """Traits of everybody by e-mail address, or by the first identifier."""
    found = {}
    for row in cdp("export", "people").rows:
        ids = {item["type"]: item["value"] for item in row["identifiers"]}
        found[ids.get("email") or next(iter(ids.values()))] = {**row["traits"], "ids": ids}
    return found


def take(cdp: Cdp, text: str | bytes, *words: str, name: str = "people.csv") -> dict[str, Any]:
    [row] = cdp("import", write(cdp, text, name), "--as", "people", *words, "--json").rows
    return row


def refusals(cdp: Cdp, text: str | bytes, *words: str) -> list[tuple[int, str | None, str]]:
    done = take(cdp, text, *words)
    rows = cdp("import", "refused", str(done["id"]), "--json").rows
    assert done["refused"] == len(rows)
    return [(row["line"], row["column"], row["reason"]) for row in rows]


def test_a_spreadsheet_becomes_people(cdp: Cdp) -> None:
    done = take(cdp, SHEET)
    assert (done["taken"], done["refused"], done["state"]) == (3, 0, "done")
    found = people(cdp)
    assert found["ana@example.com"] == {
        "email": "Ana@Example.com", "Plan": "pro", "Age": 41, "zip_code": "01234",
        "Newsletter": True, "Notes": 'said "hi";\non two lines',
        "ids": {"email": "ana@example.com", "user_id": "u1"},
    }  # fmt: skip
    assert "Plan" not in found["bo@example.com"] and found["bo@example.com"]["Age"] == 7
    # An e-mail address alone names a person, and nothing is made up beside it.
    assert found["cy@example.com"]["ids"] == {"email": "cy@example.com"}
    assert found["cy@example.com"]["Notes"] == "+48 22"


def test_what_columns_are_is_shown_and_can_be_told(cdp: Cdp) -> None:
    file = write(cdp, SHEET)
    [shown] = cdp("import", file, "--as", "people", "--preview", "--json").rows
    assert (shown["encoding"], shown["delimiter"]) == ("utf-8", ";")
    assert {c["column"]: (c["to"], c["type"]) for c in shown["columns"]} == {
        "E-mail": ("email", "auto"), "Customer no": ("user_id", "auto"),
        "Plan": ("traits.Plan", "text"), "Age": ("traits.Age", "auto"),
        "Zip code": ("traits.zip_code", "text"), "Newsletter": ("traits.Newsletter", "auto"),
        "Notes": ("traits.Notes", "text"),
    }  # fmt: skip
    assert "traits.zip_code" in cdp("import", file, "--as", "people", "--preview").out
    assert people(cdp) == {} and cdp("import", "list", "--json").rows == []
    words = ["--map", "Plan=traits.billing.plan", "--id", "Customer no=loyalty_id",
             "--map", "Notes=ignore", "--type", "Age=text"]  # fmt: skip
    take(cdp, SHEET, *words)
    found = people(cdp)["ana@example.com"]
    assert found["billing"] == {"plan": "pro"} and found["Age"] == "41" and "Notes" not in found
    assert found["ids"] == {"email": "ana@example.com", "loyalty_id": "u1"}


def test_a_mapping_may_be_a_file(cdp: Cdp) -> None:
    mapping = cdp.folder / "mapping.yaml"
    mapping.write_text(
        "columns:\n  E-mail: email\n  Since: {to: time, type: date, format: '%d.%m.%Y'}\n"
        "  Born: {to: traits.born, type: date}\n"
        "  Paid: {to: traits.paid, type: date, format: '%d.%m.%Y'}\n"
        "  Met: {to: traits.met, type: date, format: '%d.%m.%Y %H:%M'}\n"
    )
    text = (
        "E-mail,Since,Born,Paid,Met,Other\n"
        "ana@example.com,31.01.2024,1990-05-01,02.01.2024,02.01.2024 08:30,x\n"
    )
    take(cdp, text, "--mapping", str(mapping))
    [row] = cdp("export", "people").rows
    assert row["traits"] == {
        "email": "ana@example.com", "born": "1990-05-01",
        "paid": "2024-01-02", "met": "2024-01-02T08:30:00.000Z",  # a day stays a day
    }  # fmt: skip
    assert row["created_at"] == "2024-01-31T00:00:00.000Z"
    mapping.write_text("columns:\n  E-mail: {what: email}\n")
    said = cdp.refuses("import", write(cdp, text), "--as", "people", "--mapping", str(mapping))
    assert "'E-mail'" in said


def test_later_facts_win_and_earlier_ones_do_not(cdp: Cdp, space: Space) -> None:
    space.send(*ana())
    take(cdp, "user_id,plan,timestamp\nu1,old,2020-01-01\n")
    assert people(cdp)["ana@example.com"]["plan"] == "pro"
    take(cdp, "user_id,plan\nu1,newest\n")
    assert people(cdp)["ana@example.com"]["plan"] == "newest"


def test_each_broken_line_is_refused_alone_with_where_and_why(cdp: Cdp) -> None:
    long, huge = "x" * 501, "y" * 1_000_000
    text = (
        "user_id,email,plan,timestamp\n"
        "u1,a@x.org,free,\n"
        "u2,b@x.org,free\n"
        "u3,c@x.org,free,,extra\n"
        'u4,"never closed,free,\n'
        'u5,"quo"te,free,\n'
        ",,free,\n"
        "null,,free,\n"
        f"{long},,free,\n"
        "u8,,free,31.31.2020\n"
        "u9,nobody,free,\n"
        f"u10,,{huge},\n"
        "u11,,BAD,\n"
        "\n,,,\n"
        "NULL,ok@x.org,free,\n"
        "u12,l@x.org,free,2024-05-01T12:00:00Z\n"
    ).encode().replace(b"BAD", b"\xff\xfe")  # fmt: skip
    found = refusals(cdp, text + b"z" * (1 << 21) + b'\nu13,,free,\n"open', "--encoding", "utf-8")
    assert found == [
        (3, None, "it has 3 cells, the header has 4"),
        (4, None, "it has 5 cells, the header has 4"),
        (5, None, "a quote is opened and not closed"),
        (6, None, "a quote inside of a quoted cell must be doubled"),
        (7, "user_id", "all of its identifiers are empty"),
        (8, "user_id", "all of its identifiers are empty or blocked"),
        (9, "user_id", "it has 501 characters, 500 are allowed"),
        (10, "timestamp", "it is no date; 2026-01-31 or 2026-01-31T12:00:00Z is one"),
        (11, "email", "it is no e-mail address"),
        (12, "plan", found[9][2]),
        (13, None, "byte 6 of line 13 is no utf-8; another --encoding may fit"),
        (18, None, "it has more than 1,048,576 bytes"),
        (20, None, "a quote is opened and not closed"),
    ]
    assert "bytes" in found[9][2]
    ids = {person["ids"].get("user_id") for person in people(cdp).values()}
    assert ids == {"u1", None, "u12", "u13"}


@pytest.mark.parametrize(
    ("text", "words", "says"),
    [
        ("", (), "empty"),
        ("user_id,plan,plan\nu1,a,b\n", (), "column 'plan' comes twice, as number 2 and 3"),
        ("color,plan\nred,a\n", (), "no column names a person"),
        ("user_id\nu1\n", ("--map", "Plan=traits.plan"), "there is no column 'Plan'"),
        ("user_id\nu1\n", ("--map", "user_id=nothing"), "can't be 'nothing'"),
        ("user_id,a\nu1,x\n", ("--type", "a=money"), "a type is one of"),
        ("user_id\nu1\n", ("--encoding", "klingon"), "'klingon' is no encoding"),
        ("user_id,a,b\n", ("--map", "a=traits.x", "--map", "b=traits.x.y"), "and an object"),
        ("group_id\ng1\n", (), "group_id names accounts"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_refused_as_a_whole(
    cdp: Cdp, text: str, words: tuple[str, ...], says: str
) -> None:
    assert says in cdp.refuses("import", write(cdp, text), "--as", "people", *words)
    assert cdp("import", "list", "--json").rows == []


@pytest.mark.parametrize(
    ("encoding", "delimiter", "end"),
    [("utf-8", ",", "\n"), ("utf-8-sig", "\t", "\r\n"), ("utf-16", "\t", "\r\n"),
     ("cp1252", ";", "\r\n"), ("utf-8", "|", "\r")],
)  # fmt: skip
def test_encodings_delimiters_and_line_ends_are_found_out(
    cdp: Cdp, encoding: str, delimiter: str, end: str
) -> None:
    rows = [["user_id", "name"], ["u1", "Zoë Müller"], ["u2", "b"]]
    text = end.join(delimiter.join(row) for row in rows) + end
    take(cdp, text.encode(encoding))
    assert sorted(row["name"] for row in people(cdp).values()) == ["Zoë Müller", "b"]


def test_json_lines_keep_their_types_and_reach_into_objects(cdp: Cdp) -> None:
    text = "".join(
        json.dumps(row) + "\n"
        for row in ({"id": 17, "address": {"city": "Łódź"}, "score": 1.5, "tags": ["a"]},
                    [1], {"id": "u2", "address": None, "score": "1.5"})
    ) + "{broken\n"  # fmt: skip
    done = take(cdp, text, "--map", "address.city=traits.city", name="people.jsonl")
    assert (done["taken"], done["refused"]) == (2, 2)
    found = people(cdp)
    assert found["17"] | {"ids": 0} == {"city": "Łódź", "score": 1.5, "tags": ["a"], "ids": 0,
                                        "address": {"city": "Łódź"}}  # fmt: skip
    assert found["u2"]["score"] == "1.5"


def test_parquet_is_read_in_batches(cdp: Cdp) -> None:
    path = cdp.folder / "people.parquet"
    table = pyarrow.table(
        {
            "user_id": [1, 2, None],
            "born": [datetime.date(1990, 5, 1), None, None],
            "paid": [decimal.Decimal("1.10"), decimal.Decimal("12345678901234567890.5"), None],
            "at": [datetime.datetime(2024, 1, 1), None, None],
        }
    )
    pyarrow.parquet.write_table(table, path)
    [done] = cdp("import", str(path), "--as", "people", "--json").rows
    assert (done["taken"], done["refused"]) == (2, 1)
    found = people(cdp)
    assert found["1"]["born"] == "1990-05-01" and found["1"]["paid"] == 1.1
    assert found["2"]["paid"] == "12345678901234567890.5"
    assert found["1"]["at"] == "2024-01-01T00:00:00.000Z"
    path.write_bytes(b"no parquet")
    assert "no Parquet" in cdp.refuses("import", str(path), "--as", "people")


def test_accounts_come_with_the_people_who_belong_to_them(cdp: Cdp) -> None:
    text = "company_id,name,seats,email\nacme,Acme,7,ana@example.com\nhal,Hal,,\n"
    file = write(cdp, text)
    [done] = cdp("import", file, "--as", "accounts", "--json").rows
    assert (done["taken"], done["refused"], done["as"]) == (2, 0, "accounts")
    accounts = {row["traits"]["name"]: row for row in cdp("export", "accounts").rows}
    assert accounts["Acme"]["traits"]["seats"] == 7
    [person] = cdp("export", "people").rows
    assert [one["id"] for one in person["accounts"]] == [accounts["Acme"]["id"]]


def test_the_report_names_every_refused_line(cdp: Cdp, tmp_path: Path) -> None:
    text = "user_id,email\n" + "".join(f"u{n},none\n" for n in range(700)) + "ok,a@x.org\n"
    report = tmp_path / "refused.csv"
    file = write(cdp, text)
    done = cdp("import", file, "--as", "people", "--report", str(report))
    assert "1 rows taken" in done.out and "700 refused" in done.out
    lines = report.read_text().splitlines()
    assert lines[:2] == ["line,column,reason", "2,email,it is no e-mail address"]
    assert len(lines) == 701 and "line 2, column 'email'" in done.err and "680 more" in done.err


def test_the_same_file_is_brought_once_unless_asked_again(cdp: Cdp) -> None:
    first = take(cdp, SHEET)
    assert take(cdp, SHEET)["id"] == first["id"]
    assert len(cdp("export", "events").rows) == 3
    assert take(cdp, SHEET, "--again")["id"] == first["id"] + 1
    assert take(cdp, SHEET, "--map", "Plan=traits.tier")["id"] == first["id"] + 2


def test_stdin_needs_its_format_and_leaves_no_file(cdp: Cdp) -> None:
    assert "its name" in cdp.refuses("import", "-", "--as", "people")
    done = cdp("import", "-", "--as", "people", "--format", "csv", stdin=b"user_id\nu1\n")
    assert "1 rows taken" in done.out
    assert [p.name for p in (cdp.data / "imports").iterdir() if "lock" not in p.name] == []


def test_imports_have_sources_that_take_nothing_from_outside(cdp: Cdp, space: Space) -> None:
    take(cdp, SHEET)
    with space.store.read() as tx:
        [made] = [s for s in config_rows.all_sources(tx) if s.key == "import-1"]
    assert made.name == "people.csv" and not made.enabled
    key = (made.write_key, "")
    answer = space.client().post("/v1/track", json={"userId": "u", "event": "E"}, auth=key)
    assert answer.status_code == 401
    assert [row["key"] for row in cdp("sources", "list", "--json").rows] == ["default"]
    assert {event["_source"] for event in cdp("events", "--json").rows} == {"import-1"}
