"""Everything known of a person comes as one ZIP, and nothing of anybody else."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

from click.testing import CliRunner

from cdp.cli import cli
from cdp.store import definitions
from cdp.store.journeys import launched as journeys
from cdp.store.profiles import exports
from tests.factories import Space, ana, bearer, iso


def test_the_zip_has_all_and_runs_nothing(tmp_path: Path) -> None:
    space = Space(tmp_path / "space")
    evil = {"type": "identify", "userId": "u1", "messageId": "evil", "timestamp": iso(1),
            "traits": {"bio": "<script>alert(1)</script>", "<b>": 1}}  # fmt: skip
    other = {"type": "identify", "userId": "u2", "messageId": "m9", "traits": {"x": "not-hers"}}
    bad = {"type": "track", "userId": "u1", "messageId": "bad"}
    space.send(*ana(), evil, other, bad)
    answer = space.client().get("/api/profiles/user_id:u1/access", headers=bearer())
    assert (answer.status_code, answer.mimetype) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.data)) as found:
        files = {name: found.read(name).decode() for name in found.namelist()}
    assert set(files) == {
        "profile.json", "profile.html", "events.jsonl", "traits_history.jsonl", "refused.jsonl",
    }  # fmt: skip
    known = json.loads(files["profile.json"])
    assert known["traits"]["plan"]["value"] == "pro"
    assert {row["value"] for row in known["identifiers"]} == {"u1", "a1", "ana@example.com"}
    assert known["accounts"][0]["name"] == "Acme Ltd"
    sent = [json.loads(line)["message"]["messageId"] for line in files["events.jsonl"].splitlines()]
    assert sent == ["evil", "m5", "m4", "m3", "m2", "m1"]
    said = [json.loads(line) for line in files["traits_history.jsonl"].splitlines()]
    assert [row["value"] for row in said if row["trait"] == "plan"] == ["pro", "free"]
    assert "<script" not in files["profile.html"] and "<b>" not in files["profile.html"]
    assert "&lt;script&gt;" in files["profile.html"]
    assert not any("not-hers" in text for text in files.values())
    assert space.client().get("/api/profiles/user_id:u1/access").status_code == 401
    assert taken(space) == [("access request", "API", True)]
    space.close()


def taken(space: Space) -> list[tuple[str, str, bool]]:
    with space.store.read() as tx:
        found = exports.exports_since(tx)
    return [(item.what, item.target, item.finished_at is not None) for item in found]


def test_the_command_writes_a_file_for_our_eyes_only(tmp_path: Path) -> None:
    space = Space(tmp_path / "space")
    space.send(*ana())
    out = tmp_path / "ana.zip"
    where = ["--data", str(tmp_path / "space"), "--json"]
    done = CliRunner().invoke(cli, ["profiles", "access", "user_id:u1", "--out", str(out), *where])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output) == {"file": str(out), "events": 5}
    assert out.stat().st_mode & 0o077 == 0
    # A deletion can't reach into it, and so names it; by its own id somebody is found as well.
    assert taken(space) == [("access request", str(out.resolve()), True)]
    shown = CliRunner().invoke(cli, ["profiles", "show", "user_id:u1", *where])
    own = json.loads(shown.output)["id"]
    again = CliRunner().invoke(cli, ["profiles", "show", own, *where])
    assert json.loads(again.output) == json.loads(shown.output)
    nobody = CliRunner().invoke(cli, ["profiles", "show", "u1", *where])
    assert nobody.exit_code == 1 and "type:value" in nobody.output
    with zipfile.ZipFile(out) as found:
        assert found.testzip() is None
    space.close()


def test_messages_audiences_and_journeys_are_in_it(tmp_path: Path) -> None:
    space = Space(tmp_path / "space")
    template = {"channel": "email", "subject": "Hello", "body": "Hi"}
    journey = {"trigger": {"event": "Signed Up"}, "steps": [{"send": "hello"}, {"wait": "2d"}]}
    with space.store.write() as tx:
        definitions.put(tx, 1, "template", "hello", template, "test")
        definitions.put(tx, 1, "audience", "pros", {"who": 'traits.plan = "pro"'}, "test")
        made = definitions.put(tx, 1, "journey", "welcome", journey, "test")
        journeys.launch(tx, "welcome", made.version, "test", 1)
    space.pipeline.settle()
    for user in ("u1", "u2"):
        space.send(
            {"type": "identify", "userId": user, "traits": {"plan": "pro", "secret": user}},
            {"type": "track", "userId": user, "event": "Signed Up", "properties": {"of": user}},
        )
    answer = space.client().get("/api/profiles/user_id:u1/access", headers=bearer())
    with zipfile.ZipFile(io.BytesIO(answer.data)) as found:
        files = {name: found.read(name).decode() for name in found.namelist()}
    [message] = map(json.loads, files["messages.jsonl"].splitlines())
    assert message["template"] == "hello"
    [run] = map(json.loads, files["journeys.jsonl"].splitlines())
    assert (run["journey"], run["step"]) == ("welcome", "wait-2d")
    assert [move["what"] for move in run["moves"]] == ["entered", "left", "waits"]
    [inside] = map(json.loads, files["audiences.jsonl"].splitlines())
    assert inside["key"] == "pros"
    assert not any("u2" in text for text in files.values())
    space.close()
