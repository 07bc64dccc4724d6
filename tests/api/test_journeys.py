"""``/api/journeys``: defined, launched, paused; people inside moved."""

from __future__ import annotations

from typing import Any

from cdp.journeys.run import Run
from cdp.store.journeys import launched as journeys
from cdp.store.journeys import runs as journey_runs
from cdp.store.journeys.runs import Placed
from tests.api.calls import Api

STEPS: list[Any] = [{"wait": "2d"}, {"approval": "Really?"}, {"emit": "Welcomed"}]
BODY = {"key": "welcome", "trigger": {"event": "Signed Up"}, "steps": STEPS}


def test_a_journey_is_defined_launched_and_stopped(api: Api) -> None:
    made = api.post("/api/journeys", BODY, 201)
    assert (made["version"], made["trigger"], made["steps"]) == (1, {"event": "Signed Up"}, STEPS)
    (version,) = api.get("/api/journeys/welcome/versions")["data"]
    assert version["body"] == {name: BODY[name] for name in ("trigger", "steps")}
    assert api.get("/api/journeys/welcome/status")["state"] == "draft"
    done = api.post("/api/journeys/welcome/launch")
    assert (done["state"], done["launched_version"]) == ("live", 1)
    assert api.post("/api/journeys/welcome/pause")["state"] == "paused"
    assert api.post("/api/journeys/welcome/resume")["state"] == "live"
    assert api.post("/api/journeys/welcome/rollout", {"share": 10})["rollout"] == 10
    changed = api.send("PATCH", "/api/journeys/welcome", {"steps": STEPS[:2]})
    assert changed["version"] == 2 and changed["trigger"] == {"event": "Signed Up"}
    found = api.get("/api/journey-status")["data"]
    assert [(row["key"], row["version"], row["launched_version"]) for row in found] == [
        ("welcome", 2, 1)
    ]
    assert api.post("/api/journeys/welcome/drain")["state"] == "draining"
    assert api.post("/api/journeys/welcome/stop")["state"] == "stopped"
    assert {row["kind"] for row in api.get("/api/journeys/welcome/orders")["data"]} == {
        "begin", "resume", "stop",
    }  # fmt: skip


def test_what_is_wrong_is_said_by_field(api: Api) -> None:
    body = {**BODY, "steps": [{"branch": [{"when": "traits.", "then": []}]}]}
    error = api.post("/api/journeys", body, 400)["error"]
    assert list(error["fields"]) == ["steps[0].branch.ways[0].when"]
    error = api.post("/api/journeys", {**BODY, "state": "live"}, 400)["error"]
    assert list(error["fields"]) == ["state"]


def test_what_can_not_be_done_is_refused(api: Api) -> None:
    assert api.post("/api/journeys/nope/launch", status=404)["error"]["code"] == "not_found"
    api.post("/api/journeys", BODY, 201)
    assert api.get("/api/journeys/welcome/lint") == {"data": [], "next": None}
    never = api.post("/api/journeys/welcome/pause", status=409)["error"]
    assert "never launched" in never["message"]
    api.post("/api/journeys/welcome/launch")
    for people in (7, "go", {"nope": "exit"}, [1]):
        api.post("/api/journeys/welcome/launch", {"people": people}, 409)
    api.send("DELETE", "/api/journeys/welcome", status=409)


def test_people_inside_are_listed_and_moved(api: Api) -> None:
    api.post("/api/journeys", BODY, 201)
    api.post("/api/journeys/welcome/launch")
    with api.space.store.write() as tx:
        row = journeys.row(tx, "welcome")
        assert row is not None
        for number in (1, 2):
            run = Run(number, "welcome", 1, "", 0, "approval", 0)
            journey_runs.put(tx, [Placed(run, row.id, number, 0)], {number})
    page = api.get("/api/journeys/welcome/runs", limit=1)
    assert [row["id"] for row in page["data"]] == [2]
    rest = api.get("/api/journeys/welcome/runs", limit=1, next=page["next"])
    assert ([row["id"] for row in rest["data"]], rest["next"]) == ([1], None)
    assert api.get("/api/journeys/welcome/status")["steps"] == [
        {"version": 1, "step": "approval", "people": 2, "held": 0}
    ]
    api.send("PATCH", "/api/journeys/welcome", {"steps": STEPS[:1]})
    (inside,) = api.get("/api/journeys/welcome/inside")["data"]
    assert (inside["step"], inside["people"], inside["becomes"]) == ("approval", 2, "vanished")
    body = {"step": "approval", "to": "wait-2d", "reason": "by mistake"}
    order = api.post("/api/journeys/welcome/move", body, 202)
    assert (order["kind"], order["state"]) == ("move", "waiting")
    for verb, more in (
        ("skip", {"run": 1, "reason": "x"}),
        ("answer", {"run": 1, "answer": "approved"}),
        ("go-on", {}),
        ("end", {"run": 1, "reason": "x"}),
    ):
        api.post(f"/api/journeys/welcome/{verb}", more, 202)
    api.post("/api/journeys/welcome/end", {"run": 99, "reason": "x"}, 409)


def test_a_report_is_of_days_and_versions(api: Api) -> None:
    api.post("/api/journeys", BODY, 201)
    api.get("/api/journeys/welcome/report", 409)
    api.post("/api/journeys/welcome/launch")
    query = {"from": "2026-01-01", "to": "2026-01-03", "version": 1}
    found = api.get("/api/journeys/welcome/report", **query)
    assert (found["from"], found["to"], found["entered"]) == ("2026-01-01", "2026-01-03", 0)
    assert [step["step"] for step in found["steps"]] == ["wait-2d", "approval", "emit-Welcomed"]
    api.get("/api/journeys/welcome/report", 400, **{"from": "soon"})


def test_decisions_are_made_shown_and_approved(api: Api) -> None:
    steps = [{"experiment": {"variants": [{"name": "a"}, {"name": "b"}]}, "id": "exp"}]
    rule = {"role": "approver", "other": False}
    body = {**BODY, "steps": steps, "approval": rule, "rollout": [{"share": 1, "for": "1d"}, 100]}
    api.post("/api/journeys", body, 201)
    asked = api.post("/api/journeys/welcome/ask", {"enter": "new"}, 202)
    assert (asked["state"], asked["version"]) == ("waiting", 1)
    done = api.post("/api/journeys/welcome/approve", {"approve": True, "reason": "fine"})
    assert done["state"] == "approved"
    (item,) = api.get("/api/journeys/welcome/requests")["data"]
    assert item["reason"] == "fine"
    status = api.get("/api/journeys/welcome/status")
    assert (status["rollout"], status["reason"], status["closed"]) == (1, None, {})
    assert [stage["here"] for stage in status["stages"]] == [True, False]
    made = api.post("/api/journeys/welcome/experiments/exp/winner", {"variant": "b"}, 202)
    assert (made["kind"], made["args"]["variant"]) == ("winner", "b")
    assert api.post("/api/journeys/welcome/stage", {"act": "hold"}, 202)["kind"] == "stage"
    api.post("/api/journeys/welcome/experiments/exp/winner", {"variant": "c"}, 409)
    assert api.get("/api/journeys/welcome/decisions")["data"] == []
    assert api.get("/api/journey-approval") == {"role": None, "other": False}
    api.send("PUT", "/api/journey-approval", {"role": "admin"})
    assert api.get("/api/journey-approval") == {"role": "admin", "other": True}
    api.post("/api/journeys/welcome/launch", status=409)
    api.send("PUT", "/api/journey-approval", {"role": None, "other": False})
    api.post("/api/journeys/welcome/launch")
