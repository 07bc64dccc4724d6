"""Trying an import before, killing it in the middle, taking it back after."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp.config import Settings
from cdp.store.profiles import imports, regulations
from cdp.store.tables import USERS
from cdp.transfer import importing, undo
from cdp.transfer.dryrun import dry_run
from cdp.transfer.importing import Importer, Options
from tests.cli.conftest import Cdp
from tests.factories import Space, ana
from tests.postgres import new_database

pytestmark = pytest.mark.slow

WHAT = ("people", "accounts", "identifiers", "events", "messages")


def exported(cdp: Cdp) -> list[str]:
    return [cdp("export", what).out for what in WHAT]


def write(cdp: Cdp, name: str, *rows: str) -> str:
    path = cdp.folder / name
    path.write_text("".join(row + "\n" for row in rows))
    return str(path)


def test_an_undone_import_has_never_been(cdp: Cdp, space: Space) -> None:
    space.send(*ana())
    before = exported(cdp)
    file = write(
        cdp, "p.csv", "user_id,email,plan", "u1,Ana@Example.com,enterprise", "u2,ana@example.com,x",
        "u3,new@example.com,free", "u4,bad,free",
    )  # fmt: skip
    [done] = cdp("import", file, "--as", "people", "--json").rows
    assert exported(cdp)[0] != before[0]
    [undone] = cdp("import", "undo", str(done["id"]), "--yes", "--json").rows
    assert undone["state"] == "undone"
    assert exported(cdp) == before
    assert cdp("import", "refused", str(done["id"])).err == "nothing yet\n"
    assert "undone already" in cdp.refuses("import", "undo", str(done["id"]), "--yes")
    # It can come again, and is another import.
    [again] = cdp("import", file, "--as", "people", "--json").rows
    assert again["id"] == done["id"] + 1 and again["taken"] == 3


def test_undoing_one_of_two_overlapping_imports_leaves_the_other_exactly(
    cdp: Cdp, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = ["user_id,email,plan,timestamp"]
    one = rows + [f"u{n},e{n % 7}@x.org,one,2024-01-{n % 27 + 1:02d}" for n in range(60)]
    two = rows + [f"u{n},e{n % 5}@x.org,two,2024-01-{n % 17 + 3:02d}" for n in range(30, 90)]
    first, second = write(cdp, "one.csv", *one), write(cdp, "two.csv", *two)
    space.send(*ana())
    cdp("import", first, "--as", "people")
    alone = [cdp("export", what).out for what in WHAT[:4]]
    cdp("import", second, "--as", "people")
    cdp("import", "undo", "2", "--yes")
    assert [cdp("export", what).out for what in WHAT[:4]] == alone
    cdp("import", second, "--as", "people")
    cdp("import", "undo", "1", "--yes")
    left = {row["source"] for row in cdp("export", "events").rows}
    assert left == {"default", "import-3"}


def test_undo_of_what_is_not_there_is_refused(cdp: Cdp) -> None:
    assert "there is no import 9" in cdp.refuses("import", "undo", "9", "--yes")
    assert "there is no import 9" in cdp.refuses("import", "refused", "9")


def test_a_dry_run_tells_what_happens_and_writes_nothing(cdp: Cdp, space: Space) -> None:
    space.send(
        *ana(),
        {"type": "identify", "anonymousId": "a9", "traits": {"email": "nine@x.org"}},
    )
    before = exported(cdp)
    rows = ["user_id,anonymous_id,email,plan", "u1,,,trial", "u1,,,basic", "u9,a9,,free",
            "u5,,five@x.org,free", "u5,,five@x.org,free", "u6,,nine@x.org,free",
            ",,,free"]  # fmt: skip
    file = write(cdp, "p.csv", *rows)
    [told] = cdp("import", file, "--as", "people", "--dry-run", "--json").rows
    assert exported(cdp) == before
    assert cdp("import", "list", "--json").rows == []
    [done] = cdp("import", file, "--as", "people", "--json").rows
    people = cdp("export", "people").rows
    was = {row["id"] for row in map(json.loads, before[0].splitlines())}
    now = {row["id"] for row in people}
    assert told["created"] == len(now - was)
    assert told["merged"] == len(was - now) + (len(was & now) + len(now - was) - len(now))
    assert told["refused"] == done["refused"] == 1
    assert (told["rows"], done["taken"], done["repeated"]) == (6, 6, 0)
    assert told["examples"]["refused"][0]["line"] == 8
    changed = {row["id"]: row["traits"] for row in told["examples"]["updated"]}
    assert any(traits.get("plan") == ["pro", "basic"] for traits in changed.values())
    fresh = write(cdp, "fresh.csv", "user_id", "u77")
    text = cdp("import", fresh, "--as", "people", "--dry-run").out
    assert "would create" in text and "created: {" in text


def test_suppressed_people_are_not_heard_of_in_a_file_either(cdp: Cdp, space: Space) -> None:
    with space.store.write() as tx:
        regulations.suppress(tx, 0, [("user_id", "u1")])
    file = write(cdp, "p.csv", "user_id,email", "u1,a@x.org", "u2,b@x.org")
    [told] = cdp("import", file, "--as", "people", "--dry-run", "--json").rows
    assert (told["created"], told["suppressed"]) == (1, 1)
    [done] = cdp("import", file, "--as", "people", "--json").rows
    assert (done["taken"], done["suppressed"], done["refused"]) == (1, 1, 0)
    assert "a@x.org" not in cdp("export", "messages").out


def test_a_report_has_the_lines_of_earlier_runs_as_well(cdp: Cdp) -> None:
    file = write(cdp, "p.csv", "user_id,email", "u1,bad", "u2,b@x.org")
    cdp("import", file, "--as", "people")
    report = cdp.folder / "report.csv"
    cdp("import", file, "--as", "people", "--report", str(report))
    assert report.read_text().splitlines()[1:] == ["2,email,it is no e-mail address"]


def test_a_dry_run_sees_people_merge(cdp: Cdp, space: Space) -> None:
    space.send(
        {"type": "identify", "anonymousId": "a1", "traits": {"email": "x@x.org"}},
        {"type": "identify", "anonymousId": "a2", "traits": {"phone": "+48221234567"}},
    )
    file = write(cdp, "p.csv", "email,phone", "x@x.org,+48 22 123 45 67")
    [told] = cdp("import", file, "--as", "people", "--dry-run", "--json").rows
    assert (told["created"], told["updated"], told["merged"]) == (0, 1, 1)
    [gone] = told["examples"]["merged"]
    assert gone["into"] == told["examples"]["updated"][0]["id"] != gone["id"]
    cdp("import", file, "--as", "people")
    assert [row["id"] for row in cdp("export", "people").rows] == [gone["into"]]


SLOW_ROWS = 30_000


@pytest.mark.crash
@pytest.mark.slow
def test_a_killed_import_is_gone_on_with_and_nothing_is_doubled(cdp: Cdp, tmp_path: Path) -> None:
    rows = [f"u{n},e{n}@x.org,{'bad' if n % 1000 == 7 else n}" for n in range(SLOW_ROWS)]
    file = write(cdp, "big.csv", "user_id,email,age", *rows)
    words = [sys.executable, "-m", "cdp", "import", file, "--as", "people", "--type", "age=number"]
    env = {**os.environ, "CDP_DATA": str(cdp.data)}
    for wait in (1.5, 2.5):
        process = subprocess.Popen([*words, "--json"], env=env, cwd=cdp.folder,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # fmt: skip
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL  # in the middle of it
    [done] = cdp("import", file, "--as", "people", "--type", "age=number", "--json").rows
    assert done["id"] == 1 and done["state"] == "done"
    assert (done["taken"], done["refused"]) == (SLOW_ROWS - 30, 30)
    assert len(cdp("import", "refused", "1", "--json").rows) == 30
    people = cdp("export", "people").rows
    assert len(people) == SLOW_ROWS - 30
    assert sum(1 for _ in cdp("export", "events").rows) == SLOW_ROWS - 30


def test_a_second_process_leaves_an_import_alone(cdp: Cdp) -> None:
    from cdp.transfer.background import held

    file = write(cdp, "p.csv", "user_id", "u1")
    cdp("import", file, "--as", "people")
    with held(Settings(data=cdp.data), 1):
        assert "another process" in cdp.refuses("import", "undo", "1", "--yes")


# -- a dry run says what happens, for any graph and any file ---------------------------------

CELLS = st.fixed_dictionaries(
    {
        "user_id": st.sampled_from(["", "u0", "u1", "u2", "null"]),
        "anonymous_id": st.sampled_from(["", "a0", "a1"]),
        "email": st.sampled_from(["", "e0@x.org", "E1@x.org", "bad"]),
        "plan": st.sampled_from(["", "free", "pro"]),
        "timestamp": st.sampled_from(["", "2020-01-01", "2026-09-01T00:00:00Z"]),
    }
)
FILES = st.lists(CELLS, min_size=1, max_size=8)


def bring(space: Space, path: Path, dry: bool) -> dict[str, Any] | int:
    found = importing.plan(path, path.name, Options(USERS))
    if dry:
        return dry_run(space.store, importing.unnoted(found, "test", NOW), found)
    item = importing.begin(space.store, found, "test", NOW, again=True)
    assert Importer(space.store, space.settings, item, found).run(space.pipeline.drain)
    return item.id


NOW = 1_790_000_000_000


def state(space: Space) -> tuple[dict[str, Any], bytes]:
    from cdp.transfer import lines
    from cdp.transfer.exporting import export
    from cdp.transfer.lines import Span

    with space.store.read() as tx:
        people = {row["id"]: row for row in lines.people(tx)}
    whole = [b"".join(export(space.store, what, "jsonl", Span(), "test", "test")) for what in WHAT]
    return people, b"".join(whole)


def check(folder: Path, url: str | None, first: list[Any], second: list[Any]) -> None:
    folder.mkdir()
    space = Space(folder / "data", url)
    paths = []
    for number, rows in enumerate((first, second)):
        path = folder / f"{number}.csv"
        names = list(rows[0])
        text = [",".join(names), *(",".join(row[name] for name in names) for row in rows)]
        path.write_text("\n".join(text))
        paths.append(path)
    try:
        bring(space, paths[0], dry=False)
        before, whole = state(space)
        told = bring(space, paths[1], dry=True)
        assert isinstance(told, dict)
        assert state(space)[1] == whole
        number = bring(space, paths[1], dry=False)
        after, _ = state(space)
        assert len(after) == len(before) + told["created"] - told["merged"]
        with space.store.read() as tx:
            item = imports.by_id(tx, int(str(number)))
            assert item is not None
            counts = imports.taken(tx, item.source_id)
        assert (item.refused, counts["taken"]) == (told["refused"], told["rows"])
        undo.undo(space.store, space.settings, item, "test", space.pipeline.drain)
        assert state(space)[1] == whole
    finally:
        space.close()


_folders = itertools.count()


EXAMPLES = int(os.environ.get("CDP_PROOF_EXAMPLES", "30"))


@settings(max_examples=max(5, EXAMPLES // 3), deadline=None)
@given(FILES, FILES)
def test_a_dry_run_is_true_and_an_undo_exact(
    tmp_path_factory: pytest.TempPathFactory, first: list[Any], second: list[Any]
) -> None:
    check(tmp_path_factory.getbasetemp() / f"t{next(_folders)}", None, first, second)


@pytest.mark.postgres
def test_on_postgres_a_dry_run_is_true_and_an_undo_exact(tmp_path: Path) -> None:
    draw = random.Random(7)
    values = {"user_id": ["", "u0", "u1"], "anonymous_id": ["", "a0"], "email": ["", "e0@x.org"],
              "plan": ["free", "pro"], "timestamp": ["", "2020-01-01"]}  # fmt: skip
    for number in range(2):
        files = [
            [{name: draw.choice(some) for name, some in values.items()} for _ in range(8)]
            for _ in range(2)
        ]
        check(tmp_path / str(number), new_database(), *files)
