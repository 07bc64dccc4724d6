"""Computed traits that queries work out: kept, read by conditions, told, and refused."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from cdp.conditions import Context, parse
from cdp.conditions.expand import expand
from cdp.config import Settings
from cdp.definitions.own_sql import VIEWS, SqlError
from cdp.definitions.space import Space
from cdp.pipeline import own_queries
from cdp.pipeline.audiences.explain import why
from cdp.store.audiences import counting, members, query_runs
from cdp.store.audiences.own_sql import ask
from cdp.store.defined import defining
from cdp.store.profiles import people
from cdp.store.tables import tokens
from tests.laws.test_audiences import Town
from tests.postgres import new_database

ROOT = Path(__file__).parents[2]

TOTALS = """
select i.value as user_id, sum(p.number) as value
from identifiers i join properties p on p.profile_id = i.profile_id
where i.type = 'user_id' and p.event = 'Order' and p.property = 'properties.total'
group by i.value
"""
SETTINGS = Settings(query_seconds=5.0, query_rows=100)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def town(request: pytest.FixtureRequest) -> Iterator[Town]:
    town = Town(new_database() if request.param == "postgres" else None)
    town.say([order(town, "u1", 30), order(town, "u2", 5), order(town, "u3", 50)])
    yield town
    town.close()


def order(town: Town, user: str, total: float) -> dict[str, Any]:
    body = {"type": "track", "event": "Order", "properties": {"total": total}}
    return {"t": town.now - 1000, "who": {"userId": user}, "body": body}


def define(town: Town, sql: str, **more: Any) -> None:
    reads = ['properties.total of "Order"']
    body = {"sql": sql, **({} if "warehouse" in more else {"reads": reads}), **more}
    town.define("spent", body, "computed_trait")
    town.settle()


def work(town: Town, settings: Settings = SETTINGS) -> query_runs.Run:
    own_queries.step(town.store, settings, lambda: town.now / 1000)
    town.settle()
    with town.store.read() as tx:
        run = query_runs.last_run(tx, "spent")
    assert run is not None
    return run


def test_values_are_kept_and_conditions_read_them(town: Town) -> None:
    define(town, TOTALS)
    town.define("big", {"who": "traits.spent > 20"})
    town.settle()
    assert town.members("big") == set()
    run = work(town)
    assert (run.rows, run.unknown, run.changed, run.error) == (3, 0, 3, None)
    assert sorted(town.values("spent").values()) == [5, 30, 50]
    assert len(town.members("big")) == 2
    town.say([order(town, "u2", 100)])
    town.settle()
    assert len(town.members("big")) == 2  # until the query is asked again
    town.now += 86_400_000
    assert work(town).changed == 1
    assert len(town.members("big")) == 3


def test_previews_and_the_plain_evaluator_see_them(town: Town) -> None:
    define(town, TOTALS)
    work(town)
    with town.store.read() as tx:
        space = Space(defining.bodies(defining.load(tx)))
        made = space.made(("computed_trait", "spent"))
        root = expand(parse("traits.spent >= 30", Context.PERSON).root, made)
        found = counting.count_people(tx, root, town.now)
    assert (found.people, found.exact) == (2, True)


def test_it_is_explained_by_what_the_query_said(town: Town) -> None:
    define(town, TOTALS)
    town.define("big", {"who": "traits.spent > 20"})
    work(town)
    with town.store.read() as tx:
        person = people.resolve_anywhere(tx, "user_id", "u3")
        assert person is not None
        told = why(tx, "big", person, town.now)
    assert (told.inside, told.condition) == (True, "traits.spent > 20")
    assert told.clauses == [{"clause": "traits.spent > 20", "holds": True, "value": 50}]


def test_an_edit_is_worked_out_beside_what_holds(town: Town) -> None:
    define(town, TOTALS)
    town.define("big", {"who": "traits.spent > 20"})
    work(town)
    define(town, TOTALS.replace("sum(p.number)", "sum(p.number) * 10"))
    assert sorted(town.values("spent").values()) == [5, 30, 50]
    work(town)
    assert sorted(town.values("spent").values()) == [50, 300, 500]
    assert len(town.members("big")) == 3


def test_who_is_no_longer_returned_has_no_value_any_more(town: Town) -> None:
    define(town, "select 'u1' as user_id, 1 as value")
    work(town)
    assert list(town.values("spent").values()) == [1]
    define(town, "select 'u2' as user_id, 'x' as value union all select 'nobody', 'y'")
    run = work(town)
    assert list(town.values("spent").values()) == ["x"]
    assert (run.rows, run.unknown) == (2, 1)


def test_a_warehouse_is_asked_and_again_soon_after_it_failed(town: Town, tmp_path: Path) -> None:
    file = tmp_path / "shop.db"
    settings = replace(SETTINGS, warehouses={"shop": f"sqlite:///{file}"})
    define(town, "select customer as user_id, total as value from spent", warehouse="shop")
    town.define("big", {"who": "traits.spent > 20"})
    town.settle()
    run = work(town, settings)
    assert run.error == "the warehouse shop can't be reached: unable to open database file"
    with sqlite3.connect(file) as tx:
        tx.execute("create table spent (customer, total)")
        tx.execute("insert into spent values ('u1', 30), ('u2', 5), ('x', 9), (' u3 ', 50.5)")
    assert work(town, settings).error == run.error  # it is not asked yet
    town.now += 3_600_000
    run = work(town, settings)
    assert (run.rows, run.unknown, run.changed, run.error) == (4, 1, 3, None)
    assert sorted(town.values("spent").values()) == [5, 30, 50.5]
    assert len(town.members("big")) == 2
    define(town, "select customer as user_id, total as value from spent")
    assert "spent" in str(work(town, settings).error)  # of the store there is no such table
    assert len(town.members("big")) == 2


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("select nope from people", "nope"),
        ("select profile_id from people", "two columns"),
        ("select 1 as name, profile_id as value from people", "nobody has an identifier name"),
        ("select id, hash from tokens", "tokens"),
        ("delete from people", "begins with SELECT"),
        ("select 'u1' as user_id, 1 as value; drop table profiles", "second statement"),
        ("with a as (delete from people returning 1) select * from a", ""),
        ("select 'u1' as user_id, pg_read_file('/etc/passwd') as value", "pg_read_file"),
        ("select 'u1' as user_id, load_extension('x') as value", "load_extension"),
        (
            "with recursive n (i) as (select 1 union all select i + 1 from n) "
            "select i as user_id, 1 as value from n where i < 0",
            "longer than 0.3 seconds",
        ),
        (
            "with recursive n (i) as (select 1 union all select i + 1 from n where i < 200) "
            "select i as user_id, 1 as value from n",
            "more than 100 rows",
        ),
    ],
)
def test_what_fails_says_why_and_leaves_the_values(town: Town, sql: str, why: str) -> None:
    define(town, "select 'u1' as user_id, 7 as value")
    work(town)
    define(town, sql)
    run = work(town, Settings(query_seconds=0.3, query_rows=100))
    assert run.error
    assert why in run.error
    assert list(town.values("spent").values()) == [7]
    with town.store.read() as tx:
        assert len(town.persons()) == 3
        assert members.measured_ids(tx).keys() == {"spent"}


@pytest.mark.parametrize(
    "sql",
    [
        "with people as (select id, hash from tokens) select * from people",
        "with people_1 as (select id, hash from tokens) select * from people_1",
        "select * from (select * from tokens) people",
        "select count(*), 1 from tokens",
        "select (select count(*) from profiles), 1",
        "select * from people p, profiles q",
        "select 1, name from sqlite_master",
        "select * from pg_authid",
        'select * from "pg_authid"',
        "select * from information_schema.tables",
        "select 1, query_to_xml('select * from tokens', true, true, '')",
        "with query_to_xml (a) as (select 1) select 1, query_to_xml('select 1', true, true, '')",
        "select E'\\'' , query_to_xml('select 1')",
        "select 1 -- \r , query_to_xml('select 1')",
        "select $$ $$",
        'select 1 as u&"a"',
    ],
)
def test_a_query_sees_the_views_and_nothing_else(town: Town, sql: str) -> None:
    with town.store.read() as tx:
        tx.execute(select(tokens.c.id))
    with pytest.raises(SqlError):
        ask(town.store, sql, 5, 10)


def test_the_views_have_what_the_documentation_says(town: Town) -> None:
    for view, columns in VIEWS.items():
        assert ask(town.store, f"select * from {view}", 5, 100).columns == columns.split(", ")
    town.say([order(town, "u1", 1)])
    define(town, TOTALS)
    rows = ask(town.store, "select event, property, value, number from properties", 5, 100).rows
    assert ("Order", "properties.total", "30", 30.0) in [tuple(row) for row in rows]


def test_the_views_are_documented() -> None:
    page = (ROOT / "docs/how-to/traits-by-sql.md").read_text()
    for view, columns in VIEWS.items():
        assert f"| `{view}` | `{columns}` |" in page
