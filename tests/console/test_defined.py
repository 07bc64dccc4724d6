"""Audiences, computed traits and virtual events: lists, forms, versions."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from cdp.console.audiences import preview
from cdp.store import config_rows, definitions
from cdp.store.audiences import counting
from tests.console.factory import Browser, World, words
from tests.console.test_auth import viewer_of

ORDERS = 'count("Order Completed" within 30d) >= 3'


def define(admin: Browser, **fields: str) -> None:
    response = admin.post("/audiences/-new", **{"name": "Loyal", "who": ORDERS, **fields})
    assert response.status_code == 303, response.text


def seen(page: str) -> str:
    found = re.search(r'name="seen" value="(\d+)"', page)
    assert found is not None
    return found.group(1)


def test_empty_lists_teach(admin: Browser) -> None:
    assert "No audiences yet" in admin.page("/audiences")
    assert "No computed traits yet" in admin.page("/catalogue/computed-traits")
    assert "No virtual events yet" in admin.page("/catalogue/virtual-events")


def test_an_audience_is_made_with_a_key_from_its_name_and_told_in_words(
    world: World, admin: Browser
) -> None:
    response = admin.post("/audiences/-new", name="Treue Käufer!", who=f" {ORDERS} ")
    assert response.location == "/audiences/treue_kaufer"
    text = words(admin.page("/audiences"))
    assert "Treue Käufer! Did “Order Completed” at least 3 times in the last 30 days." in text
    page = words(admin.page("/audiences/treue_kaufer/definition"))
    assert "at least 3 times" in page and "Version 1, by token" in page
    with world.store.read() as tx:
        found = definitions.current(tx, "audience", "treue_kaufer")
    assert found is not None and found.body == {"name": "Treue Käufer!", "who": ORDERS}


def test_what_is_wrong_stands_at_its_field_and_the_form_is_kept(admin: Browser) -> None:
    response = admin.post("/audiences/-new", name="A", who="count('A') >", description="kept")
    assert response.status_code == 422
    text = words(response.text)
    assert "Line 1, column 13: the condition ends here" in text and "kept" in response.text
    assert "Say who is in it" in admin.post("/audiences/-new", name="A").text
    assert "A key is small letters" in admin.post("/audiences/-new", name="!", who=ORDERS).text
    define(admin)
    twice = admin.post("/audiences/-new", name="Loyal", who=ORDERS)
    assert twice.status_code == 422 and "There is an audience loyal already" in words(twice.text)


def test_a_change_is_a_version_that_can_be_taken_back(world: World, admin: Browser) -> None:
    define(admin)
    edit = admin.page("/audiences/loyal/edit")
    admin.post("/audiences/loyal/edit", seen=seen(edit), name="Loyal", who='performed("A")')
    page = words(admin.page("/audiences/loyal/versions"))
    assert "count(&#34;Order Completed&#34; within 30d) &gt;= 3" in page and "holds now" in page
    assert admin.post("/audiences/loyal/versions", to="1").status_code == 303
    assert "at least 3 times" in words(admin.page("/audiences/loyal"))
    admin.post("/audiences/loyal/versions", to="9")
    assert "Version 9 can't hold again" in words(admin.page("/audiences")).replace("&#39;", "'")


def test_two_editors_see_each_other(admin: Browser) -> None:
    define(admin)
    stale = seen(admin.page("/audiences/loyal/edit"))
    admin.post("/audiences/loyal/edit", seen=stale, name="Loyal", who='performed("Theirs")')
    mine = {"name": "Loyal", "who": 'performed("Mine")'}
    answer = admin.post("/audiences/loyal/edit", seen=stale, **mine)
    text = words(answer.text)
    assert answer.status_code == 422 and "has changed it since you opened it" in text
    assert "Theirs" in text and "Mine" in answer.text
    assert admin.post("/audiences/loyal/edit", seen=seen(answer.text), **mine).status_code == 303
    assert "Mine" in admin.page("/audiences/loyal/definition")


def test_one_that_others_use_stays_and_says_why(admin: Browser) -> None:
    define(admin)
    define(admin, name="Fans", who='audience("loyal") and traits.plan = "pro"')
    page = words(admin.page("/audiences/loyal/definition"))
    assert "Used by Fans audience" in page and "can't be removed while others use it" in page
    assert "What asks for it finds nobody then: Fans" in page
    admin.post("/audiences/loyal/remove", confirm="loyal")
    assert "Not removed" in words(admin.page("/audiences/loyal"))
    assert words(admin.page("/audiences")).count("Loyal") == 1
    admin.post("/audiences/fans/remove", confirm="wrong")
    assert "type fans to go on" in admin.page("/audiences/fans")
    admin.post("/audiences/fans/remove", confirm="fans")
    admin.post("/audiences/loyal/remove", confirm="loyal")
    assert "No audiences yet" in admin.page("/audiences")
    assert "that was removed" in admin.page("/audiences/loyal")
    admin.post("/audiences/loyal/versions", to="1")
    assert "at least 3 times" in admin.page("/audiences/loyal")


def test_what_is_archived_itself_is_not_said_to_find_nobody(admin: Browser) -> None:
    define(admin)
    define(admin, name="Fans", who='audience("loyal") and traits.plan = "pro"')
    admin.post("/audiences/fans/state", what="archive")
    page = words(admin.page("/audiences/loyal/definition"))
    assert "Used by Fans audience, archived" in page and "finds nobody then" not in page
    assert "It can't be removed while others use it: Fans" in page


def test_an_archived_audience_can_be_used_again(admin: Browser) -> None:
    define(admin)
    admin.post("/audiences/loyal/state", what="archive")
    assert "archived" in words(admin.page("/audiences"))
    shown = words(admin.page("/audiences/loyal"))
    assert "so nobody is in it" in shown and "Not worked out yet" not in shown
    admin.post("/audiences/loyal/state", what="use")
    assert "archived" not in words(admin.page("/audiences/loyal"))


def test_computed_traits_and_virtual_events_are_used_by_audiences(admin: Browser) -> None:
    spent = {"name": "Spent", "value": 'sum(properties.total of "Order Completed")'}
    assert admin.post("/catalogue/computed-traits/-new", **spent).status_code == 303
    big = {"name": "Big Order", "event": "Order Completed", "where": "properties.total > 100"}
    assert admin.post("/catalogue/virtual-events/-new", **big).status_code == 303
    define(admin, name="Big", who='traits.spent > 500 and performed("Big Order")')
    events = words(admin.page("/catalogue/virtual-events"))
    assert "“Order Completed” where total is more than 100." in events
    trait = words(admin.page("/catalogue/computed-traits/spent"))
    assert "The sum of total of “Order Completed”." in trait and "Used by Big audience" in trait
    form = admin.page("/catalogue/virtual-events/-new?event=Order+Completed")
    assert 'value="Order Completed"' in form
    yes_or_no = {"name": "X", "value": "traits.a = 1"}
    wrong = admin.post("/catalogue/computed-traits/-new", **yes_or_no)
    assert wrong.status_code == 422 and "a yes or no about somebody is an audience" in wrong.text
    for kind in ("audience", "computed_trait", "virtual_event"):
        picks = admin.get("/conditions/pick?kind=start&context=person&q=").json
        assert picks, kind
    found = [o["label"] for o in admin.get("/conditions/pick?kind=start&context=person&q=").json]
    assert {"Big Order", "spent", "big"} <= set(found)
    assert "/audiences/big" in admin.page("/find?q=big")


def test_what_is_not_there_is_404_and_a_viewer_changes_nothing(
    world: World, admin: Browser
) -> None:
    for address in ("/audiences/never", "/audiences/never/edit", "/catalogue/virtual-events/x"):
        assert admin.get(address).status_code == 404, address
    define(admin)
    assert admin.get("/audiences/loyal/nonsense").status_code == 404
    admin.post("/settings/users", name="vera", role="viewer", password="a long password 123")
    viewer = world.client()
    viewer.post("/login", name="vera", secret="a long password 123")
    assert "Build an audience" not in viewer.page("/audiences")
    assert viewer.post("/audiences/loyal/remove", confirm="loyal").status_code == 403
    assert "look at everything and change nothing" in viewer.page("/audiences/-new")


def buy(user: str, total: int) -> dict[str, Any]:
    properties = {"total": total}
    return {"type": "track", "event": "Order Completed", "userId": user, "properties": properties}


def test_the_size_is_counted_before_anything_is_saved(world: World, admin: Browser) -> None:
    named = {"type": "identify", "userId": "u1", "traits": {"name": "Ana"}}
    world.send(buy("u1", 120), buy("u2", 20), named)
    big = {"name": "Big Order", "event": "Order Completed", "where": "properties.total > 100"}
    assert admin.post("/catalogue/virtual-events/-new", **big).status_code == 303
    said = admin.post("/audiences/-preview", text='performed("Big Order")', of="people")
    text = words(said.text)
    assert "1 person now, 50 % of 2" in text and "Ana" in text and "<html" not in said.text
    both = words(admin.post("/audiences/-preview", text='performed("Order Completed")').text)
    assert "2 people now, 100 % of 2" in both
    assert "0 accounts now" in words(
        admin.post("/audiences/-preview", text='performed("Big Order")', of="accounts").text
    )
    assert admin.post("/audiences/-preview", text="properties.a = 1").status_code == 400
    assert admin.post("/audiences/-preview", text="").status_code == 400


def test_what_takes_too_long_to_count_is_not_counted_again_for_a_curve(
    world: World, admin: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"text": 'performed("Order Completed")'}
    assert "data-growth" in admin.post("/audiences/-preview", **asked).text
    monkeypatch.setattr(preview, "SECONDS", 0.0)
    said = admin.post("/audiences/-preview", **asked).text
    assert "data-growth" not in said
    assert "how it grew is drawn once the audience is saved" in words(said)


def test_a_first_answer_is_an_estimate_and_says_so(
    world: World, admin: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.send(*(buy(f"u{number}", 120) for number in range(40)))
    monkeypatch.setattr(counting, "AT_FIRST", 20)
    monkeypatch.setattr(counting, "AT_FIRST_SECONDS", 60)
    asked = {"text": 'performed("Order Completed")', "asker": "ana"}
    said = admin.post("/audiences/-preview", **asked, soon="1").text
    text = words(said)
    assert "about 40 people now" in text and "A first estimate: with 95 % certainty" in text
    assert "20 were looked at one by one; everybody is being counted" in text
    assert "No other audience" not in text and '<div class="grown"></div>' in said
    said = admin.post("/audiences/-preview", **asked).text
    assert "40 people now" in words(said) and "about" not in words(said)
    # What can't be counted in the time that it may take stays an estimate.
    monkeypatch.setattr("cdp.store.audiences.preview.LONGEST", -1.0)
    monkeypatch.setattr("cdp.store.stopping._STEPS", 1)
    text = words(admin.post("/audiences/-preview", **asked).text)
    assert "about 40 people now" in text and "to count everybody takes longer than" in text
    growth = words(admin.post("/audiences/-growth", **asked).text)
    assert "how it grew is drawn once the audience is saved" in growth


def test_how_it_went_in_the_last_weeks_is_drawn_before_anything_is_saved(
    world: World, admin: Browser
) -> None:
    ago = world.now() - 10 * 86_400_000
    world.send({**buy("u1", 120), "timestamp": ago}, buy("u2", 20))
    said = admin.post("/audiences/-growth", text='performed("Order Completed")', of="people")
    text = words(said.text)
    assert "0 then, 2 people now" in text and 'class="spark"' in said.text
    numbers = re.findall(r'<td class="num">(\d+)</td>', said.text)
    assert numbers == ["0", "0", "0", "0", "0", "1", "1", "2"] and "<html" not in said.text
    assert admin.post("/audiences/-growth", text="properties.a = 1").status_code == 400
    viewer = viewer_of(world)
    assert viewer.post("/audiences/-growth", text='performed("X")').status_code == 403


def test_a_destination_is_chosen_in_the_form_and_its_state_is_shown(
    world: World, admin: Browser
) -> None:
    with world.store.write() as tx:
        config_rows.add_destination(tx, 1, "crm", "Our CRM", "webhook", None, {}, "test")
    page = admin.page("/audiences/-new")
    assert "Send to destinations" in page and "Our CRM" in page
    define(admin, **{"to:crm": "identify"})
    with world.store.read() as tx:
        found = definitions.current(tx, "audience", "loyal")
    assert found is not None and found.body is not None
    assert found.body["send_to"] == [{"destination": "crm", "as": ["identify"]}]
    text = words(admin.page("/audiences/loyal/definition"))
    assert "Sent to" in text and "crm identify begins" in text
    edit = admin.page("/audiences/loyal/edit")
    assert '<option value="identify" selected>' in edit
    admin.post("/audiences/loyal/edit", seen=seen(edit), name="Loyal", who=ORDERS, **{"to:crm": ""})
    with world.store.read() as tx:
        found = definitions.current(tx, "audience", "loyal")
    assert found is not None and found.body is not None and "send_to" not in found.body
    wrong = admin.post("/audiences/-new", name="X", who=ORDERS, **{"to:gone": "identify"})
    assert wrong.status_code == 422 and "There is no destination gone" in words(wrong.text)


def test_a_trait_is_worked_out_by_a_query(world: World, admin: Browser) -> None:
    new = "/catalogue/computed-traits/-new"
    sql = "select profile_id, 1 as value\nfrom people"
    wrong = admin.post(new, name="Spent", sql="delete from people", every="1s", reads="plan")
    text = words(wrong.text)
    assert wrong.status_code == 422 and "delete from people" in wrong.text
    assert "It can only read" in text or "it can only read" in text
    assert "every 5 minutes at most" in text and "neither like traits.plan" in text
    reads = "traits.plan\r\nproperties.total of &quot;A&quot;".replace("&quot;", '"')
    made = admin.post(new, name="Spent", sql=sql, every="6h", reads=reads)
    assert made.location == "/catalogue/computed-traits/spent"
    with world.store.read() as tx:
        found = definitions.current(tx, "computed_trait", "spent")
    assert found is not None and found.body == {
        "name": "Spent", "sql": sql, "every": "6h",
        "reads": ["traits.plan", 'properties.total of "A"'],
    }  # fmt: skip
    page = words(admin.page("/catalogue/computed-traits/spent"))
    assert "What a query says of each, asked every 6h." in page and "waiting" in page
    assert "as soon as it can be" in page
    assert admin.post("/catalogue/computed-traits/spent/run").status_code == 303
    edit = admin.page("/catalogue/computed-traits/spent/edit")
    assert "properties.total of &#34;A&#34;</textarea>" in edit


def test_a_query_is_tried_before_it_is_saved(world: World, admin: Browser) -> None:
    world.send(buy("u1", 120), buy("u2", 20))
    address = "/catalogue/computed-traits/-try"

    def tried(sql: str) -> str:
        form = {"csrf": admin.csrf(), "sql": sql}
        answer = admin.client.post(address, data=form, headers={"HX-Request": "true"})
        assert answer.status_code == 200 and "<html" not in answer.text
        return words(answer.text)

    sql = "select value as user_id, count(*) as n from identifiers group by value order by value"
    assert "Its first 2 rows. Nothing is kept of them. user_id n u1 1 u2 1" in tried(sql)
    assert "It returns no rows." in tried("select profile_id, 1 as n from people where 1 = 0")
    assert "must return whom and a value, two columns" in tried("select name from people")
    assert "A query begins with SELECT or WITH; it can only read" in tried("drop table people")
    assert "No such column: nme." in tried("select nme from people")
    assert "Write a query first." in tried("  ")
    whole = admin.post(address, sql=sql, name="Visits", key="visits").text
    assert 'value="Visits"' in whole and "Its first 2 rows" in words(whole)
    assert viewer_of(world).post(address, sql=sql).status_code == 403


def test_a_trait_is_asked_of_a_warehouse(world: World, admin: Browser, tmp_path: Path) -> None:
    new = "/catalogue/computed-traits/-new"
    assert "f-warehouse" not in admin.page(new)  # the settings name none
    warehouses = world.settings.warehouses
    warehouses["shop"] = f"sqlite:///{tmp_path / 'shop.db'}"
    with sqlite3.connect(tmp_path / "shop.db") as tx:
        tx.execute("create table spent as select 'u1' as user_id, 7 as value")
    asked = {"sql": "select * from spent", "warehouse": "shop"}
    tried = words(admin.post("/catalogue/computed-traits/-try", name="Spent", **asked).text)
    assert "Its only row. Nothing is kept of them. user_id value u1 7" in tried
    assert "The warehouse shop" in tried
    made = admin.post(new, name="Spent", **asked)
    assert made.location == "/catalogue/computed-traits/spent"
    page = words(admin.page("/catalogue/computed-traits/spent"))
    assert "What a query of the warehouse shop says of each" in page
    del warehouses["shop"]
    edit = words(admin.page("/catalogue/computed-traits/spent/edit"))
    assert "The warehouse shop (not in the settings)" in edit


def test_an_edit_says_who_would_enter_and_leave(world: World, admin: Browser) -> None:
    world.send(buy("u1", 120), buy("u2", 20), buy("u3", 20))
    define(admin, who='performed("Order Completed" where properties.total > 100)')
    world.pipeline.settle()

    def said(text: str) -> str:
        return words(admin.post("/audiences/-preview", text=text, key="loyal").text)

    low = 'performed("Order Completed" where properties.total < 100)'
    assert "Saved, +2 −1 people" in said(low)
    assert "The same people as now" in said(low.replace("<", ">"))
    assert "Saved" not in words(admin.post("/audiences/-preview", text=low).text)


def test_a_list_is_kept_by_hand(world: World, admin: Browser) -> None:
    admin.post("/settings/users", name="vera", role="viewer", password="a long password 123")
    viewer = world.client()
    viewer.post("/login", name="vera", secret="a long password 123")
    world.send(buy("u1", 120), buy("u2", 20))
    assert admin.post("/audiences/-new", name="VIPs", static="1").status_code == 303
    world.pipeline.settle()
    assert "Put the first ones on it below" in words(admin.page("/audiences/vips"))
    put = {"people": "u1\r\nuser_id:u2\r\nnobody", "type": "user_id", "what": "add"}
    assert admin.post("/audiences/vips/members", **put).status_code == 303
    page = words(admin.page("/audiences/vips"))
    assert "2 put on it" in page and "1 are known of nobody: user_id:nobody" in page
    table = admin.get("/audiences/vips/members.csv").text.splitlines()
    assert table[0] == "id,user_id,email,anonymous_id,since" and len(table) == 3
    assert "Members" in words(admin.page("/people/exports"))
    off = {"people": "u2", "type": "user_id", "what": "remove"}
    assert admin.post("/audiences/vips/members", **off).status_code == 303
    assert "1 taken off" in words(admin.page("/audiences/vips"))
    assert admin.post("/audiences/vips/members", people="", what="add").status_code == 303
    assert "Name somebody" in words(admin.page("/audiences/vips"))
    assert viewer.get("/audiences/vips/members.csv").status_code == 403
    assert viewer.post("/audiences/vips/members", **off).status_code == 403
    define(admin)
    assert admin.post("/audiences/loyal/members", **off).status_code == 404
