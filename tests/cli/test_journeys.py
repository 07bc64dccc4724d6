"""``cdp journeys``."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdp.journeys.run import Run
from cdp.store import Store
from cdp.store.db import FILE as DATA
from cdp.store.journeys import launched as journeys
from cdp.store.journeys import runs as journey_runs
from cdp.store.journeys.runs import Placed
from tests.cli.conftest import Cdp

FILE = """\
kind: journey
key: welcome
trigger: { event: Signed Up }
steps:
  - wait: 2d
  - approval: Really?
  - emit: Welcomed
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "welcome.yaml"
    path.write_text(FILE)
    return path


def place(cdp: Cdp, number: int, step: str) -> None:
    store = Store.at(cdp.data / DATA)
    with store.write() as tx:
        row = journeys.row(tx, "welcome")
        assert row is not None
        run = Run(number, "welcome", 1, "", 0, step, 0)
        journey_runs.put(tx, [Placed(run, row.id, number, 0)], {number})
    store.close()


def test_a_journey_goes_its_way(cdp: Cdp, file: Path) -> None:
    assert cdp("journeys", "add", str(file), "--json").rows[0]["state"] == "draft"
    assert "never launched" in cdp.run("journeys", "pause", "welcome").err
    assert cdp("journeys", "launch", "welcome", "--json").rows[0]["state"] == "live"
    assert cdp("journeys", "pause", "welcome", "--json").rows[0]["state"] == "paused"
    assert cdp("journeys", "resume", "welcome", "--json").rows[0]["state"] == "live"
    assert cdp("journeys", "rollout", "welcome", "5", "--json").rows[0]["rollout"] == 5
    file.write_text(FILE.replace("wait: 2d", "wait: 3d").replace("Really?", "Sure?"))
    cdp("journeys", "add", str(file))
    changes = {
        row["field"]: row["what"] for row in cdp("journeys", "diff", "welcome", "1", "--json").rows
    }
    assert changes == {"wait-2d": "removed", "approval": "changed", "wait-3d": "added"}
    versions = cdp("journeys", "versions", "welcome", "--json").rows
    assert [(row["version"], row["launched"]) for row in versions] == [(2, False), (1, True)]
    assert cdp("journeys", "list", "--json").rows[0]["launched_version"] == 1
    assert "wait: 3d" in cdp("journeys", "show", "welcome").out
    assert cdp("journeys", "drain", "welcome", "--json").rows[0]["state"] == "draining"
    assert cdp("journeys", "stop", "welcome", "--json").rows[0]["state"] == "stopped"


def test_people_inside_are_told_of_and_moved(cdp: Cdp, file: Path) -> None:
    cdp("journeys", "add", str(file))
    cdp("journeys", "launch", "welcome")
    place(cdp, 1, "approval")
    assert cdp("journeys", "people", "welcome", "--json").rows[0]["people"] == 1
    assert "approval" in cdp("journeys", "report", "welcome", "--from", "2026-01-01").out
    assert cdp("journeys", "report", "welcome", "--json").rows[0]["inside"] == 1
    assert [row["id"] for row in cdp("journeys", "runs", "welcome", "--json").rows] == [1]
    why = ("--reason", "mistake", "--json")
    for words in (
        ("move", "welcome", "wait-2d", "--run", "1", *why),
        ("skip", "welcome", "--step", "approval", *why),
        ("exit", "welcome", "--run", "1", *why),
        ("answer", "welcome", "approved", "--run", "1", "--json"),
        ("go-on", "welcome", "--json"),
    ):
        assert cdp("journeys", *words).rows[0]["state"] == "waiting"
    kinds = [row["kind"] for row in cdp("journeys", "orders", "welcome", "--json").rows]
    assert kinds == ["resume", "answer", "end", "skip", "move", "begin"]
    refused = cdp.run("journeys", "move", "welcome", "nope", "--run", "1", "--reason", "x")
    assert (refused.code, refused.err) == (
        1, "cdp: version 1 of the journey welcome has no step nope\n",
    )  # fmt: skip
    file.write_text(FILE.replace("  - approval: Really?\n", ""))
    cdp("journeys", "add", str(file))
    asked = cdp.run("journeys", "launch", "welcome", stdin=b"n\n")
    assert asked.code == 1 and "vanished" in asked.out
    done = cdp("journeys", "launch", "welcome", "--yes", "--inside", '{"approval": "exit"}')
    assert "live" in done.out
    assert cdp("journeys", "orders", "welcome", "--json").rows[0]["kind"] == "migrate"


def test_faults_are_told_with_their_places(cdp: Cdp, file: Path) -> None:
    file.write_text(FILE.replace("wait: 2d", "wate: 2d").replace("Signed Up }", "A, where: b. }"))
    done = cdp.run("journeys", "add", str(file))
    assert done.code == 1
    assert f"{file}:5:5: steps[0]: there is no step wate. Did you mean wait?" in done.err
    assert f"{file}:3:" in done.err and "nothing was added" in done.err


def test_lint_tells_step_and_line(cdp: Cdp, file: Path) -> None:
    assert cdp("journeys", "lint", str(file)).err == "nothing looks wrong\n"
    cdp("templates", "add", "hello", "--channel", "email", "--subject", "Hi",
        "--body", "Hello {{ customer.name }} {{ journey.code }}")  # fmt: skip
    file.write_text(FILE + "  - send: hello\n  - wait_until: Bought\n")
    done = cdp.run("journeys", "lint", str(file))
    assert (done.code, done.err) == (1, "cdp: 1 error\n")
    assert [line.partition(": step")[0] for line in done.out.splitlines()] == [
        f"{file}:8:5: error", f"{file}:8:5: warning", f"{file}:9:5: warning",
    ]  # fmt: skip
    assert "step send-hello: hello says {{ journey.code }}: no step before" in done.out
    cdp("journeys", "add", str(file))
    rows = cdp.run("journeys", "lint", "welcome", "--json").rows
    assert {row["code"] for row in rows} == {"no_variable", "no_timeout", "no_topic"}
    file.write_text(FILE.replace("wait: 2d", "wate: 2d"))
    assert (
        ":5:5: error: steps[0]: there is no step wate."
        in cdp.run("journeys", "lint", str(file)).out
    )
