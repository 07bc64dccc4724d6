"""What can't be used is refused with one clear line, and nothing of it is half applied."""

from __future__ import annotations

import time

import pytest

from cdp.pipeline import own_queries
from tests.api.calls import Api
from tests.factories import Space, ana

FINE = 'performed("Order Completed")'


@pytest.mark.parametrize(
    ("who", "says"),
    [
        ('count("Order Completed" >', "line 1, column"),
        ('count("Order Completed") within 30d', "line 1, column 26"),
        ("properties.total > 3", "is nothing of a person"),
        ("(" * 40 + "traits.a = 1" + ")" * 40, "32"),
        ("traits.a = 1 or " * 2000 + "traits.a = 2", "20,000"),
        ('regex(traits.a, "(")', "line 1, column"),
        (f'regex(traits.a, "{"a" * 1001}")', "1,000"),
        ("now()", ""),
        ('audience("nothing")', "there is no audience nothing"),
    ],
)
def test_a_condition_that_can_not_be_used_changes_nothing(api: Api, who: str, says: str) -> None:
    api.post("/api/audiences", {"key": "buyers", "who": FINE}, 201)
    answer = api.send("PATCH", "/api/audiences/buyers", {"who": who, "name": "Other"}, status=400)
    assert says in " ".join(answer["error"]["fields"]["who"])
    now = api.get("/api/audiences/buyers")
    assert (now["who"], now["name"], now["version"]) == (FINE, "Buyers", 1)


def test_types_that_never_fit_are_a_warning(api: Api) -> None:
    made = api.post("/api/audiences", {"key": "odd", "who": f'count("A") > "3" and {FINE}'}, 201)
    assert [warning["field"] for warning in made["warnings"]]


def test_a_regular_expression_can_not_be_slow(api: Api, space: Space) -> None:
    evil = 'regex(traits.name, "^(a+)+$")'
    api.post("/api/audiences", {"key": "evil", "who": evil}, 201)
    name = {"name": "a" * 50_000 + "!"}
    space.send({"type": "identify", "userId": "u1", "traits": name})
    began = time.process_time()
    space.pipeline.settle()
    assert api.get("/api/audiences/evil/state")["size"] == 0
    assert time.process_time() - began < 30  # backtracking would take for ever


def test_a_list_with_a_broken_line_leaves_the_one_before(api: Api) -> None:
    def put(body: bytes, status: int) -> str:
        answer = api.call("PUT", "/api/lists/vips", data=body, content_type="text/plain")
        assert answer.status_code == status, answer.text
        return str(answer.text)

    put(b"a\nb\n", 200)
    assert "line 2" in put(b"a\n\xff\nc\n", 400)
    assert api.get("/api/lists/vips")["values"] == 2


def test_one_that_others_use_stays(api: Api) -> None:
    api.post("/api/audiences", {"key": "buyers", "who": FINE}, 201)
    api.post("/api/audiences", {"key": "both", "who": 'audience("buyers")'}, 201)
    answer = api.send("DELETE", "/api/audiences/buyers", status=409)
    assert "both" in answer["error"]["message"]
    assert api.get("/api/audiences/buyers")["used_by"] == [{"kind": "audience", "key": "both"}]


@pytest.mark.parametrize("value", ["1 / 0", "1.0 * count(*) / 0"])
def test_what_is_divided_by_zero_is_no_value_or_told(api: Api, space: Space, value: str) -> None:
    space.send(*ana())
    sql = f"select profile_id, {value} as value from events group by profile_id"
    api.post("/api/computed-traits", {"key": "share", "sql": sql}, 201)
    space.pipeline.settle()
    own_queries.step(space.store, space.settings, time.time)
    run = api.get("/api/computed-traits/share/run")
    if space.store.dialect == "sqlite":
        assert (run["state"], run["changed"]) == ("live", 0)
    else:
        assert (run["state"], run["error"]) == ("failed", "division by zero")


def test_an_audience_of_accounts_follows_them(api: Api, space: Space) -> None:
    api.post("/api/audiences", {"key": "large", "of": "accounts", "who": "traits.seats > 3"}, 201)
    people = 'account.traits.seats > 3 and performed("Order Completed")'
    api.post("/api/audiences", {"key": "of_large", "who": people}, 201)
    group = {"type": "group", "userId": "u1", "groupId": "acme"}
    order = {"type": "track", "userId": "u1", "event": "Order Completed"}
    space.send({**group, "traits": {"seats": 9}}, order)
    space.pipeline.settle()
    assert api.get("/api/audiences/large/state")["size"] == 1
    [member] = api.get("/api/audiences/of_large/members")["data"]
    assert member["id"] == api.get("/api/profiles/user_id:u1")["id"]
    space.send({**group, "traits": {"seats": 2}})
    space.pipeline.settle()
    assert api.get("/api/audiences/large/state")["size"] == 0
    assert api.get("/api/audiences/of_large/members")["data"] == []
