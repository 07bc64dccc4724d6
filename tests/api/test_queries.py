"""Computed traits by SQL, by the API: defined, asked, tried, and refused."""

from __future__ import annotations

import sqlite3
import time

import pytest

from cdp.pipeline import own_queries
from cdp.store.defined import elsewhere
from tests.api.calls import Api
from tests.factories import Space, ana

SQL = "select profile_id, count(*) as value from events group by profile_id"


def work(space: Space) -> None:
    space.pipeline.settle()
    own_queries.step(space.store, space.settings, time.time)
    space.pipeline.settle()


def test_a_query_works_a_trait_out_and_says_how_it_went(api: Api, space: Space) -> None:
    space.send(*ana())
    made = api.post("/api/computed-traits", {"key": "events", "sql": SQL, "every": "6h"}, 201)
    assert (made["sql"], made["every"], made["prose"]) == (SQL, "6h", None)
    run = api.get("/api/computed-traits/events/run")
    assert (run["state"], run["ended_at"], run["next_at"]) == ("waiting", None, None)
    work(space)
    run = api.get("/api/computed-traits/events/run")
    assert (run["state"], run["error"], run["unmatched"]) == ("live", None, 0)
    assert run["rows"] == run["changed"] > 0
    traits = api.profile("users/profiles/user_id:u1/traits", **{"class": "computed_trait"})
    assert traits["traits"]["events"] > 0
    assert api.post("/api/computed-traits/events/run")["next_at"] is None
    work(space)
    assert api.get("/api/computed-traits/events/run")["changed"] == 0


def test_what_is_no_trait_by_sql_has_no_run(api: Api) -> None:
    api.post("/api/computed-traits", {"key": "orders", "value": 'count("Order")'}, 201)
    api.get("/api/computed-traits/orders/run", 409)
    api.get("/api/computed-traits/nothing/run", 404)
    api.send("POST", "/api/computed-traits/nothing/run", status=404)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "value"),
        ({"sql": SQL, "value": 'count("Order")'}, "sql"),
        ({"sql": "delete from people"}, "sql"),
        ({"sql": "select 1; select 2"}, "sql"),
        ({"sql": "select * from pg_authid"}, "sql"),
        ({"sql": SQL, "every": "1m"}, "every"),
        ({"sql": SQL, "every": "soon"}, "every"),
        ({"sql": SQL, "reads": ["properties.total"]}, "reads"),
        ({"value": 'count("Order")', "every": "6h"}, "every"),
        ({"value": 'count("Order")', "warehouse": "main"}, "warehouse"),
        ({"sql": SQL, "warehouse": "Main db"}, "warehouse"),
        ({"sql": "select x'00', 1", "warehouse": "main"}, "sql"),
        ({"sql": SQL, "warehouse": "main", "reads": ["traits.plan"]}, "reads"),
    ],
)
def test_what_is_wrong_with_a_query_is_told_at_its_field(
    api: Api, body: dict[str, object], field: str
) -> None:
    answer = api.post("/api/computed-traits", {"key": "spent", **body}, 400)
    assert [name.partition(".")[0] for name in answer["error"]["fields"]] == [field]


def test_a_query_is_tried_before_it_is_kept(api: Api, space: Space) -> None:
    space.send(*ana())
    answer = api.post("/api/queries/try", {"sql": "select type, value from identifiers"})
    assert answer["columns"] == ["type", "value"]
    assert ["user_id", "u1"] in answer["rows"]
    refused = api.post("/api/queries/try", {"sql": "select * from tokens"}, 400)
    assert "people" in refused["error"]["fields"]["sql"][0]


def test_a_warehouse_is_tried_with_the_right_to_make_traits(api: Api, space: Space) -> None:
    file = space.settings.data / "shop.db"
    with sqlite3.connect(file) as tx:
        tx.execute("create table spent as select 'u1' as user_id, 7 as value")
    space.settings.warehouses["main"] = f"sqlite:///{file}"
    asked = {"sql": "select * from spent", "warehouse": "main"}
    assert api.post("/api/queries/try", asked)["rows"] == [["u1", 7]]
    reader = Api(space, space.token("profiles:read personal:read"))
    assert "audiences:write" in str(reader.send("POST", "/api/queries/try", asked, 403))
    wrong = api.send("POST", "/api/queries/try", {**asked, "warehouse": "mian"}, 400)
    assert "Did you mean main" in str(wrong)


def test_a_warehouse_that_the_server_does_not_name_is_refused(api: Api, space: Space) -> None:
    body = {"key": "spent", "sql": "select user_id, value from spent", "warehouse": "mian"}
    api.post("/api/computed-traits", {**body, "key": "early"}, 201)  # no server has started yet
    with space.store.write() as tx:
        elsewhere.know_warehouses(tx, ["main"])
    wrong = api.send("POST", "/api/computed-traits", body, 400)
    assert "no warehouse mian. Did you mean main" in str(wrong["error"]["fields"]["warehouse"])
    made = api.post("/api/computed-traits", {**body, "warehouse": "main"}, 201)
    assert made["warehouse"] == "main"
