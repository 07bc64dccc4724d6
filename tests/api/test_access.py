"""Tokens, users and the log of changes: nobody can reach further than their own token."""

from __future__ import annotations

import time

import pytest

from cdp.api.auth import SCOPES
from tests.api.calls import Api
from tests.factories import Space, bearer

PASSWORD = "correct horse battery"


def test_a_token_is_shown_once_and_ends_when_revoked(api: Api, space: Space) -> None:
    made = api.post("/api/tokens", {"name": "grafana", "scopes": ["events:read"]}, 201)
    client = space.client()
    assert client.get("/api/events", headers=bearer(made["token"])).status_code == 200
    assert client.get("/api/sources", headers=bearer(made["token"])).status_code == 403
    rows = {row["id"]: row for row in api.listed("/api/tokens")}
    assert rows[made["id"]]["name"] == "grafana" and rows[made["id"]]["last_used_at"]
    assert made["token"] not in str(rows) and all("token" not in row for row in rows.values())
    assert api.send("DELETE", f"/api/tokens/{made['id']}") == {}
    time.sleep(0.6)  # other processes notice within a second, this one too
    assert client.get("/api/events", headers=bearer(made["token"])).status_code == 401
    api.send("DELETE", f"/api/tokens/{made['id']}", status=404)


@pytest.mark.parametrize("scopes", [[], ["nothing"], "all", None])
def test_scopes_must_be_known(ana_api: Api, scopes: object) -> None:
    error = ana_api.post("/api/tokens", {"name": "x", "scopes": scopes}, 400)["error"]
    assert any(name.startswith("scopes") for name in error["fields"])


@pytest.mark.parametrize("beyond", [s for s in SCOPES if s != "tokens:write"])
def test_a_token_makes_none_that_is_wider_than_itself(ana_space: Space, beyond: str) -> None:
    narrow = Api(ana_space, ana_space.token("tokens:write"))
    body = {"name": "x", "scopes": ["tokens:write", beyond]}
    assert "itself" in narrow.post("/api/tokens", body, 400)["error"]["message"]
    narrow.post("/api/tokens", {"name": "x", "scopes": ["tokens:write"]}, 201)
    # Nor ends one.
    first = next(row for row in narrow.listed("/api/tokens") if row["scopes"] == ["all"])
    narrow.send("DELETE", f"/api/tokens/{first['id']}", status=403)


def test_users_come_change_and_go(api: Api, space: Space) -> None:
    body = {"name": "ada", "role": "viewer", "password": PASSWORD}
    assert api.post("/api/users", body, 201) == {"name": "ada", "role": "viewer"}
    assert api.post("/api/users", body, 409)["error"]["code"] == "conflict"
    changed = api.send("PATCH", "/api/users/ada", {"role": "admin"})
    assert changed == {"name": "ada", "role": "admin"}
    assert api.listed("/api/users") == [changed]
    assert api.send("DELETE", "/api/users/ada") == {}
    api.send("DELETE", "/api/users/ada", status=404)
    api.send("PATCH", "/api/users/ada", {}, status=404)
    changes = api.listed("/api/changes", kind="user")
    assert {row["action"] for row in changes} >= {"created", "deleted"}
    assert PASSWORD not in str(changes) and "argon2" not in str(changes)


def test_only_a_token_for_all_makes_or_touches_an_admin(api: Api, space: Space) -> None:
    narrow = Api(space, space.token("users:write"))
    admin = {"name": "root", "role": "admin", "password": PASSWORD}
    narrow.post("/api/users", admin, 403)
    api.post("/api/users", admin, 201)
    narrow.send("PATCH", "/api/users/root", {"password": PASSWORD + "!"}, status=403)
    narrow.send("DELETE", "/api/users/root", status=403)
    narrow.post("/api/users", {**admin, "name": "eve", "role": "viewer"}, 201)
    narrow.send("PATCH", "/api/users/eve", {"role": "admin"}, status=403)


@pytest.mark.parametrize(
    "body",
    [
        {"name": "a", "role": "viewer", "password": "short"},
        {"name": "a/b", "role": "viewer", "password": PASSWORD},
        {"name": "", "role": "viewer", "password": PASSWORD},
        {"name": "a", "role": "owner", "password": PASSWORD},
        {"name": "a", "role": "viewer"},
    ],
)
def test_a_user_needs_a_name_a_role_and_a_long_password(ana_api: Api, body: object) -> None:
    ana_api.post("/api/users", body, 400)


def test_changes_name_their_author(api: Api) -> None:
    for number in range(5):
        api.post("/api/sources", {"key": f"s{number}"}, 201)
    rows = api.listed("/api/changes", limit=2, kind="source")
    assert [row["key"] for row in rows] == ["s4", "s3", "s2", "s1", "s0", "default"]
    assert rows[0]["author"] == "first (api)" and rows[-1]["author"] == "setup"
