"""Each command: what it prints, and how it refuses."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
import structlog

from cdp.config import Settings
from cdp.console.auth import check_password
from cdp.plugin.testing import Answer, RecordingServer
from cdp.server.bootstrap import bootstrap
from cdp.server.supervise import hold
from cdp.store import Store, config_rows
from tests.api.test_admin import deliver
from tests.cli.conftest import Cdp
from tests.factories import TOKEN, Space, ana, iso

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


def test_sources(cdp: Cdp) -> None:
    assert [row["key"] for row in cdp.json("sources", "list")] == ["default"]
    [made] = cdp.json("sources", "add", "ios", "--name", "iOS app")
    assert made["name"] == "iOS app" and made["enabled"]
    [off] = cdp.json("sources", "disable", "ios")
    assert off == {**made, "enabled": False}
    [on] = cdp.json("sources", "enable", "ios")
    assert on == made
    [fresh] = cdp.json("sources", "rotate", "ios")
    assert fresh["write_key"] != made["write_key"]
    assert "iOS app" in cdp("sources", "list").out
    assert "ios" in cdp.refuses("sources", "add", "ios")
    assert "'android'" in cdp.refuses("sources", "disable", "android")


def test_the_first_token_waits_for_a_server_that_can_show_it(
    cdp: Cdp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CDP_API_TOKEN")
    assert len(cdp.json("sources", "list")) == 1
    assert cdp.json("config", "token", "list") == []
    settings = Settings.load()
    store = Store.open(settings)
    token = bootstrap(store, settings).api_token
    assert token is not None and token.startswith("hwt_")
    assert bootstrap(store, settings).api_token is None
    store.close()


def test_destinations(cdp: Cdp, space: Space) -> None:
    with RecordingServer() as hook:
        settings = ["--setting", f"url={hook.url}", "--setting", f"secret={SECRET}"]
        words = ["destinations", "add", "webhook", "--source", "default", *settings]
        [made] = cdp.json(*words)
        assert (made["key"], made["source"], made["state"]) == ("webhook", "default", "running")
        [second] = cdp.json(*words)
        assert second["key"] == "webhook_2"
        [shown] = cdp.json("destinations", "show", "webhook")
        assert shown["settings"] == {"url": hook.url, "secret": "••••"}
        [changed] = cdp.json("destinations", "set", "webhook", "--setting", "method=PUT")
        assert changed["settings"]["method"] == "PUT" and changed["settings"]["secret"] == "••••"
        [narrow] = cdp.json("destinations", "set", "webhook", "--filter", "type = 'track' ")
        assert narrow["filter"] == "type = 'track'"
        wrong = cdp.refuses("destinations", "set", "webhook", "--filter", "tipe =")
        assert wrong.startswith("cdp: --filter: line 1, column 7: the condition ends here")
        assert "column 6" in cdp.refuses(*words, "--filter", "type == 1")
        [wide] = cdp.json("destinations", "set", "webhook", "--filter", "")
        assert wide["filter"] == ""
        [exchange] = cdp.json("destinations", "test", "webhook")
        assert exchange["status"] == 200 and "Webhook Test" in exchange["request_body"]
        hook.answers = [Answer(500)]
        failed = cdp.run("destinations", "test", "webhook")
        assert failed.code == 1 and failed.err == "cdp: the answer was 500\n"
        assert cdp.json("destinations", "disable", "webhook_2")[0]["enabled"] is False
        cdp("destinations", "remove", "webhook_2", "--yes")
        assert [row["key"] for row in cdp.json("destinations", "list")] == ["webhook"]

        hook.answers = [Answer(400)]
        space.send(*ana())
        deliver(space)
        [row] = cdp.json("destinations", "list")
        assert (row["delivered"], row["dead"]) == (4, 1)
        calls = cdp.json("destinations", "calls", "webhook")
        assert sorted(call["status"] for call in calls) == [200, 200, 200, 200, 400]
        [dead] = cdp.json("destinations", "dead", "webhook")
        assert cdp.json("destinations", "dead", "webhook", "--replay", str(dead["id"])) == [
            {"tried_again": 1}
        ]
        assert "answer" in cdp("destinations", "calls", "webhook").out
        [begun] = cdp.json("events", "replay", "--from", "1h", "--destination", "webhook")
        deliver(space)
        assert begun["destination"] == "webhook" and len(hook.requests) >= 2 + 5 + 1 + 4
        shown_ = "".join(cdp(*words).out for words in (
            ("destinations", "list"), ("destinations", "list", "--json"),
            ("destinations", "show", "webhook"), ("destinations", "calls", "webhook", "--json"),
        ))  # fmt: skip
        assert SECRET not in shown_


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("destinations", "show", "nothing"), "there is no destination 'nothing'"),
        (("destinations", "enable", "nothing"), "there is no destination 'nothing'"),
        (("destinations", "remove", "nothing", "--yes"), "there is no destination 'nothing'"),
        (("destinations", "test", "nothing"), "there is no destination 'nothing'"),
        (("destinations", "calls", "nothing"), "there is no destination 'nothing'"),
        (("destinations", "dead", "nothing"), "there is no destination 'nothing'"),
        (("destinations", "add", "nothing"), "no plugin brings 'nothing'; known: "),
        (("destinations", "add", "webhook"), "url: Missing data"),
        (("destinations", "add", "webhook", "--setting", "url"), "name=value"),
        (("destinations", "add", "webhook", "--setting", "url=x"), "url: Not a valid URL"),
        (
            ("destinations", "add", "webhook", "--setting", "url=https://a.example",
             "--source", "no"),
            "there is no source 'no'",
        ),
        (("sources", "rotate", "nothing"), "there is no source 'nothing'"),
        (("import", "/dev/null", "--source", "nothing"), "there is no source 'nothing'"),
        (("profiles", "show", "user_id:nobody"), "there is no profile with user_id:nobody"),
        (("profiles", "explain", "user_id:nobody"), "there is no profile with user_id:nobody"),
        (("profiles", "show", "nobody"), "type:value"),
        (("events", "replay", "--from", "1h", "--destination", "no"), "no destination 'no'"),
        (("config", "token", "new", "--scopes", "cakes"), "'cakes'"),
        (("config", "token", "new", "--scopes", " "), "scope"),
        (("config", "token", "revoke", "99"), "there is no token 99"),
        (("config", "password", "ada", "--password", "short"), "at least 10"),
        (("backup", "nowhere/b.tar.gz"), "no data folder"),
        (("plugins", "new", "Bad Name"), "name"),
    ],
)  # fmt: skip
def test_a_refusal_is_one_clear_line(cdp: Cdp, words: tuple[str, ...], says: str) -> None:
    assert says in cdp.refuses(*words)


@pytest.mark.parametrize(
    "words",
    [
        ("events", "replay", "--from", "yesterday"),
        ("events", "replay"),
        ("events", "--limit", "many"),
        ("import", "missing.jsonl"),
        ("import",),
        ("restore", "missing.tar.gz"),
        ("sources", "add"),
        ("nothing",),
        ("serve", "--port", "x"),
        ("sources", "list", "--nothing"),
    ],
)
def test_wrong_usage_exits_with_2(cdp: Cdp, words: tuple[str, ...]) -> None:
    err = cdp.refuses(*words, code=2)
    assert "Error: " in err


def test_events_are_listed_filtered_and_replayed(cdp: Cdp, space: Space) -> None:
    space.send(*ana(), {"type": "nonsense", "userId": "u"})
    space.send_raw("track", b"{broken")
    assert [e["messageId"] for e in cdp.json("events")] == ["m5", "m4", "m3", "m2", "m1"]
    [order] = cdp.json("events", "--name", "Order Completed")
    assert order["_source"] == "default" and not order["_historical"]
    assert len(cdp.json("events", "--type", "identify", "--limit", "1")) == 1
    assert len(cdp.json("events", "--user", "u1")) == 4
    assert "Order Completed" in cdp("events").out
    refused = cdp.json("events", "--rejected")
    assert len(refused) == 2 and all(row["reason"] and row["code"] for row in refused)
    assert {type(row["body"]) for row in refused} == {dict, str}
    assert cdp.json("events", "replay", "--from", "1d", "--to", "now") == [{"folded_anew": 5}]
    assert cdp.json("events", "replay", "--from", iso(45), "--to", iso(25)) == [{"folded_anew": 2}]
    assert cdp.json("profiles", "show", "user_id:u1")[0]["traits"]["plan"] == "pro"


def test_profiles(cdp: Cdp, space: Space) -> None:
    space.send(*ana())
    cdp("traits", "add", "orders", "--value", 'count("Order Completed")')
    cdp("audiences", "add", "pros", "--who", 'traits.plan = "pro"')
    cdp("audiences", "add", "others", "--who", 'traits.plan = "free"')
    space.pipeline.settle()
    [shown] = cdp.json("profiles", "show", "email:ANA@example.com")
    assert shown["computed_traits"] == {"orders": 1} and [*shown["audiences"]] == ["pros"]
    assert shown["traits"]["plan"] == "pro" and "user_id:u1" in shown["identifiers"]
    [found] = cdp.json("profiles", "search", "ana")
    assert found["id"] == shown["id"]
    assert cdp.json("profiles", "show", f"segment_id:{shown['id']}") == [shown]
    assert cdp.json("profiles", "show", "group_id:acme")[0]["traits"]["seats"] == 7
    [why] = cdp.json("profiles", "explain", "user_id:u1")
    assert why["id"] == shown["id"] and "m2" in str(why["profile"]["steps"])
    assert "ana@example.com" in cdp("profiles", "explain", "user_id:u1").out
    assert cdp("profiles", "search", "nobody at all").err == "nothing yet\n"


def test_config_masks_secrets(cdp: Cdp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDP_DATABASE_URL", "postgresql://me:s3cret@db/x")
    done = cdp("config", "--json")
    rows = {row["name"]: row for row in done.rows}
    assert rows["port"]["value"] == 8321 and rows["port"]["variable"] == "CDP_PORT"
    assert rows["api_token"]["value"] == rows["database_url"]["value"] == "••••"
    for text in (done.out, cdp("config").out):
        assert "s3cret" not in text and TOKEN not in text


def test_tokens_are_made_listed_and_revoked(cdp: Cdp, space: Space) -> None:
    [made] = cdp.json("config", "token", "new", "--name", "grafana", "--scopes", "events:read")
    headers = {"Authorization": f"Bearer {made['token']}"}
    assert space.client().get("/api/events", headers=headers).status_code == 200
    assert space.client().get("/api/sources", headers=headers).status_code == 403
    rows = {row["id"]: row for row in cdp.json("config", "token", "list")}
    assert rows[made["id"]]["name"] == "grafana" and made["token"] not in str(rows)
    cdp("config", "token", "revoke", str(made["id"]))
    assert made["id"] not in [row["id"] for row in cdp.json("config", "token", "list")]


def test_a_password_logs_in(cdp: Cdp, space: Space) -> None:
    cdp("config", "password", "ada", "--role", "viewer", "--password", "correct horse")
    with space.store.read() as tx:
        user = config_rows.user_by_name(tx, "ada")
    assert user is not None and user.role == "viewer"
    assert check_password(user, "correct horse") and not check_password(user, "Correct horse")
    assert b"correct horse" not in b"".join(p.read_bytes() for p in cdp.data.glob("headwater.db*"))


def test_plugins_are_listed_and_started(cdp: Cdp, tmp_path: Path) -> None:
    [row] = [row for row in cdp.json("plugins", "list") if row["name"] == "webhook"]
    assert row["destinations"] == ["webhook", "webhook_message"] and row["error"] is None
    (cdp.data / "plugins").mkdir(parents=True)
    (cdp.data / "plugins" / "broken.py").write_text("1/0")
    [broken] = [row for row in cdp.json("plugins", "list") if row["name"] == "broken"]
    assert "division" in broken["error"]
    [made] = cdp.json("plugins", "new", "acme", "--dir", str(tmp_path))
    assert Path(made["folder"]).is_dir()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("CDP_PORT", "many", "CDP_PORT"),
        ("CDP_PORT", "70000", "port must be 0 to 65535"),
        ("CDP_DATABASE_URL", "mysql://x", "database_url must begin with postgresql://"),
        ("CDP_ALLOW_PRIVATE_ADDRESSES", "perhaps", "CDP_ALLOW_PRIVATE_ADDRESSES"),
        ("CDP_TRUSTED_PROXIES", "everybody", "trusted_proxies"),
        ("CDP_CONFIG", "missing.toml", "missing.toml does not exist"),
    ],
)
def test_a_bad_setting_is_named(
    cdp: Cdp, monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(name, value)
    for words in (("sources", "list"), ("config",), ("serve",)):
        assert says in cdp.refuses(*words)


def test_a_bad_cdp_toml_is_named(cdp: Cdp) -> None:
    for text, says in (("port = ", "cdp.toml"), ("prot = 1", "prot"), ("port = 'x'", "port")):
        (cdp.folder / "cdp.toml").write_text(text)
        assert says in cdp.refuses("sources", "list")


def test_a_database_that_cannot_be_reached_is_one_line(
    cdp: Cdp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CDP_DATABASE_URL", "postgresql://me:s3cret@127.0.0.1:1/x?connect_timeout=2")
    for words in (("sources", "list"), ("events",), ("import", "/dev/null")):
        said = cdp.refuses(*words)
        assert "127.0.0.1" in said and "s3cret" not in said


def test_a_store_that_is_too_new_is_left_alone(cdp: Cdp, space: Space) -> None:
    with space.store.write() as tx:
        tx.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    for words in (("sources", "list"), ("events",), ("serve", "--port", "0")):
        assert "9999" in cdp.refuses(*words)
    done = cdp.run("doctor")
    assert done.code == 1 and "9999" in done.out and done.err == "cdp: 1 check failed\n"


@pytest.mark.slow  # it gives the other one 3 s to end
def test_another_server_on_the_folder_is_one_line(cdp: Cdp, space: Space) -> None:
    lock = hold(cdp.data)
    try:
        assert "another server is running over" in cdp.refuses("serve", "--port", "0")
    finally:
        os.close(lock)


def test_a_data_folder_that_is_a_file_is_one_line(
    cdp: Cdp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CDP_DATA", str(tmp_path / "file"))
    cdp.refuses("sources", "list")
    cdp.refuses("serve")


def test_a_file_that_is_no_database_is_one_line(cdp: Cdp) -> None:
    cdp.data.mkdir()
    (cdp.data / "headwater.db").write_bytes(b"no database" * 1000)
    assert "not a database" in cdp.refuses("sources", "list")


def test_profiles_are_parted_joined_again_and_ruled(cdp: Cdp, space: Space) -> None:
    space.send(
        {"type": "track", "event": "Seen", "anonymousId": "a7", "messageId": "1"},
        {"type": "identify", "anonymousId": "a7", "userId": "u1", "messageId": "2"},
    )
    assert "took in" not in cdp("profiles", "explain", "user_id:u1").out
    words = ["profiles", "unmerge", "user_id:u1", "--take", "anonymous_id:a7"]
    [would] = cdp.json(*words, "--dry-run")
    assert (would["links"], would["joins"]) == (["2"], []) and "cut" not in would
    [done] = cdp.json(*words, "--note", "shared")
    assert done["cut"] == 1
    assert cdp.json("profiles", "cuts")[0]["note"] == "shared"
    assert "parted" in cdp("profiles", "explain", "user_id:u1").out
    assert "not an identifier of this profile" in cdp.refuses(*words)
    cdp("profiles", "cuts", "undo", "1")
    assert "no cut 1 that holds" in cdp.refuses("profiles", "cuts", "undo", "1")
    [why] = cdp.json("profiles", "explain", "user_id:u1")
    assert why["cuts"] == [] and len(why["profile"]["steps"]) == 2

    rules = cdp.folder / "identity.yaml"
    rules.write_text(cdp("profiles", "rules").out.replace("- 'null'", "- 'null'\n- a7"))
    [effect] = cdp.json("profiles", "rules", "apply", str(rules), "--dry-run")
    assert effect["before"] == 1 and effect["after"] == 1
    [made] = cdp.json("profiles", "rules", "apply", str(rules), "--wait")
    assert made["version"] == 1
    assert [row["version"] for row in cdp.json("profiles", "rules", "history")] == [1]
    assert "there is no profile" in cdp.refuses("profiles", "show", "anonymous_id:a7")
    rules.write_text("kind: identity\nlimits:\n  user_id: many\n")
    assert "limits.user_id" in cdp.refuses("profiles", "rules", "apply", str(rules))
    rules.write_text("kind: [")
    assert "line 1" in cdp.refuses("profiles", "rules", "apply", str(rules))
    assert "no such file" in cdp.refuses("profiles", "rules", "apply", "nowhere.yaml")


def test_the_log_of_a_command_is_not_mixed_into_what_it_prints(
    cdp: Cdp, capsys: pytest.CaptureFixture[str]
) -> None:
    cdp("sources", "list", "--json")
    structlog.get_logger("test").warning("something_else")
    said = capsys.readouterr()
    assert "something_else" in said.err and said.out == ""
