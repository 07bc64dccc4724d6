"""``cdp audiences``, ``cdp traits`` and ``cdp events virtual``."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from cdp.store.defined import elsewhere
from tests.cli.conftest import Cdp
from tests.factories import Space, ana

BIG = "sum(properties.total of 'Order Completed' within 30d)>500"
CANONICAL = 'sum(properties.total of "Order Completed" within 30d) > 500'


def test_an_audience_is_added_changed_and_taken_back(cdp: Cdp) -> None:
    [made] = cdp.json("audiences", "add", "big", "--name", "Big spenders", "--who", BIG)
    assert (made["who"], made["version"], made["archived"]) == (CANONICAL, 1, False)
    assert cdp.json("audiences", "show", "big") == [made]
    assert cdp.json("audiences", "list") == [{**made, "size": None}]
    [edited] = cdp.json("audiences", "edit", "big", "--name", "", "--of", "accounts")
    assert (edited["name"], edited["of"], edited["version"]) == ("Big", "accounts", 2)
    [archived] = cdp.json("audiences", "archive", "big")
    assert archived["archived"] is True
    assert cdp.json("audiences", "unarchive", "big")[0]["archived"] is False
    rows = cdp.json("audiences", "history", "big")
    assert [row["version"] for row in rows] == [4, 3, 2, 1]
    assert rows[-1]["body"] == {"name": "Big spenders", "who": CANONICAL}
    assert "archived: yes" in cdp("audiences", "history", "big").out
    cdp("audiences", "edit", "big", "--name", "Great")
    cdp("audiences", "edit", "big", "--name", "")
    assert "name: –" in cdp("audiences", "history", "big").out
    [back] = cdp.json("audiences", "revert", "big", "1")
    assert (back["name"], back["version"]) == ("Big spenders", 7)
    cdp("audiences", "remove", "big", "--yes")
    assert cdp.json("audiences", "list") == []
    assert cdp.json("audiences", "revert", "big", "7")[0]["version"] == 9


def test_what_refers_to_each_other_is_shown_renamed_and_kept(cdp: Cdp) -> None:
    cdp("events", "virtual", "add", "big_order", "--name", "Big Order", "--event",
        "Order Completed", "--where", "properties.total > 100")  # fmt: skip
    cdp("traits", "add", "orders", "--value", 'count("Big Order")')
    cdp("audiences", "add", "big", "--who", "traits.orders > 3")
    shown = cdp("traits", "show", "orders").out
    assert "used by      big" in shown and "uses         big_order" in shown
    assert cdp.refuses("traits", "remove", "orders", "--yes") == (
        "cdp: the computed trait orders can't go: orders is used by the audience big (who)\n"
    )
    [renamed] = cdp.json("traits", "rename", "orders", "--key", "large_orders")
    assert renamed["used_by"] == [{"kind": "audience", "key": "big"}]
    assert cdp.json("audiences", "show", "big")[0]["who"] == "traits.large_orders > 3"
    cdp("events", "virtual", "rename", "big_order", "--name", "Huge Order")
    [trait] = cdp.json("traits", "list")
    assert trait["value"] == 'count("Huge Order")'
    assert "Huge Order" in cdp("events", "virtual", "list").out


def test_what_looks_wrong_is_told_beside_what_was_done(cdp: Cdp, space: Space) -> None:
    space.send(*ana())
    done = cdp("audiences", "add", "x", "--who", 'count("Order Complete") > 0')
    assert done.err == (
        "warning: who: line 1, column 7: Order Complete has never been seen. "
        "Did you mean Order Completed?\n"
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("audiences", "add", "x", "--who", "traits.a ="), "who: line 1, column 11: the condition"),
        (("audiences", "add", "x"), "who: Say who is in it"),
        (("audiences", "add", "X y", "--who", "true"), "key: A key is small letters"),
        (("audiences", "add", "x", "--who", 'audience("y")'), "there is no audience y"),
        (("audiences", "add", "x", "--static", "--who", "true"), "has no condition"),
        (("audiences", "show", "nothing"), "there is no audience nothing"),
        (("audiences", "edit", "nothing", "--name", "x"), "there is no audience nothing"),
        (("audiences", "archive", "nothing"), "there is no audience nothing"),
        (("audiences", "history", "nothing"), "there is no audience nothing"),
        (("audiences", "revert", "nothing", "1"), "there is no audience nothing"),
        (("audiences", "rename", "nothing", "--key", "x"), "there is no audience nothing"),
        (("traits", "remove", "nothing", "--yes"), "there is no computed trait nothing"),
        (("traits", "add", "x", "--value", "1 = 1"), "is an audience"),
    ],
)
def test_a_refusal_is_one_clear_line(cdp: Cdp, words: tuple[str, ...], says: str) -> None:
    assert says in cdp.refuses(*words)


def test_an_edit_of_a_version_that_is_gone_is_refused(cdp: Cdp) -> None:
    cdp("audiences", "add", "x", "--who", "true")
    assert "already" in cdp.refuses("audiences", "add", "x", "--who", "true")
    cdp("audiences", "edit", "x", "--who", "traits.a = 1", "--version", "1")
    said = cdp.refuses("audiences", "edit", "x", "--who", "traits.a = 2", "--version", "1")
    assert "the audience x is at version 2" in said
    assert "version 2" in cdp.refuses("audiences", "remove", "x", "--yes", "--version", "1")


def test_wrong_usage_exits_with_2(cdp: Cdp) -> None:
    cdp.refuses("audiences", "rename", "x", code=2)
    cdp.refuses("events", "virtual", "add", "x", code=2)
    cdp.refuses("audiences", "revert", "x", "one", code=2)


def test_templates_layouts_and_snippets(cdp: Cdp, tmp_path: Path) -> None:
    body = tmp_path / "welcome.md"
    body.write_text("# Hi {{ customer.first_name }}\n\n{{ snippets.foot }}\n")
    cdp("snippets", "add", "foot", "--body", "Shop, *1 Main Street*")
    cdp("layouts", "add", "page", "--body", "<html><body>{{ content }}</body></html>")
    [made] = cdp.json(
        "templates", "add", "welcome", "--channel", "email", "--subject", "Hi", "--layout", "page",
        "--body", f"@{body}", "--locales", '{"pl": {"subject": "Cześć"}}', "--no-tracked",
    )  # fmt: skip
    assert made["body"] == body.read_text() and made["locales"]["pl"] == {"subject": "Cześć"}
    assert (made["tracked"], made["inline_css"], made["missing"]) == (False, True, "fail")
    assert {(use["kind"], use["key"]) for use in made["uses"]} == {
        ("snippet", "foot"), ("layout", "page"),
    }  # fmt: skip
    assert "email" in cdp("templates", "list").out
    [edited] = cdp.json("templates", "edit", "welcome", "--locales", "", "--subject", "Hello")
    assert (edited["locales"], edited["version"]) == (None, 2)
    assert "used by the template welcome" in cdp.refuses("snippets", "remove", "foot", "--yes")
    assert "line 1, column 4" in cdp.refuses("templates", "edit", "welcome", "--subject", "Hi {{")
    assert "no JSON" in cdp.refuses("templates", "edit", "welcome", "--utm", "{", code=2)
    assert "No such file" in cdp.refuses("templates", "edit", "welcome", "--body", "@no", code=2)
    cdp("snippets", "rename", "foot", "--key", "footer")
    assert "{{ snippets.footer }}" in cdp.json("templates", "show", "welcome")[0]["body"]


def test_the_data_of_a_push_is_no_folder(cdp: Cdp) -> None:
    [made] = cdp.json("templates", "add", "p", "--channel", "push", "--app-data", '{"a": "b"}')
    assert made["data"] == {"a": "b"}
    assert cdp.json("templates", "edit", "p", "--app-data", "", "--title", "x")[0]["data"] is None


def test_a_template_before_it_is_sent(cdp: Cdp, space: Space, tmp_path: Path) -> None:
    space.send(*ana())
    cdp("templates", "add", "hi", "--channel", "email", "--subject", "Hi {{ customer.name }}",
        "--body", "<p>You are on {{ customer.plan }}, {{ event.total }}</p>",
        "--preheader", "x")  # fmt: skip
    rows = cdp.json("templates", "lint")
    assert {(row["template"], row["code"]) for row in rows} == {("hi", "no_default")}
    assert "no_default" in cdp("templates", "lint", "hi").out
    rows = cdp.json("templates", "variables", "hi")
    assert {row["name"]: row["share"] for row in rows} == {
        "customer.name": 1.0, "customer.plan": 1.0, "event.total": None,
    }  # fmt: skip
    assert "100.0%" in cdp("templates", "variables", "hi").out
    assert "no audience vip" in cdp.refuses("templates", "variables", "hi", "--audience", "vip")
    (tmp_path / "given.json").write_text('{"event": {"total": 3}}')
    words = ("templates", "preview", "hi", "--person", "user_id:u1", "--given")
    [told] = cdp.json(*words, f"@{tmp_path / 'given.json'}")
    assert told["fields"]["subject"] == "Hi Ana Kowalska"
    assert (
        cdp(*words, '{"event": {"total": 3}}', "--html").out.lower().startswith("<!doctype html>")
    )
    assert "body: event.total has no value and no default" in cdp.refuses(*words, "{}")
    assert "--given takes an object" in cdp.refuses(*words, "3")
    cdp("templates", "edit", "hi", "--body", '<a href="">x</a>')
    assert cdp.run("templates", "lint").code == 1
    cdp("templates", "edit", "hi", "--body", "Hi", "--subject", "Hi")
    assert "nothing looks wrong" in cdp("templates", "lint").err


def test_a_trait_by_sql_is_tried_added_and_asked_again(cdp: Cdp, space: Space) -> None:
    space.send(*ana())
    query = "select value, type from identifiers where type = 'user_id'"
    assert cdp.json("traits", "try", query) == [{"value": "u1", "type": "user_id"}]
    assert cdp.refuses("traits", "try", "drop table profiles") == (
        "cdp: a query begins with SELECT or WITH; it can only read\n"
    )
    sql = "select profile_id, number from traits where trait = 'visits'"
    reads = ("--reads", "traits.visits", "--reads", 'properties.total of "Order Completed"')
    [made] = cdp.json("traits", "add", "visits_now", "--sql", sql, *reads)
    assert (made["sql"], made["every"]) == (sql, "1d")
    assert made["reads"] == ["traits.visits", 'properties.total of "Order Completed"']
    [run] = cdp.json("traits", "run", "visits_now")
    assert (run["state"], run["next_at"]) == ("waiting", None)
    assert "waiting" in cdp("traits", "run", "visits_now", "--show").out
    cdp("traits", "add", "orders", "--value", 'count("Order Completed")')
    assert "not by a query" in cdp.refuses("traits", "run", "orders")


def test_a_warehouse_is_named_in_the_settings_looked_at_and_asked(
    cdp: Cdp, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = cdp.folder / "shop.db"
    with sqlite3.connect(file) as tx:
        tx.execute("create table spent as select 'u1' as user_id, 7 as value")
    monkeypatch.setenv("CDP_WAREHOUSE_SHOP", f"sqlite:///{file}")
    query = "select user_id, value from spent"
    [row] = cdp.json("traits", "try", query, "--warehouse", "shop")
    assert row == {"user_id": "u1", "value": 7}
    assert "Did you mean shop" in cdp.refuses("traits", "try", query, "--warehouse", "shp")
    [made] = cdp.json("traits", "add", "spent", "--sql", query, "--warehouse", "shop")
    assert (made["warehouse"], made["every"]) == ("shop", "1d")
    assert "warehouse: shop answers (sqlite)" in cdp.run("doctor", "--quick").out
    monkeypatch.setenv("CDP_WAREHOUSE_SHOP", "postgresql://me:s3cret@127.0.0.1:1/x")
    done = cdp.run("doctor", "--quick")
    assert "the warehouse shop can't be reached" in done.out and "asks it" in done.out
    assert done.code == 1 and "s3cret" not in done.out + cdp("config").out
    with space.store.write() as tx:
        elsewhere.know_warehouses(tx, ["shop"])
    files = cdp.folder / "files" / "computed-traits"
    files.mkdir(parents=True)
    body = f"kind: computed_trait\nkey: spent_2\nsql: {query}\nwarehouse: shp\n"
    (files / "spent_2.yaml").write_text(body)
    said = cdp.run("plan", str(files.parent))
    assert said.code != 0 and "no warehouse shp. Did you mean shop" in said.out + said.err


def test_a_list_is_kept_by_hand(cdp: Cdp, space: Space, tmp_path: Path) -> None:
    space.send(*ana())
    cdp("audiences", "add", "vips", "--static")
    assert "that is kept by hand" in cdp.refuses("audiences", "put", "vips", "u1")
    space.pipeline.settle()
    (tmp_path / "some.csv").write_text("user_id:u1,x\nnobody\n")
    done = cdp.json("audiences", "put", "vips", "--file", str(tmp_path / "some.csv"))
    assert done == [{"changed": 1, "unknown": ["user_id:nobody"]}]
    [member] = cdp.json("audiences", "members", "vips")
    assert member["user_id"] == "u1"
    assert ",u1," in cdp("audiences", "members", "vips").out
    assert cdp.json("audiences", "take", "vips", "u1") == [{"changed": 1, "unknown": []}]
    assert "name somebody" in cdp.refuses("audiences", "take", "vips")
    assert "no audience other" in cdp.refuses("audiences", "members", "other")
