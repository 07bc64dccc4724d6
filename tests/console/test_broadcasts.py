"""The console's broadcasts: composed, checked, sent and cancelled without a terminal."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from cdp.delivery.broadcasts import acts, checking
from cdp.delivery.broadcasts.mover import Mover
from cdp.messaging.broadcasts.plan import plan_of
from cdp.store.defined import defining
from cdp.store.messages import broadcast_figures, broadcasts
from cdp.store.tables import deliveries
from tests.console.factory import World
from tests.console.test_masking import viewer_of

FORM = {"name": "Winter sale", "who": "everybody", "template": "sale", "when": "now"}


@pytest.fixture
def shop(world: World) -> World:
    world.send(
        {"type": "identify", "userId": "ana", "traits": {"email": "ana@example.com"}},
        {"type": "identify", "userId": "bo", "traits": {"plan": "pro"}},
    )
    with world.store.write() as tx:
        for key in ("sale", "sale_b"):
            body = {"channel": "email", "subject": "Hi", "body": "Hello {{ customer.email }}"}
            defining.put(tx, 1, ("template", key), body, "test")
    return world


def keep(world: World, **more: Any) -> str:
    """The key of a draft that a form made."""
    answer = world.admin().post("/messages/broadcasts/-new", **{**FORM, **more})
    assert answer.status_code == 303, answer.text
    return str(answer.location).rpartition("/")[2]


def test_the_first_page_teaches(shop: World) -> None:
    assert "No broadcast yet" in shop.admin().page("/messages/broadcasts")


def test_a_draft_is_composed_and_shown(shop: World) -> None:
    key = keep(shop)
    assert key == "winter-sale"
    assert "Winter sale" in shop.admin().page("/messages/broadcasts")
    page = shop.admin().page(f"/messages/broadcasts/{key}")
    assert "Before it goes" in page
    form = shop.admin().page(f"/messages/broadcasts/{key}/edit")
    assert 'value="Winter sale"' in form


def test_what_is_wrong_is_said_beside_the_form(shop: World) -> None:
    answer = shop.admin().post(
        "/messages/broadcasts/-new", **{**FORM, "who": "condition", "condition": "traits.a ="}
    )
    assert answer.status_code == 422
    assert "line 1" in answer.text
    assert 'value="Winter sale"' in answer.text
    answer = shop.admin().post("/messages/broadcasts/-new", **{**FORM, "holdout": "many"})
    assert "It must be a number." in answer.text


def test_the_form_counts_people(shop: World) -> None:
    path = "/messages/broadcasts/-count"
    assert "<strong>2</strong> people" in shop.admin().page(f"{path}?who=everybody")
    pro = shop.admin().page(f"{path}?who=condition&condition=traits.plan+%3D+%22pro%22")
    assert "<strong>1</strong> person" in pro
    assert "There is no audience vip" in shop.admin().page(f"{path}?who=audience&audience=vip")


def test_all_that_a_form_says_comes_back(shop: World) -> None:
    key = keep(
        shop, template_b="sale_b", share="70", test="20", winner="clicked", after="4h",
        when="local", local="2100-01-01T09:00", zone="Europe/Berlin", late="next_day",
        holdout="5", per_minute="100", goal="Order Completed", within="3d", no_copy="1",
    )  # fmt: skip
    with shop.store.read() as tx:
        before = broadcasts.find(tx, key).body
    page = shop.admin().page(f"/messages/broadcasts/{key}/edit")
    assert 'value="70"' in page and "2100-01-01T09:00" in page
    assert all(f'value="{number}"' in page for number in (20, 5, 100)) and '.0"' not in page
    assert before["test"] == {"share": 20.0, "winner": "clicked", "after": "4h"}
    assert before["when"]["zone"] == "Europe/Berlin"
    assert [item["share"] for item in before["variants"]] == [70.0, 30.0]


def test_several_versions_share_what_is_left_and_keep_their_names(shop: World) -> None:
    key = keep(shop, template_b="sale_b", template_c="sale", share_c="50")
    with shop.store.write() as tx:
        row = broadcasts.find(tx, key)
        said = row.body["variants"]
        assert [(one["name"], one["share"]) for one in said] == [("a", 25), ("b", 25), ("c", 50)]
        named = [{**one, "name": f"kind {n}"} for n, one in enumerate(said)]
        acts.edit(tx, row.id, {**row.body, "variants": named}, shop.now())
    page = shop.admin().page(f"/messages/broadcasts/{key}/edit")
    assert "Version kind 1" in page and 'value="50"' in page and 'id="f-template_d"' in page
    names = {f"name_{letter}": f"kind {n}" for n, letter in enumerate("abc")}
    form = {**FORM, **names, "template_b": "sale_b", "share": "20", "template_c": "sale",
            "template_d": "sale_b", "share_d": "20"}  # fmt: skip
    assert shop.admin().post(f"/messages/broadcasts/{key}/edit", **form).status_code == 303
    with shop.store.read() as tx:
        said = broadcasts.find(tx, key).body["variants"]
    assert [(one["name"], one["share"]) for one in said] == [
        ("kind 0", 20), ("kind 1", 30), ("kind 2", 30), ("a", 20),
    ]  # fmt: skip
    full = {**FORM, "template_b": "sale_b", "share_b": "100"}
    answer = shop.admin().post("/messages/broadcasts/-new", **full)
    assert answer.status_code == 422 and "Nothing is left for the versions" in answer.text


def test_several_channels_are_chosen_checked_and_reported(shop: World) -> None:
    with shop.store.write() as tx:
        said = {"channel": "sms", "body": "Hi", "name": "Sale by text"}
        defining.put(tx, 1, ("template", "sale_sms"), said, "test")
    shop.send(
        {"type": "identify", "userId": "ana", "traits": {"phone": "+48600700800"}},
        {"type": "identify", "userId": "cy", "traits": {"email": "cy@example.com"}},
    )
    few = shop.admin().post("/messages/broadcasts/-new", **{**FORM, "way": "several"},
                            chain=["sale_sms", "", ""])  # fmt: skip
    assert few.status_code == 422 and "two channels at least" in few.text
    assert '<option value="sale_sms" selected>' in few.text
    key = keep(shop, way="several", chain=["sale_sms", "sale", ""], unread_for="2h")
    with shop.store.read() as tx:
        row = broadcasts.find(tx, key)
    assert row.body["channels"] == [
        {"channel": "sms", "template": "sale_sms"}, {"channel": "email", "template": "sale"},
    ]  # fmt: skip
    assert row.body["escalate"] == {"unread_for": "2h"} and "template" not in row.body
    form = shop.admin().page(f"/messages/broadcasts/{key}/edit")
    assert 'value="2h"' in form and '<optgroup label="Text message">' in form
    with shop.store.read() as tx:
        tried = checking.rehearse(shop.store, shop.settings, plan_of(row.body), 1)
    said_ = [item.text for item in checking.reached(tried, plan_of(row.body))]
    assert said_ == ["1 person would get it by sms (sale_sms).",
                     "1 person would get it by email (sale)."]  # fmt: skip
    draft = shop.admin().page(f"/messages/broadcasts/{key}")
    assert "Text message: sale_sms" in draft and "Email: sale" in draft
    act(shop, key, "start")
    mover = Mover(shop.store)
    while mover.step() == 0.0:
        pass
    page = shop.admin().page(f"/messages/broadcasts/{key}")
    assert "By channel" in page and 'data-row="sms"' in page
    # One message again: the channels go.
    back = keep(shop, way="several", name="Other", chain=["sale_sms", "sale"])
    shop.admin().post(f"/messages/broadcasts/{back}/edit", **FORM, way="one")
    with shop.store.read() as tx:
        body = broadcasts.find(tx, back).body
    assert body["template"] == "sale" and "channels" not in body


def test_topic_warm_up_and_calls_are_kept_and_shown(shop: World) -> None:
    with shop.store.write() as tx:
        defining.put(tx, 1, ("topic", "news"), {"name": "News"}, "test")
    key = keep(shop, when="called", topic="news", ramp_first="1000", ramp_factor="3")
    with shop.store.read() as tx:
        body = broadcasts.find(tx, key).body
    assert (body["triggered"], body["topic"]) == (True, "news")
    assert body["ramp"] == {"first_day": 1000, "factor": 3.0} and "when" not in body
    form = shop.admin().page(f"/messages/broadcasts/{key}/edit")
    assert 'value="called" checked' in form and '<option value="news" selected>News' in form
    assert 'name="ramp_first" type="number" value="1000"' in form
    shop.admin().post(f"/messages/broadcasts/{key}/edit", **FORM, topic="", ramp_first="")
    with shop.store.read() as tx:
        body = broadcasts.find(tx, key).body
    assert not {"triggered", "topic", "ramp"} & set(body)
    wrong = shop.admin().post("/messages/broadcasts/-new", **FORM, ramp_first="0")
    assert wrong.status_code == 422 and 'value="Winter sale"' in wrong.text


def act(world: World, key: str, action: str, **more: str) -> None:
    answer = world.admin().post(f"/messages/broadcasts/{key}", action=action, **more)
    assert answer.status_code == 303


def state(world: World, key: str) -> str:
    with world.store.read() as tx:
        return broadcasts.find(tx, key).state


def test_it_goes_is_paused_and_goes_on(shop: World) -> None:
    key = keep(shop, per_minute="1")
    act(shop, key, "start")
    mover = Mover(shop.store)
    while mover.step() == 0.0:
        pass
    page = shop.admin().page(f"/messages/broadcasts/{key}")
    assert "Sending" in page and 'hx-trigger="every 3s"' in page
    assert "Who waits, and why" not in page
    with shop.store.write() as tx:
        tx.execute(update(deliveries).values(reason="quiet_hours: night"))
    page = shop.admin().page(f"/messages/broadcasts/{key}")
    assert "Who waits, and why" in page and "It is quiet hours for them" in page
    act(shop, key, "pause")
    assert state(shop, key) == "paused"
    mover.step()
    with shop.store.read() as tx:
        id_ = broadcasts.find(tx, key).id
        assert broadcast_figures.states(tx, id_) == {"paused": 1}
    assert "Paused" in shop.admin().page(f"/messages?origin_key={id_}")
    act(shop, key, "resume")
    assert state(shop, key) == "sending"


def test_a_cancel_asks_for_the_name(shop: World) -> None:
    key = keep(shop)
    act(shop, key, "start")
    act(shop, key, "cancel", confirm="yes")
    assert state(shop, key) == "scheduled"
    act(shop, key, "cancel", confirm="Winter sale")
    assert state(shop, key) == "cancelled"


def test_a_viewer_looks_and_changes_nothing(shop: World) -> None:
    key = keep(shop)
    viewer = viewer_of(shop)
    page = viewer.page(f"/messages/broadcasts/{key}")
    assert "ana@example.com" not in page and "Delete broadcast" not in page
    assert viewer.get(f"/messages/broadcasts/{key}/letter").status_code == 404
    assert viewer.post(f"/messages/broadcasts/{key}", action="start").status_code == 403


def test_the_message_is_shown_as_a_person_gets_it(shop: World) -> None:
    key = keep(shop)
    answer = shop.admin().get(f"/messages/broadcasts/{key}/letter?person=ana@example.com")
    assert "Hello ana@example.com" in answer.text
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    with shop.store.write() as tx:
        body = {"channel": "email", "subject": "{{ trigger.head }}", "body": "x"}
        defining.put(tx, 2, ("template", "sale"), body, "test")
    address = f"/messages/broadcasts/{key}/letter?person=ana@example.com"
    assert (
        "once a call brings what it says (subject: trigger.head" in shop.admin().get(address).text
    )
    with shop.store.write() as tx:
        defining.put(tx, 3, ("template", "sale"), {**body, "subject": "{{ event.n }}"}, "test")
    assert "There is no message: the template says" in shop.admin().get(address).text
    nobody = shop.admin().get(f"/messages/broadcasts/{key}/letter?person=<b>")
    assert "Nobody is like this" in nobody.text
