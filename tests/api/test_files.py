"""Plan and apply over the admin API."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.calls import Api
from tests.api.test_openapi import check, schema_of
from tests.factories import Space, ana

BIG = {"kind": "audience", "key": "big", "who": "traits.plan='pro'"}
HOOK: dict[str, Any] = {
    "kind": "destination",
    "key": "hook",
    "plugin": "webhook",
    "settings": {"url": "https://example.com/hook", "secret": "${env:HOOK_SECRET}"},
}
SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"


def files(api: Api) -> dict[tuple[str, str], Any]:
    return {(row["kind"], row["key"]): row for row in api.listed("/api/files")}


def test_objects_are_planned_applied_and_read_again(api: Api, space: Space) -> None:
    space.send(*ana())
    [step] = api.post("/api/plan", {"objects": [BIG]})["steps"]
    assert (step["action"], step["key"]) == ("create", "big")
    assert step["effect"] == {"of": "people", "enter": 1, "leave": 0, "exact": True}
    assert ("audience", "big") not in files(api)
    assert len(api.post("/api/apply", {"objects": [BIG]})["steps"]) == 1
    found = files(api)["audience", "big"]
    assert found["object"] == {**BIG, "who": 'traits.plan = "pro"'}
    assert found["text"] == 'kind: audience\nkey: big\nwho: traits.plan = "pro"\n'
    assert (found["version"], found["author"]) == (1, "first (apply)")
    assert api.post("/api/apply", {"objects": [found["object"]]}) == {"steps": []}


def test_a_change_of_what_was_changed_since_is_refused(api: Api) -> None:
    api.post("/api/apply", {"objects": [BIG]})
    seen = files(api)["audience", "big"]
    api.send("PATCH", "/api/audiences/big", {"who": "traits.plan = 'free'"})
    mine = {"objects": [{**BIG, "who": "traits.plan = 'x'"}]}
    for known in ([], [{name: seen[name] for name in ("kind", "key", "hash", "version")}]):
        body = {**mine, "seen": known}
        assert "first (api)" in api.post("/api/plan", body)["steps"][0]["conflict"]
        error = api.post("/api/apply", body, 409)["error"]
        assert "first (api)" in error["fields"]["audience/big"][0]
    assert api.get("/api/audiences/big")["who"] == 'traits.plan = "free"'
    api.post("/api/apply", {**mine, "overwrite": True})
    assert api.get("/api/audiences/big")["who"] == 'traits.plan = "x"'


def test_all_that_is_wrong_is_told_and_nothing_is_done(api: Api) -> None:
    objects = [
        BIG,
        {"kind": "audience", "key": "x", "who": "traits.a ="},
        {"kind": "audience", "key": "y", "who": 'audience("z")'},
        {"kind": "cake", "key": "x"},
        BIG,
    ]
    for path in ("/api/plan", "/api/apply"):
        error = api.post(path, {"objects": objects}, 400)["error"]
        assert set(error["fields"]) == {"objects.1.who", "objects.3.kind", "objects.4.key"}
        error = api.post(path, {"objects": objects[:1] + objects[2:3]}, 400)["error"]
        assert error["fields"] == {"objects.1.who": ["line 1, column 10: there is no audience z."]}
    assert api.listed("/api/audiences") == []


def test_a_reference_is_not_read_from_the_servers_environment(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    api.post("/api/apply", {"objects": [HOOK]})
    assert api.get("/api/destinations/hook")["settings"]["secret"] == "${env:HOOK_SECRET}"
    api.send("PATCH", "/api/destinations/hook", {"settings": {"secret": SECRET}})
    found = files(api)["destination", "hook"]
    assert SECRET not in str(found)
    assert api.post("/api/apply", {"objects": [found["object"]]}) == {"steps": []}
    assert api.get("/api/destinations/hook")["settings"]["secret"] == "••••"


def test_each_kind_needs_its_scope(api: Api, space: Space) -> None:
    api.post("/api/apply", {"objects": [BIG, HOOK]})
    narrow = Api(space, space.token("audiences:write"))
    assert {kind for kind, _ in files(narrow)} == {"audience"}
    changed = {**BIG, "name": "Big"}
    narrow.post("/api/apply", {"objects": [changed, HOOK]}, 403)
    narrow.post("/api/plan", {"objects": [HOOK]}, 403)
    narrow.post("/api/apply", {"objects": [], "prune": True}, 403)
    assert len(narrow.post("/api/apply", {"objects": [changed]})["steps"]) == 1
    reader = Api(space, space.token("audiences:read"))
    reader.post("/api/plan", {"objects": [BIG]})
    reader.post("/api/apply", {"objects": [BIG]}, 403)


def test_pruning_removes_definitions_that_are_not_named(api: Api) -> None:
    api.post("/api/apply", {"objects": [BIG, HOOK]})
    [step] = api.post("/api/apply", {"objects": [], "prune": True})["steps"]
    assert (step["action"], step["kind"]) == ("remove", "audience")
    assert ("destination", "hook") in files(api)


def test_answers_have_the_fields_that_the_document_names(api: Api) -> None:
    api.post("/api/apply", {"objects": [BIG, HOOK]})
    document = api.get("/api/openapi.json")
    schema = schema_of(document["paths"]["/api/files"]["get"]["responses"]["200"])
    rows = [row for row in api.listed("/api/files") if row["version"] is not None]
    check(document, schema, {"data": rows, "next": None}, "files")
    schema = schema_of(document["paths"]["/api/plan"]["post"]["responses"]["200"])
    plan = api.post("/api/plan", {"objects": [{**BIG, "who": "traits.a = 1"}]})
    check(document, schema, plan, "plan")
