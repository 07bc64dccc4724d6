"""Traits over the APIs and the command line: now, at a time, and their history."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from cdp.cli import cli
from tests.api.calls import Api
from tests.factories import Space, bearer

BASE = 1_790_000_000_000
PLANS = ("free", "pro", None, "team")


@pytest.fixture
def told(space: Space) -> Space:
    for number, plan in enumerate(PLANS):
        space.send(
            {
                "type": "identify",
                "userId": "u1",
                "messageId": f"m{number}",
                "timestamp": BASE + number * 1000,
                "traits": {"plan": plan, "name": "Ana"},
            }
        )
    return space


def get(space: Space, path: str, status: int = 200) -> Any:
    answer = space.client().get(path, headers=bearer())
    assert answer.status_code == status, answer.data
    return json.loads(answer.data)


PROFILE = "/v1/spaces/default/collections/users/profiles/user_id:u1"


def test_the_profile_api_gives_traits_as_they_were(told: Space) -> None:
    for number, plan in enumerate(PLANS):
        expected = {"name": "Ana"} if plan is None else {"name": "Ana", "plan": plan}
        for at in (str(BASE + number * 1000), f"{BASE + number * 1000 + 999}"):
            assert get(told, f"{PROFILE}/traits?at={at}")["traits"] == expected
    assert get(told, f"{PROFILE}/traits?at={BASE - 1}")["traits"] == {}
    assert get(told, f"{PROFILE}/traits?at=2026-01-01")["traits"] == {}
    shown = get(told, f"{PROFILE}/traits?at={BASE + 1500}&verbose=true&include=plan")["traits"]
    assert shown == {
        "plan": {
            "value": "pro",
            "type": "string",
            "source_id": "default",
            "updated_at": "2026-09-21T14:13:21.000Z",
        }
    }
    page = get(told, f"{PROFILE}/traits?at={BASE}&limit=1")
    assert page["traits"] == {"name": "Ana"} and f"at={BASE}" in page["cursor"]["url"]
    assert get(told, page["cursor"]["url"])["traits"] == {"plan": "free"}


@pytest.mark.parametrize("at", ["", "soon", "2026-13-01", "9" * 30])
def test_a_time_that_is_none_is_refused(told: Space, at: str) -> None:
    assert get(told, f"{PROFILE}/traits?at={at}", 400)["error"]["code"] == "validation_error"
    assert get(told, f"/api/profiles/user_id:u1/traits?at={at}", 400)["error"]["code"]


def test_the_admin_api_tells_traits_with_who_set_them(told: Space) -> None:
    rows = get(told, f"/api/profiles/user_id:u1/traits?at={BASE}")["data"]
    assert [(r["trait"], r["value"], r["type"], r["message_id"]) for r in rows] == [
        ("name", "Ana", "string", "m0"),
        ("plan", "free", "string", "m0"),
    ]
    now = get(told, "/api/profiles/user_id:u1/traits")["data"]
    assert {r["trait"]: r["message_id"] for r in now} == {"name": "m3", "plan": "m3"}


def test_the_history_of_a_trait_comes_in_pages(told: Space) -> None:
    path = "/api/profiles/user_id:u1/trait-history?trait=plan&limit=3"
    first = get(told, path)
    assert [(r["value"], r["message_id"]) for r in first["data"]] == [
        ("team", "m3"),
        (None, "m2"),
        ("pro", "m1"),
    ]
    second = get(told, f"{path}&next={first['next']}")
    assert [r["value"] for r in second["data"]] == ["free"] and second["next"] is None
    assert get(told, f"{path}&next=nonsense", 400)["error"]["code"] == "validation_error"
    every = get(told, "/api/profiles/user_id:u1/trait-history?limit=5")
    assert [r["trait"] for r in every["data"]] == ["name", "plan", "name", "plan", "name"]
    rest = get(told, f"/api/profiles/user_id:u1/trait-history?next={every['next']}")
    assert [r["value"] for r in rest["data"]] == ["pro", "Ana", "free"]


def run(space: Space, *arguments: str) -> str:
    command = [*arguments, "--data", str(space.settings.data)]
    result = CliRunner().invoke(cli, command, catch_exceptions=False)
    return result.output if result.exit_code == 0 else f"error: {result.output}"


def test_the_command_line_shows_traits_at_a_time_and_their_history(told: Space) -> None:
    text = run(told, "profiles", "traits", "user_id:u1", "--at", "2026-09-21T14:13:21Z", "--json")
    rows = [json.loads(line) for line in text.splitlines()]
    assert {row["trait"]: row["value"] for row in rows} == {"name": "Ana", "plan": "pro"}
    text = run(told, "profiles", "traits", "user_id:u1", "--history", "plan", "--limit", "2")
    assert "team" in text and "m2" in text and "m1" not in text
    assert "There are more than 2" in text


def test_the_command_line_changes_the_rules_of_traits(told: Space) -> None:
    text = run(told, "profiles", "trait-rules", "--set", 'merge_objects=["address"]', "--json")
    assert json.loads(text)["merge_objects"] == ["address"]
    text = run(told, "profiles", "trait-rules", "--set", "max_traits=10", "--json")
    assert json.loads(text)["merge_objects"] == ["address"]
    assert json.loads(run(told, "profiles", "trait-rules", "--json"))["max_traits"] == 10


def test_the_rules_are_read_previewed_and_changed(api: Api, space: Space) -> None:
    space.send({"type": "identify", "userId": "u1", "traits": {"a": 1, "b": 2}})
    assert api.call("GET", "/api/trait-rules").json["max_traits"] == 300
    asked = {"max_profile_traits": 1, "merge_objects": ["address"]}
    answer = api.call("POST", "/api/trait-rules/preview", json=asked).json
    assert (answer["looked_at"], answer["over"]) == (1, 1)
    assert answer["changes"] == [
        {"rule": "merge_objects", "before": False, "after": ["address"]},
        {"rule": "max_profile_traits", "before": 1000, "after": 1},
    ]
    assert api.call("GET", "/api/trait-rules").json["max_profile_traits"] == 1000
    changed = api.call("PATCH", "/api/trait-rules", json=asked)
    assert changed.json["merge_objects"] == ["address"] and changed.json["max_traits"] == 300
    wrong = api.call("PATCH", "/api/trait-rules", json={"merge_objects": 5})
    assert wrong.status_code == 400 and "merge_objects" in wrong.text
