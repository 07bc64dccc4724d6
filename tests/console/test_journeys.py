"""The console's journeys: drawn, kept, launched, watched and changed without a terminal."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from cdp.console.auth import hasher
from cdp.console.journeys.shapes import journey_shape, shapes
from cdp.delivery.journeys.linting import findings
from cdp.journeys.recipes import recipes
from cdp.journeys.steps import STEPS
from cdp.journeys.steps.brought import BroughtStep
from cdp.pipeline.journeys.backtests import Backtesting
from cdp.plugin import GoOn, JourneyStep, SettingsSchema, StepMoment
from cdp.plugin.manager import Plugins
from cdp.store import config_rows, definitions
from cdp.store.defined import defining
from cdp.store.journeys import backtests
from cdp.store.journeys import drafts as journey_drafts
from cdp.store.journeys import launched as journeys
from cdp.store.journeys.backtests import Backtest
from tests.console.factory import Browser, World, words
from tests.console.test_masking import viewer_of
from tests.folder import shop as files

BODY: dict[str, Any] = {
    "name": "Orders",
    "trigger": {"event": "Order Completed"},
    "entry": "every_time",
    "steps": [
        {"approval": {"question": "Go on?", "on_reject": [{"exit": "refused"}]}},
        {"wait_until": {"event": "Paid", "timeout": "3d", "on_timeout": [{"exit": "unpaid"}]}},
    ],
}
ASKS = {"ask-signed_up": "Signed Up", "ask-began": "Order Completed", "ask-first_name": "name"}


def given_of(page: str) -> dict[str, Any]:
    """What a page hands to its canvas."""
    found = re.search(r'<script type="application/json">(.*?)</script>', page, re.S)
    assert found is not None
    given: dict[str, Any] = json.loads(found.group(1))
    return given


def posted(browser: Browser, address: str, **body: Any) -> Any:
    """The answer to JSON as the canvas sends it."""
    return browser.client.post(address, json=body, headers={"X-CSRF-Token": browser.csrf()})


def draw(world: World, key: str = "orders", **more: Any) -> None:
    with world.store.write() as tx:
        journey_drafts.put(tx, key, {**BODY, **more}, 0, 0, "test", world.now())


def launch(world: World, key: str = "orders", **form: Any) -> str:
    answer = world.admin().post(f"/journeys/{key}/launch", **form)
    assert answer.status_code == 303, answer.text
    assert answer.location == f"/journeys/{key}", world.admin().page(answer.location)
    world.pipeline.settle()
    return str(answer.location)


def order(user: str, event: str = "Order Completed") -> dict[str, Any]:
    return {
        "type": "track",
        "userId": user,
        "event": event,
        "properties": {"order_id": f"o-{user}"},
    }


def test_the_first_page_teaches(world: World) -> None:
    assert "No journeys yet" in world.admin().page("/journeys")


def test_a_recipe_makes_a_draft_and_its_messages(world: World) -> None:
    world.send({"type": "track", "userId": "u1", "event": "sign_up"})
    admin = world.admin()
    assert 'value="sign_up"' in admin.page("/journeys/-new/welcome")
    answer = admin.post("/journeys/-new/welcome", name="Welcome series", **ASKS)
    assert answer.location == "/journeys/welcome_series/edit"
    given = given_of(admin.page(answer.location))
    assert given["said"]["faults"] == []
    assert given["titles"]["template"]["welcome_series_hello"]["sub"] == "Email"
    assert "Welcome series" in admin.page("/journeys")
    # The same name once more is another journey.
    again = admin.post("/journeys/-new/welcome", name="Welcome series", **ASKS)
    assert again.location == "/journeys/welcome_series_2/edit"
    empty = admin.post(
        "/journeys/-new/welcome", name="Other",
        **{**ASKS, "ask-signed_up": "", "ask-link": "shop.example/x"},
    )  # fmt: skip
    assert empty.status_code == 422 and "Say what it is called." in empty.text
    assert "Write the whole address" in empty.text and 'value="shop.example/x"' in empty.text


def test_a_recipe_goes_by_the_channel_and_topic_that_are_chosen(world: World) -> None:
    admin = world.admin()
    assert "Tips and offers (a new topic)" in admin.page("/journeys/-new/welcome")
    admin.post("/journeys/-new/welcome", name="Ho", topic="tips_and_offers", **ASKS)
    assert "a new topic" not in admin.page("/journeys/-new/welcome")
    with world.store.read() as tx:
        hello = definitions.current(tx, "template", "ho_hello")
        assert hello is not None and hello.body is not None
        assert hello.body["topic"] == "tips_and_offers"
        draft = journey_drafts.one(tx, "ho")
        assert draft is not None
        assert "no topic" not in str([one.text for one in findings(tx, "ho", draft.body)])
    with world.store.write() as tx:
        defining.put(tx, world.now(), ("topic", "news"), {"name": "News"}, "test")
    assert 'name="topic"' in admin.page("/journeys/-new/welcome")
    # What people have bought is no advertising, and of no topic.
    assert 'name="topic"' not in admin.page("/journeys/-new/dunning")
    admin.post("/journeys/-new/welcome", name="Hi", channel="in_app", topic="news", **ASKS)
    with world.store.read() as tx:
        hello = definitions.current(tx, "template", "hi_hello")
    assert hello is not None and hello.body is not None
    assert (hello.body["channel"], hello.body["topic"]) == ("in_app", "news")


def test_a_recipe_offers_the_properties_of_the_event_it_asks_for(world: World) -> None:
    world.send({"type": "track", "userId": "u1", "event": "Survey Answered",
                "properties": {"nps_score": 9}})  # fmt: skip
    page = world.admin().page("/journeys/-new/nps")
    assert 'value="Survey Answered"' in page and 'value="nps_score"' in page
    assert 'value="Order Completed"' in page and "No event like this was seen yet" in page


def test_each_recipe_can_be_launched_as_it_is_made(world: World) -> None:
    admin, wrong = world.admin(), {}
    for key, recipe in recipes().items():
        answers = {f"ask-{ask.name}": ask.likely[0] for ask in recipe.asks if ask.likely}
        admin.post(f"/journeys/-new/{key}", name=key.replace("_", " "), **answers)
        with world.store.read() as tx:
            draft = journey_drafts.one(tx, key)
            assert draft is not None
            told = findings(tx, key, draft.body, people=False)
        wrong[key] = [one.text for one in told if one.level == "error"]
    assert wrong == {key: [] for key in recipes()}


def test_a_date_is_said_as_one_and_who_comes_by_it(world: World) -> None:
    steps = [{"wait": {"date": "traits.renews_at", "before": "1d"}}]
    draw(world, trigger={"date": "renews_at", "before": "3d"}, steps=steps)
    admin = world.admin()
    prose = given_of(admin.page("/journeys/orders/edit"))["said"]["prose"]
    assert prose == {"traits.renews_at": "the trait renews_at"}
    page = admin.page("/journeys/orders/launch")
    assert "Everybody whose trait renews_at is a date enters" in page
    # Whoever has a date enters by it, and there is nothing to choose.
    assert "All who qualify already" not in page


def test_the_address_that_begins_a_journey_is_said(world: World) -> None:
    draw(world, trigger={"webhook": True, "person": "customer.id"})
    page = world.admin().page("/journeys/orders/launch")
    assert "/hooks/journeys/orders?writeKey=" in page and "customer.id" in page


def test_a_step_that_calls_an_address_wants_somebody_who_does(tmp_path: Path) -> None:
    world = World(tmp_path, plugins=Plugins())
    draw(world, steps=[{"webhook": "https://example.org/x"}])
    page = world.admin().page("/journeys/orders/launch")
    assert "The step webhook calls an address" in page
    assert 'action="/journeys/orders/launch"' not in page
    world.close()


def test_every_kind_of_step_has_a_form_of_all_its_fields() -> None:
    found = shapes()
    assert list(found) == list(STEPS)
    for name, shape in found.items():
        fields = {field["name"] for field in shape["fields"]}
        schema = STEPS[name].schema().fields
        assert fields == {field.data_key or key for key, field in schema.items()}
        for mode in shape["modes"]:
            assert {mode["key"], *mode["fields"]} <= fields
    assert "steps" not in {field["name"] for field in journey_shape()["fields"]}


def test_a_step_of_a_plugin_has_a_form_and_its_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    class Pick(JourneyStep):
        name, title, summary = "pick", "Pick", "Picks a way by a number."
        Settings, exits = SettingsSchema, ("high",)

        def decide(self, settings: Any, moment: StepMoment) -> GoOn:
            return GoOn("high")

    monkeypatch.setitem(STEPS, "pick", BroughtStep("a plugin", Pick()))
    found = shapes()["pick"]
    assert (found["title"], found["about"]) == ("Pick", "Picks a way by a number.")
    assert [field["outs"] for field in found["fields"]] == [["high"]]


def test_a_draft_is_kept_as_it_is_and_says_what_is_missing(world: World) -> None:
    admin = world.admin()
    admin.post("/journeys/-new/blank", name="Mine")
    body = {"name": "Mine", "trigger": {"event": ""}, "steps": [{"send": ""}, {"wait": "soon"}]}
    answer = posted(admin, "/journeys/mine/draft", body=body, rev=1)
    assert answer.status_code == 200
    faults = {fault["field"] for fault in answer.json["faults"]}
    assert "steps[1].wait.for" in faults and any(f.startswith("steps[0].send") for f in faults)
    assert any(field.startswith("trigger") for field in faults)
    assert given_of(admin.page("/journeys/mine/edit"))["body"] == body


def test_two_who_draw_at_once_are_told_of_each_other(world: World) -> None:
    draw(world)
    one, other = world.admin(), world.admin()
    assert (
        posted(one, "/journeys/orders/draft", body={**BODY, "name": "One"}, rev=1).json["rev"] == 2
    )
    late = posted(other, "/journeys/orders/draft", body={**BODY, "name": "Two"}, rev=1)
    assert late.json["author"].startswith("token")
    assert late.json["body"]["name"] == "One" and late.json["rev"] == 2
    over = posted(other, "/journeys/orders/draft", body={**BODY, "name": "Two"}, rev=2)
    assert over.status_code == 200


def test_the_text_is_the_same_journey(world: World) -> None:
    draw(world)
    admin = world.admin()
    text = posted(admin, "/journeys/orders/text", body=BODY).json["text"]
    assert "trigger:" in text
    assert posted(admin, "/journeys/orders/text", text=text).json["body"] == BODY
    whole = "kind: journey\nkey: orders\nstate: live\n" + text
    assert posted(admin, "/journeys/orders/text", text=whole).json["body"] == BODY
    typed = "# All of it.\nsteps:\n  # At once.\n  - wait: 1d  # or two\n"
    body = posted(admin, "/journeys/orders/text", text=typed).json["body"]
    assert body == {"description": "All of it.",
                    "steps": [{"wait": "1d", "note": "At once.\nor two"}]}  # fmt: skip
    wrong = posted(admin, "/journeys/orders/text", text="name: x\n  - y: [").json
    assert "Line 2" in wrong["wrong"]
    assert (
        "something else"
        in posted(admin, "/journeys/orders/text", text="kind: audience").json["wrong"]
    )


def test_a_file_that_was_changed_on_the_canvas_keeps_its_comments(
    world: World, tmp_path: Path
) -> None:
    text = (
        "kind: journey\nkey: orders\ntrigger: {event: Order Completed}\nsteps:\n"
        "  # think it over\n  - wait: 2d        # at least\n  # and say so\n  - emit: Thanked\n"
    )
    files.write(tmp_path / "defs", orders=text)
    files.apply(world.store, tmp_path / "defs")
    admin = world.admin()
    body = given_of(admin.page("/journeys/orders/edit"))["body"]
    body["steps"] = [body["steps"][1], {"exit": None}, {"wait": "3d"}]
    assert posted(admin, "/journeys/orders/draft", body=body, rev=0).status_code == 200
    assert admin.post("/journeys/orders/save").status_code == 303
    assert files.pull(world.store, tmp_path / "defs")["orders.yaml"] == "changed"
    made = (tmp_path / "defs" / "orders.yaml").read_text()
    assert "  # and say so\n  - emit: Thanked\n  - exit:" in made
    assert "  # think it over\n  - wait: 3d        # at least\n" in made


def test_what_is_no_draft_is_refused(world: World) -> None:
    draw(world)
    admin = world.admin()
    assert posted(admin, "/journeys/orders/draft", body=[], rev=1).status_code == 400
    assert posted(admin, "/journeys/orders/draft", body={}, rev="x").status_code == 400
    assert posted(admin, "/journeys/orders/text").status_code == 400
    broken = admin.client.post(
        "/journeys/orders/draft", data=b"{", headers={"X-CSRF-Token": admin.csrf()}
    )
    assert broken.status_code == 400
    odd = {"trigger": 5, "steps": [None, 3, {"wait": [[]]}, {"branch": {"ways": [7]}}], "goal": "x"}
    assert posted(admin, "/journeys/orders/draft", body=odd, rev=1).status_code == 200
    assert admin.get("/journeys/orders/edit").status_code == 200
    assert admin.get("/journeys/orders/launch").status_code == 200
    assert admin.get("/journeys/orders").status_code == 200
    assert admin.get("/journeys/nothing").status_code == 404


def test_what_people_type_is_data_on_every_page(world: World) -> None:
    evil = "</script><img src=x onerror=alert(1)>"
    draw(world, name=evil, trigger={"event": evil}, description=evil)
    for rest in ("", "/edit", "/launch", "/versions", "/people"):
        assert "<img" not in world.admin().page(f"/journeys/orders{rest}")
    assert "<img" not in world.admin().page("/journeys")


def test_what_is_missing_keeps_it_from_being_launched(world: World) -> None:
    draw(world, steps=[{"send": "gone"}])
    page = world.admin().page("/journeys/orders/launch")
    assert "missing" in page and "Launch journey" not in page
    answer = world.admin().post("/journeys/orders/launch")
    assert answer.status_code == 400 and "Not launched" in answer.text
    with world.store.read() as tx:
        assert journeys.row(tx, "orders") is None


def test_it_is_launched_and_people_go_through(world: World) -> None:
    draw(world)
    assert "Launch journey" in world.admin().page("/journeys/orders/launch")
    launch(world)
    world.send(
        {"type": "identify", "userId": "ana", "traits": {"email": "ana@example.com"}}, order("ana"),
        order("bo"),
    )  # fmt: skip
    admin = world.admin()
    page = admin.page("/journeys/orders")
    assert "live" in page
    found = admin.get("/journeys/orders/counts").json
    assert found["entered"] == found["inside"] == 2
    [step] = found["standing"]
    assert found["standing"][step] == [2, 0]
    assert "2 people wait for your word" in page and "Go on?" in page
    people = admin.page("/journeys/orders/people")
    assert "ana@example.com" in people
    assert "Approve" in admin.page(f"/journeys/orders/people?step={step}")
    run = re.search(r'href="(/journeys/orders/runs/\d+)"', people)
    assert run is not None and "Entered" in admin.page(run.group(1))

    admin.post("/journeys/orders", action="approve", step=step)
    world.pipeline.settle()
    world.send(order("ana", "Paid"))
    found = admin.get("/journeys/orders/counts").json
    assert found["left"][step] == {"next": 2}
    assert found["inside"] == 1 and found["done"] == 1
    assert "/journeys/orders/runs/" in admin.page("/journeys/orders/people?state=ended")
    person = re.search(r'href="(/people/use_\w+)"', admin.page("/people?q=ana@example.com"))
    assert person is not None
    tab = admin.page(f"{person.group(1)}/journeys")
    assert "/journeys/orders/runs/" in tab and "Orders" in tab
    why = admin.page(f"/journeys/orders/why/{person.group(1).rpartition('/')[2]}")
    assert "They have entered once." in why and "Something began it" in why
    draw(world, "never", **{"if": "traits.vip = true"})
    why = admin.page(f"/journeys/never/why/{person.group(1).rpartition('/')[2]}")
    assert "There is no journey never." in why
    launch(world, "never")
    why = admin.page(f"/journeys/never/why/{person.group(1).rpartition('/')[2]}")
    assert "They have never entered." in why and "traits.vip = true" in why


def test_who_ended_alike_at_several_steps_is_counted_together(world: World) -> None:
    ways = [{"when": "event.properties.vip = true", "then": [{"exit": "done"}]},
            {"else": [{"exit": "done"}]}]  # fmt: skip
    draw(world, steps=[{"branch": ways}])
    launch(world)
    vip = {**order("ana"), "properties": {"vip": True}}
    world.send(vip, order("bo"), order("cy"))
    page = world.admin().page("/journeys/orders")
    assert re.findall(r'<td>Done</td><td class="num">(\d+)</td>', page) == ["3"]


def test_it_is_paused_and_stopped(world: World) -> None:
    draw(world)
    launch(world)
    world.send(order("ana"))
    admin = world.admin()
    admin.post("/journeys/orders", action="pause")
    assert "paused" in admin.page("/journeys/orders")
    admin.post("/journeys/orders", action="resume")
    admin.post("/journeys/orders", action="stop", confirm="something")
    with world.store.read() as tx:
        row = journeys.row(tx, "orders")
    assert row is not None and row.state == "live"
    admin.post("/journeys/orders", action="stop", confirm="orders")
    world.pipeline.settle()
    assert admin.get("/journeys/orders/counts").json["inside"] == 0
    refused = admin.post("/journeys/orders", action="pause")
    assert refused.status_code == 303 and "stopped" in admin.page("/journeys/orders")
    assert admin.post("/journeys/orders", action="dance").status_code == 400


def test_a_new_version_says_what_becomes_of_those_inside(world: World) -> None:
    draw(world)
    launch(world)
    world.send(order("ana"))
    changed = {**BODY, "steps": [{"wait": "1d"}, *BODY["steps"]]}
    with world.store.write() as tx:
        journey_drafts.put(tx, "orders", changed, 1, 0, "test", world.now())
    admin = world.admin()
    page = admin.page("/journeys/orders/launch")
    assert "stay at the step" in page
    compared = admin.page("/journeys/orders/compare?from=1")
    assert "1 added, 0 removed, 0 changed" in compared
    step = next(iter(admin.get("/journeys/orders/counts").json["standing"]))
    launch(world, **{f"fate:{step}": "exit"})
    with world.store.read() as tx:
        row = journeys.row(tx, "orders")
        assert row is not None and row.version == 2
    assert admin.get("/journeys/orders/counts").json["inside"] == 0
    versions = admin.page("/journeys/orders/versions")
    assert "See it drawn" in versions
    assert admin.get("/journeys/orders/launch?version=1").status_code == 200
    launch(world, version="1")
    with world.store.read() as tx:
        row = journeys.row(tx, "orders")
        assert row is not None and row.version == 1
    page = words(admin.page("/journeys/orders"))
    assert "It was brought back to version 1" in page and "Launch version 2 again…" in page
    assert "A newer version is saved" not in page


def test_those_at_a_step_that_is_gone_go_on_at_another(world: World) -> None:
    draw(world)
    launch(world)
    world.send(order("ana"), order("ben"))
    admin = world.admin()
    gone = next(iter(admin.get("/journeys/orders/counts").json["standing"]))
    changed = {**BODY, "steps": [{"id": "later", "wait": "1d"}, BODY["steps"][1]]}
    with world.store.write() as tx:
        journey_drafts.put(tx, "orders", changed, 1, 0, "test", world.now())
    page = admin.page("/journeys/orders/launch")
    assert f'name="fate:{gone}" data-people="2"' in page and "the step is gone" in page
    assert '<option value="to:later">go on at Wait 1d</option>' in page
    assert "go on in this version" not in page
    fate = {f"fate:{gone}": "to:later"}
    # A form that is refused keeps what was chosen.
    wrong = admin.post(
        "/journeys/orders/launch", rollout_by="stages", share=["50", "5"], **fate, **{"for": ["1d"]}
    )
    assert wrong.status_code == 400
    assert '<option value="to:later" selected>' in wrong.text
    wrong = admin.post("/journeys/orders/launch", **{f"fate:{gone}": "to:nowhere"})
    assert wrong.status_code == 400 and "has no step nowhere" in wrong.text
    launch(world, **fate)
    assert admin.get("/journeys/orders/counts").json["standing"] == {"later": [2, 0]}


def test_what_is_to_be_said_of_several_steps_is_said_once(world: World) -> None:
    waits = [{"id": name, "wait_until": {"event": name}} for name in ("Paid", "Packed")]
    draw(world, steps=waits)
    page = words(world.admin().page("/journeys/orders/launch"))
    assert page.count("Without a timeout people wait here for ever") == 1
    assert re.search(r"Mend it at Wait until Paid\s?, Wait until Packed", page)


def test_what_somebody_else_saved_is_not_overwritten_unseen(world: World) -> None:
    draw(world)
    launch(world)
    for name in ("One", "Two"):
        with world.store.write() as tx:
            journey_drafts.drop(tx, "orders")
            journey_drafts.put(tx, "orders", {**BODY, "name": name}, 1, 0, "test", world.now())
        answer = world.admin().post("/journeys/orders/save")
    assert answer.status_code == 409
    assert "One" in answer.text and "Two" in answer.text
    with world.store.read() as tx:
        version = definitions.current(tx, "journey", "orders")
        assert version is not None and version.body is not None and version.body["name"] == "One"
    launch(world, over="1")
    with world.store.read() as tx:
        version = definitions.current(tx, "journey", "orders")
        assert version is not None and version.body is not None and version.body["name"] == "Two"


def test_a_draft_is_thrown_away(world: World) -> None:
    draw(world)
    answer = world.admin().post("/journeys/orders/discard")
    assert answer.location == "/journeys"
    assert world.admin().get("/journeys/orders").status_code == 404


def test_a_viewer_looks_and_sees_nobodys_name(world: World) -> None:
    draw(world)
    launch(world)
    world.send(
        {"type": "identify", "userId": "ana-77", "traits": {"email": "ana@quagmire.example"}},
        order("ana-77"),
    )
    vic = viewer_of(world)
    for rest in ("", "/people", "/versions", "/edit", "/runs/1", "/report", "/backtest"):
        text = vic.page(f"/journeys/orders{rest}")
        assert "ana@quagmire.example" not in text and "ana-77" not in text
    assert posted(vic, "/journeys/orders/draft", body=BODY, rev=0).status_code == 403
    assert vic.post("/journeys/orders", action="pause").status_code == 403


@pytest.mark.parametrize("address", ["/journeys/-new/none", "/journeys/orders/runs/9"])
def test_what_is_not_there_is_said(world: World, address: str) -> None:
    draw(world)
    assert world.admin().get(address).status_code == 404


def test_somebody_is_walked_through_before_it_is_launched(world: World) -> None:
    world.send({"type": "identify", "userId": "ana", "traits": {"plan": "pro"}})
    draw(world)
    admin = world.admin()
    script = [{"event": "Order Completed"}, {"answer": "approved"}, {"advance": "5d"}]
    told = posted(admin, "/journeys/orders/try", body=BODY, script=script).json["told"]
    steps = [(item["what"], item["step"]) for item in told if item["kind"] == "step"]
    assert steps[0][0] == "entered" and steps[-1][0] == "ended"
    branch = {
        **BODY,
        "steps": [{"branch": [{"when": 'traits.plan = "pro"', "then": [{"exit": "pro"}]}]}],
    }
    for who, end in (("ana", "exit:pro"), ("", "finished")):
        told = posted(admin, "/journeys/orders/try", body=branch, script=script, person=who).json
        assert [item["exit"] for item in told["told"] if item.get("what") == "ended"] == [end]
    wrong = posted(admin, "/journeys/orders/try", body=BODY, script=[{"advance": "soon"}]).json
    assert "soon" in wrong["wrong"]
    nobody = posted(admin, "/journeys/orders/try", body=BODY, script=script, person="zed").json
    assert "zed" in nobody["wrong"]
    faulty = posted(admin, "/journeys/orders/try", body={"steps": [3]}, script=script).json
    assert faulty["wrong"]
    assert posted(admin, "/journeys/orders/try", body=BODY, script=[3]).status_code == 400


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Back-tests are done when their page is asked for."""
    monkeypatch.setattr(Backtesting, "start", Backtesting.work)


def backtest(world: World, **form: Any) -> str:
    answer = world.admin().post("/journeys/orders/backtest", **{"of": "draft", "days": "7", **form})
    assert answer.status_code == 303
    return str(answer.location)


@pytest.mark.usefixtures("at_once")
def test_the_past_is_painted_on_the_edges(world: World) -> None:
    world.send(order("ana"), order("bo"))
    draw(world, steps=[{"update": {"traits": {"bought": True}}}])
    admin = world.admin()
    place = backtest(world)
    page = admin.page(place)
    painted = given_of(page)["painted"]
    assert painted["entered"] == 2
    assert [exits["next"] for exits in painted["left"].values()] == [2]
    assert place in admin.page("/journeys/orders/backtest")
    assert admin.get(place, **{"HX-Request": "true"}).headers["HX-Refresh"] == "true"
    with world.store.read() as tx:
        assert journeys.row(tx, "orders") is None
    with world.store.write() as tx:
        journey_drafts.put(tx, "orders", {**BODY, "steps": [{"send": ""}]}, 0, 1, "test",
                           world.now())  # fmt: skip
    admin.post("/journeys/orders/backtest", of="draft", days="7")
    assert "Send: this is not filled in yet." in admin.page("/journeys/orders/backtest")
    assert backtest(world, of="7") == "/journeys/orders/backtest"
    assert admin.get("/journeys/orders/backtest/99").status_code == 404


@pytest.mark.usefixtures("at_once")
def test_two_versions_are_played_side_by_side(world: World) -> None:
    world.send(order("ana"), order("bo"))
    draw(world)
    launch(world)
    longer = {**BODY, "steps": [{"wait": "1d"}, *BODY["steps"]]}
    with world.store.write() as tx:
        journey_drafts.put(tx, "orders", longer, 1, 0, "test", world.now())
    compare = "/journeys/orders/backtest?of=draft&amp;against=1"
    assert compare in world.admin().page("/journeys/orders/compare?from=1")
    page = world.admin().page(backtest(world, against="1"))
    sides = [json.loads(text) for text in re.findall(
        r'<script type="application/json">(.*?)</script>', page, re.S)]  # fmt: skip
    assert [side["painted"]["entered"] for side in sides] == [2, 2]
    assert len(sides[0]["body"]["steps"]) == 3 and "removed" in sides[0]["marks"].values()
    assert "Difference" in page and "The draft" in page and "Version 1" in page


def test_a_back_test_shows_how_far_it_is_and_is_given_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw(world)
    begun: list[Backtest] = []
    monkeypatch.setattr(Backtesting, "start", lambda _self, item: begun.append(item))
    place = backtest(world)
    with world.store.write() as tx:
        assert backtests.goes_on(tx, begun[0].id, 500, 2000, world.now())
    admin = world.admin()
    assert "500 of 2,000 people are looked at." in admin.page(place)
    assert "<html" not in admin.get(place, **{"HX-Request": "true"}).text
    admin.post(f"{place}/cancel")
    assert "It was given up." in admin.page(place)
    Backtesting(world.store).work(begun[0])  # whoever was at it may not know yet
    assert "It was given up." in admin.page(place)
    again = backtest(world)
    with world.store.write() as tx:
        backtests.goes_on(tx, begun[1].id, 0, 0, world.now() - 10 * backtests.SILENT_MS)
    assert "It was broken off" in admin.page(again)
    assert viewer_of(world).post(f"{again}/cancel").status_code == 403


def test_how_it_goes_is_told_and_taken_out(world: World) -> None:
    admin = world.admin()
    draw(world, steps=[{"experiment": {"name": "=1+1", "variants": [{"name": "a"}, {"name": "b"}],
                                       "guardrails": [{"event": "Complained", "most": 5}]}},
                       *BODY["steps"]])  # fmt: skip
    assert "No figures yet" in admin.page("/journeys/orders/report")
    launch(world)
    world.send(order("ana"), order("bo"), order("cy"))
    page = admin.page("/journeys/orders/report?days=7&version=1")
    assert "Nothing can be said yet" in page or "Too early to tell" in page
    assert "Must not become frequent" in page
    assert '<dd class="value">3</dd><dt class="name">entered' in page
    out = admin.get("/journeys/orders/report.csv?part=steps")
    assert out.text.splitlines()[1].startswith("experiment-1-1,experiment,3,0,")
    assert admin.get("/journeys/orders/report.csv?part=all").status_code == 404
    assert "It can" in admin.page("/journeys/orders/report?audience=nobody")
    admin.post("/journeys/orders/winner", step="experiment-1-1", variant="b")
    world.pipeline.settle()
    assert "b was chosen" in admin.page("/journeys/orders/report")
    with world.store.read() as tx:
        row = journeys.row(tx, "orders")
        assert row is not None and row.winners == {"experiment-1-1": "b"}
    assert viewer_of(world).post("/journeys/orders/winner", step="x").status_code == 403


def test_a_launch_that_takes_another_word_is_asked_for_and_approved(world: World) -> None:
    draw(world, approval={"role": "approver"}, rollout=[{"share": 5, "for": "1d"}, 100])
    admin = world.admin()
    page = admin.page("/journeys/orders/launch")
    assert "Ask for the launch" in page and 'value="stages" checked' in page
    assert "Not launched" in admin.post("/journeys/orders/launch").text
    assert admin.post("/journeys/orders/launch", ask="1").location == "/journeys/orders"
    assert "asks for its launch" in admin.page("/journeys/orders")
    assert "Withdraw it" in admin.page("/journeys/orders/launch")
    viewer = viewer_of(world)
    assert viewer.post("/journeys/orders/approve", action="approve").status_code == 403
    with world.store.write() as tx:
        config_rows.put_user(tx, 0, "vic", hasher.hash("long enough"), "approver", "test")
    viewer = world.client()
    assert viewer.post("/login", name="vic", secret="long enough").status_code == 302
    assert "Approve, and launch it" in viewer.page("/journeys/orders/launch")
    assert viewer.post("/journeys/orders/launch").status_code == 403
    answer = viewer.post("/journeys/orders/approve", action="approve", reason="fine")
    assert answer.location == "/journeys/orders"
    with world.store.read() as tx:
        row = journeys.row(tx, "orders")
        assert row is not None and row.state == "live"


def test_a_journey_that_paused_itself_says_so_and_goes_on(world: World) -> None:
    draw(world)
    launch(world)
    with world.store.write() as tx:
        why = "9 of 90 messages bounced (10.00%); the limit is 5 %"
        journeys.change(tx, "orders", "headwater", world.now(), state="paused", reason=why)
    admin = world.admin()
    assert f"It paused itself: {why}" in admin.page("/journeys")
    assert why in admin.page("/journeys/orders")
    admin.post("/journeys/orders", action="resume")
    assert "paused itself" not in admin.page("/journeys/orders")
