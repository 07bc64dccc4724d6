"""Members, how far they are worked out, and why, by the API; audiences among the traits."""

from dataclasses import replace

import pytest

from cdp.conditions.functions import FUNCTIONS
from cdp.definitions.words import parsed
from tests.api.calls import Api
from tests.factories import Space, iso

WHO = 'count("Order Completed" within 30d) >= 2 and traits.plan = "pro"'


def say(space: Space) -> None:
    order = {"type": "track", "event": "Order Completed", "userId": "u1"}
    space.send(
        {"type": "identify", "userId": "u1", "traits": {"plan": "pro"}},
        {**order, "timestamp": iso(30), "messageId": "o1"},
        {**order, "timestamp": iso(20), "messageId": "o2"},
        {"type": "identify", "userId": "u2", "traits": {"plan": "pro"}},
    )


def test_members_their_state_and_why(api: Api, space: Space) -> None:
    say(space)
    api.post("/api/audiences", {"key": "regulars", "who": WHO}, 201)
    api.post("/api/computed-traits", {"key": "orders", "value": 'count("Order Completed")'}, 201)
    waiting = {"state": "waiting", "size": None, "progress": 0.0, "error": None}
    assert api.get("/api/audiences/regulars/state") == waiting
    told = api.get("/api/audiences/regulars/members", 404)["error"]["message"]
    assert told == "The audience regulars is not worked out yet."
    api.get("/api/audiences/nothing/state", 404)
    assert api.get("/api/computed-traits/orders")["prose"] == "the number of “Order Completed”"
    space.pipeline.settle()
    state = {"state": "live", "size": 1, "progress": 1.0, "error": None}
    assert api.get("/api/audiences/regulars/state") == state
    [member] = api.get("/api/audiences/regulars/members")["data"]
    assert member["id"] == api.get("/api/profiles/user_id:u1")["id"]

    found = api.get("/api/profiles/user_id:u1/audiences/regulars")
    assert (found["member"], found["condition"]) == (True, WHO)
    assert found["clauses"] == [
        {"clause": 'count("Order Completed" within 30d) >= 2', "holds": True, "value": 2},
        {"clause": 'traits.plan = "pro"', "holds": True, "value": "pro"},
    ]
    assert [change["cause"] for change in found["changes"]] == ["definition"]
    other = api.get("/api/profiles/user_id:u2/audiences/regulars")
    assert (other["member"], other["since"], other["changes"]) == (False, None, [])
    assert [clause["holds"] for clause in other["clauses"]] == [False, True]

    api.get("/api/profiles/user_id:nobody/audiences/regulars", 404)
    api.get("/api/profiles/user_id:u1/audiences/nothing", 404)
    api.get("/api/profiles/user_id:u1/audiences/regulars", 404, at="2020-01-01")


def test_the_profile_api_has_audiences_and_computed_traits(api: Api, space: Space) -> None:
    say(space)
    api.post("/api/audiences", {"key": "regulars", "who": WHO}, 201)
    api.post("/api/computed-traits", {"key": "orders", "value": 'count("Order Completed")'}, 201)
    space.pipeline.settle()
    traits = "users/profiles/user_id:u1/traits"
    assert api.profile(traits)["traits"] == {"orders": 2, "plan": "pro", "regulars": True}
    assert api.profile(traits, **{"class": "audience"})["traits"] == {"regulars": True}
    assert api.profile(traits, **{"class": "computed_trait"})["traits"] == {"orders": 2}
    verbose = api.profile(traits, verbose="true", include="orders")["traits"]["orders"]
    assert (verbose["value"], verbose["type"]) == (2, "integer")
    space.send({"type": "identify", "userId": "u1", "traits": {"plan": "free"}})
    assert api.profile(traits)["traits"] == {"orders": 2, "plan": "free", "regulars": False}


def test_a_definition_that_goes_takes_its_members_along(api: Api, space: Space) -> None:
    say(space)
    api.post("/api/audiences", {"key": "regulars", "who": WHO}, 201)
    space.pipeline.settle()
    api.send("DELETE", "/api/audiences/regulars")
    space.pipeline.settle()
    assert api.profile("users/profiles/user_id:u1/traits")["traits"] == {"plan": "pro"}
    api.get("/api/audiences/regulars/state", 404)
    with space.store.read() as tx:
        for table in ("members", "computed_values"):
            assert tx.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() == 0


def test_a_condition_that_calls_what_a_plugin_brought_once_says_so(
    api: Api, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(space)
    monkeypatch.setitem(FUNCTIONS, "shout", replace(FUNCTIONS["lowercase"], name="shout"))
    who = {"key": "loud", "who": 'shout(traits.plan) = "pro"'}
    api.post("/api/audiences", who, 201)
    api.post("/api/audiences", {"key": "others", "who": 'not audience("loud")'}, 201)
    space.pipeline.settle()
    monkeypatch.delitem(FUNCTIONS, "shout")
    parsed.cache_clear()
    space.pipeline._memory = None  # as in a process that starts without the plugin
    api.send("PATCH", "/api/audiences/others", {"description": "All the rest."})
    space.pipeline.settle()
    assert api.get("/api/audiences/loud/state") == {
        "state": "failed", "size": 2, "progress": 0.0, "error": "there is no function shout",
    }  # fmt: skip
    said = api.get("/api/audiences/loud")["prose"]
    assert said == "can't be read: line 1, column 1: there is no function shout"
    error = api.get("/api/profiles/user_id:u1/audiences/loud", 409)["error"]
    assert error["message"] == (
        "The audience loud can't be worked out: there is no function shout."
    )
    assert api.get("/api/audiences/others/state")["state"] == "live"
    error = api.send("PATCH", "/api/audiences/loud", {"name": "Loud"}, 400)["error"]
    assert error["fields"]["who"] == ["line 1, column 1: there is no function shout"]
    api.send("PATCH", "/api/audiences/loud", {"who": 'traits.plan = "pro"'})
    space.pipeline.settle()
    state = {"state": "live", "size": 2, "progress": 1.0, "error": None}
    assert api.get("/api/audiences/loud/state") == state


def test_a_list_is_kept_by_hand_and_handed_over_as_csv(api: Api, space: Space) -> None:
    say(space)
    api.post("/api/audiences", {"key": "vips", "static": True}, 201)
    space.pipeline.settle()
    members = "/api/audiences/vips/members"
    done = api.post(members, {"add": ["user_id:u1", "user_id:u2", "user_id:nobody"]})
    assert done == {"added": 2, "removed": 0, "unmatched": ["user_id:nobody"]}
    done = api.post(members, {"remove": ["user_id:u2"]})
    assert done == {"added": 0, "removed": 1, "unmatched": []}
    rows = api.call("GET", f"{members}.csv").text.splitlines()
    assert rows[0] == "id,user_id,email,anonymous_id,since"
    assert [row.split(",")[1] for row in rows[1:]] == ["u1"]
    found = api.get("/api/profiles/user_id:u1/audiences/vips", 409)
    assert "kept by hand" in found["error"]["message"]
    api.post("/api/audiences", {"key": "regulars", "who": WHO}, 201)
    space.pipeline.settle()
    api.post("/api/audiences/regulars/members", {"add": ["user_id:u1"]}, 404)
