"""Journeys tried and understood from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cdp
from tests.factories import Space

WELCOME = """\
kind: journey
key: welcome
trigger: { event: Signed Up }
if: traits.country = "PL"
steps:
  - send: hello
  - wait: 2d
  - branch:
      - when: count("Order Completed") > 0
        then: [ { exit: bought } ]
  - send: hello
"""
SCRIPT = [
    {"type": "identify", "traits": {"country": "PL", "name": "Ada"},
     "timestamp": "2026-01-05T09:00:00Z"},
    {"event": "Signed Up"},
    {"advance": "1d"},
    {"event": "Order Completed"},
    {"advance": "3d"},
]  # fmt: skip


@pytest.fixture
def files(cdp: Cdp) -> Path:
    (cdp.folder / "welcome.yaml").write_text(WELCOME)
    (cdp.folder / "faster.yaml").write_text(WELCOME.replace("wait: 2d", "wait: 1h"))
    (cdp.folder / "script.jsonl").write_text("\n".join(map(json.dumps, SCRIPT)))
    cdp("templates", "add", "hello", "--channel", "sms", "--body", "Hi {{ customer.name }}")
    return cdp.folder


def test_simulate_walks_somebody_through(cdp: Cdp, files: Path) -> None:
    cdp("journeys", "add", "welcome.yaml")
    out = cdp("journeys", "simulate", "welcome", "--events", "script.jsonl").out
    for line in (
        "2026-01-05 09:00:00  track Signed Up",
        "sends hello",
        "Hi Ada",
        '          when-1: yes count("Order Completed") > 0   it is 1',
        "exit-bought: ended by exit:bought",
    ):
        assert line.strip() in out, out
    rows = cdp.json("journeys", "simulate", "faster.yaml", "--events", "script.jsonl")
    assert [row["exit"] for row in rows if row.get("what") == "ended"] == ["finished"]
    told = cdp("journeys", "simulate", "welcome", "--events", "-", stdin=b'{"event": "Other"}').out
    assert "nobody entered" in told


def test_what_can_not_be_simulated_is_told(cdp: Cdp, files: Path) -> None:
    assert "there is no journey none" in cdp.refuses(
        "journeys", "simulate", "none", "--events", "script.jsonl"
    )
    (files / "bad.jsonl").write_text('{"event": "A"}\n{]')
    cdp("journeys", "add", "welcome.yaml")
    simulate = ("journeys", "simulate", "welcome", "--events")
    assert "line 2 is no JSON" in cdp.refuses(*simulate, "bad.jsonl")
    (files / "bad.jsonl").write_text('{"type": "alias"}')
    assert "item 1: alias is no call" in cdp.refuses(*simulate, "bad.jsonl")
    assert "soon is no time" in cdp.refuses(*simulate, "script.jsonl", "--start", "soon")
    (files / "welcome.yaml").write_text(WELCOME.replace("wait: 2d", "wait: two days"))
    done = cdp.run("journeys", "simulate", "welcome.yaml", "--events", "script.jsonl")
    assert done.code == 1 and "welcome.yaml:" in done.err


def test_backtest_and_explain(cdp: Cdp, space: Space, files: Path) -> None:
    cdp("journeys", "add", "welcome.yaml")
    for user, traits in (("u1", {"country": "PL", "name": "Ada"}), ("u2", {"country": "DE"})):
        space.send({"type": "identify", "userId": user, "traits": traits, "messageId": f"{user}a"})
        space.send({"type": "track", "userId": user, "event": "Signed Up",
                    "messageId": f"{user}b"})  # fmt: skip
    period = ("--from", "2020-01-01", "--to", "2099-01-01")
    [told] = cdp.json("journeys", "backtest", "welcome", *period, "--against", "faster.yaml")
    assert [(v["version"], v["runs"], v["messages"]) for v in told["versions"]] == [
        ("version 1", 1, 2), ("faster.yaml", 1, 2),
    ]  # fmt: skip
    assert told["looked_at"] == 2
    out = cdp("journeys", "backtest", "welcome", *period, "--people", "1").out
    assert "1 of 2 people who might have entered" in out and "branch → next" in out
    assert "has no version 9" in cdp.refuses("journeys", "backtest", "welcome", *period,
                                             "--version", "9")  # fmt: skip
    assert "--from must be before --to" in cdp.refuses(
        "journeys", "backtest", "welcome", "--from", "2026-01-02", "--to", "2026-01-01"
    )
    out = cdp("journeys", "explain", "welcome", "user_id:u2").out
    assert out.splitlines()[0] == "user_id:u2 is not in welcome"
    assert "  no  it was never launched" in out
    assert 'no  traits.country = "PL"   it is "DE"' in out
    [told] = cdp.json("journeys", "explain", "welcome", "user_id:u1")
    assert [check["name"] for check in told["checks"] if not check["ok"]] == ["launched"]
    assert "there is no journey none" in cdp.refuses("journeys", "explain", "none", "user_id:u1")
