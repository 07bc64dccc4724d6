"""``cdp broadcasts``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Cdp

FILE = """
kind: broadcast
key: sale
name: Winter sale
who: { everybody: true }
template: sale
"""


@pytest.fixture
def file(cdp: Cdp, tmp_path: Path) -> str:
    done = cdp("templates", "add", "sale", "--channel", "email", "--subject", "Hi", "--body", "B")
    assert done.code == 0, done.err
    path = tmp_path / "sale.yaml"
    path.write_text(FILE)
    return str(path)


def test_a_draft_goes_its_way(cdp: Cdp, file: str) -> None:
    made = cdp("broadcasts", "add", file, "--json").rows[0]
    assert (made["key"], made["state"]) == ("sale", "draft")
    assert "sale" in cdp("broadcasts", "list").out
    refused = cdp.run("broadcasts", "pause", "sale")
    assert refused.code == 1 and "it is draft" in refused.err
    assert cdp("broadcasts", "start", "sale", "--json").rows[0]["state"] == "scheduled"
    assert cdp("broadcasts", "cancel", "sale", "--json").rows[0]["state"] == "cancelled"
    assert "Winter sale: cancelled" in cdp("broadcasts", "report", "sale").out


def test_a_check_says_what_stops_it(cdp: Cdp, file: str) -> None:
    cdp("broadcasts", "add", file)
    done = cdp.run("broadcasts", "check", "sale")
    assert done.code == 1
    assert "No destination for email" in done.out
    assert "it can't go as it is" in done.err


def test_what_is_wrong_is_one_line(cdp: Cdp, file: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("name: x\nwho: { audience: a, everybody: true }\n")
    done = cdp.run("broadcasts", "add", str(broken))
    assert done.code == 1 and "Say one of audience, condition and everybody" in done.err
    assert cdp.run("broadcasts", "show", "other").code == 1
