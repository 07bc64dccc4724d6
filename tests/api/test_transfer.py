"""`/api/imports` and `/api/exports`."""

from __future__ import annotations

import io
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from cdp.api import imports as api_imports
from cdp.store.profiles import imports
from cdp.transfer.background import Background, file_of, folder
from tests.api.calls import Api
from tests.factories import Space, ana, import_ended

pytestmark = pytest.mark.slow

TABLE = "user_id,E-mail,plan\nu1,ana@example.com,big\nu2,bo@example.com,free\n,bad,free\n"


def upload(api: Api, text: str | bytes, status: int = 202, path: str = "", **query: Any) -> Any:
    data = text if isinstance(text, bytes) else text.encode()
    query = {"name": "people.csv", **query}
    answer = api.call("POST", f"/api/imports{path}", query_string=query, data=data)
    assert answer.status_code == status, answer.text
    return answer.json


def wait(api: Api, number: int, *states: str) -> Any:
    for _ in range(400):
        api.space.pipeline.drain()
        found = api.get(f"/api/imports/{number}")
        if found["state"] in (states or ("done",)):
            import_ended(number)
            return found
        time.sleep(0.02)
    raise AssertionError(found)


def lines(api: Api, what: str, **query: Any) -> list[Any]:
    answer = api.call("GET", f"/api/exports/{what}", query_string=query)
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def test_a_file_is_brought_in_watched_and_taken_back(api: Api, space: Space) -> None:
    space.send(*ana())
    before = lines(api, "people")
    made = upload(api, TABLE)
    assert (made["file"], made["as"], made["dry_run"]) == ("people.csv", "people", False)
    done = wait(api, made["id"])
    assert (done["taken"], done["refused"], done["share"]) == (2, 1, 1.0)
    assert done["columns"]["E-mail"]["to"] == "email" and done["author"].endswith("(api)")
    assert {p["traits"]["plan"] for p in lines(api, "people")} == {"big", "free"}
    [refused] = api.listed(f"/api/imports/{made['id']}/refused")
    assert refused == {"line": 4, "column": "E-mail", "reason": "it is no e-mail address"}
    assert [row["id"] for row in api.listed("/api/imports")] == [made["id"]]
    assert not file_of(space.settings, made["id"]).exists()
    # The same file does nothing more.
    assert upload(api, TABLE)["id"] == made["id"]
    assert upload(api, TABLE, again="true")["id"] == made["id"] + 1
    wait(api, made["id"] + 1)
    for number in (made["id"], made["id"] + 1):
        api.post(f"/api/imports/{number}/undo", status=202)
        wait(api, number, "undone")
        api.post(f"/api/imports/{number}/undo", status=409)
    assert lines(api, "people") == before


def test_a_form_may_carry_the_file_and_the_mapping(api: Api) -> None:
    form = {
        "file": (io.BytesIO(TABLE.encode()), "C:/sheet.csv"),
        "mapping": json.dumps({"user_id": "user_id", "plan": "traits.tier"}),
    }
    answer = api.call("POST", "/api/imports", data=form, content_type="multipart/form-data")
    assert answer.status_code == 202 and answer.json is not None
    assert answer.json["file"] == "sheet.csv"
    wait(api, answer.json["id"])
    assert {p["traits"].get("tier") for p in lines(api, "people")} == {"big", "free"}


def test_a_preview_and_a_dry_run_write_nothing(api: Api, space: Space) -> None:
    shown = upload(api, TABLE, 200, "/preview")
    assert [c["to"] for c in shown["columns"]] == ["user_id", "email", "traits.plan"]
    assert api.listed("/api/imports") == []
    made = upload(api, TABLE, dry_run="true")
    done = wait(api, made["id"])
    assert (done["result"]["created"], done["result"]["refused"]) == (2, 1)
    assert lines(api, "people") == []
    assert [
        path.name for path in folder(space.settings).glob("[!.]*") if path.suffix != ".lock"
    ] == []
    answer = api.call("POST", f"/api/imports/{made['id']}/undo", json={})
    assert answer.status_code == 409


@pytest.mark.parametrize(
    ("text", "query", "field"),
    [
        ("", {}, "file"),
        ("a,b\n1,2\n", {}, "file"),
        (TABLE, {"mapping": "{"}, "mapping"),
        (TABLE, {"mapping": '["plan"]'}, "file"),
        (TABLE, {"mapping": '{"nothing": "email"}'}, "file"),
        (TABLE, {"as": "cats"}, "as"),
        (TABLE, {"format": "xlsx"}, "format"),
        (TABLE, {"name": "people.xlsx"}, "file"),
        (TABLE, {"encoding": "klingon"}, "file"),
        (b"PAR1 it is not", {"format": "parquet"}, "file"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_field(
    api: Api, space: Space, text: str | bytes, query: dict[str, str], field: str
) -> None:
    answer = upload(api, text, 400, **query)
    assert field in answer["error"]["fields"]
    assert api.listed("/api/imports") == []
    assert list(folder(space.settings).glob("upload-*")) == []


def test_a_file_that_is_too_large_is_refused(
    api: Api, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(api_imports.room.limits, "start_import", 1000)
    assert upload(api, "x" * 1001, 413)["error"]["code"] == "invalid_request_error"
    assert list(folder(space.settings).glob("upload-*")) == []


def test_scopes_are_kept(api: Api, space: Space) -> None:
    reader = Api(space, space.token("profiles:read personal:read"))
    upload(reader, TABLE, 403)
    upload(reader, TABLE, 403, "/preview")
    assert reader.call("POST", "/api/imports/1/undo", json={}).status_code == 403
    assert reader.call("GET", "/api/exports/people").status_code == 200
    assert reader.call("GET", "/api/exports/events").status_code == 403
    assert reader.call("GET", "/api/exports/messages").status_code == 403
    assert reader.call("GET", "/api/exports").status_code == 403


def test_a_server_goes_on_with_what_a_killed_one_left(api: Api, space: Space) -> None:
    made = upload(api, TABLE)
    wait(api, made["id"])
    # As if it had died in the middle: half a file is in the log, the state says running.
    number = made["id"] + 1
    upload(api, TABLE, again="true")
    wait(api, number)
    file_of(space.settings, number).write_text(TABLE)
    (folder(space.settings) / "upload-0").write_text("half")
    # Another was over and died before its file was gone, long ago; one was begun just now.
    over, begun = file_of(space.settings, made["id"]), file_of(space.settings, number + 1)
    for path in (over, begun):
        path.write_text(TABLE)
    os.utime(over, (0, 0))
    with space.store.write() as tx:
        imports.change(tx, number, 0, state="running", line=2, rows=1, refused=0)
    [thread] = Background(space.store, space.settings).resume()
    done = wait(api, number)
    thread.join(60)
    assert (done["taken"], done["refused"], done["rows"]) == (2, 1, 2)
    assert not file_of(space.settings, number).exists()
    assert not (folder(space.settings) / "upload-0").exists()
    assert not over.exists() and begun.exists()


def test_exports_stream_in_each_format_and_are_noted(api: Api, space: Space) -> None:
    space.send(*ana())
    [person] = lines(api, "people")
    assert person["traits"]["plan"] == "pro"
    assert len(lines(api, "events")) == 5 and len(lines(api, "messages")) == 6
    t = lines(api, "events")[2]["timestamp"]
    assert len(lines(api, "events", **{"from": t})) == 3
    csv = api.call("GET", "/api/exports/people", query_string={"format": "csv"})
    assert csv.text.startswith("profile,") and csv.mimetype == "text/csv"
    parquet = api.call("GET", "/api/exports/identifiers", query_string={"format": "parquet"})
    assert parquet.data[:4] == parquet.data[-4:] == b"PAR1"
    bad = api.call("GET", "/api/exports/messages", query_string={"format": "csv"})
    assert bad.status_code == 400
    noted = api.listed("/api/exports")
    assert [row["what"] for row in noted][:2] == ["identifiers", "people"]
    assert all(row["rows"] and row["target"] == "API" for row in noted)


def test_names_of_files_lead_nowhere(api: Api, space: Space, tmp_path: Path) -> None:
    made = upload(api, TABLE, name="../../evil.csv")
    wait(api, made["id"])
    assert not list(tmp_path.parent.glob("evil*"))
