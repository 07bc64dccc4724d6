"""Rollouts go on by themselves, are held, brought back, and let in who was out of the share."""

from __future__ import annotations

from typing import Any

import pytest
from marshmallow import ValidationError

from cdp.delivery.journeys import office, shown
from cdp.delivery.journeys.there import Refused
from cdp.journeys.rollout import Stage, read_rollout
from cdp.server import outgoing
from cdp.server.health import render_metrics
from cdp.store.journeys import decisions as journey_decisions
from cdp.store.journeys import launched as journeys
from tests.pipeline.journeys.test_limits import bad, send
from tests.pipeline.journeys.town import DAY, Town

STAGED = """
trigger: { event: Signed Up }
entry: every_time
rollout: [ { share: 10%, for: 1d }, { share: 50, for: 2d }, 100 ]
limits: { least: 20 }
steps: [ { send: hello }, { wait: 30d } ]
"""


def status(town: Town, key: str = "hello") -> dict[str, Any]:
    with town.store.read() as tx:
        return shown.shown(tx, key)


def told(town: Town, key: str = "hello") -> list[tuple[str, str]]:
    with town.store.read() as tx:
        row = journeys.row(tx, key)
        assert row is not None
        return [(one.kind, one.reason) for one in journey_decisions.of(tx, row.id)[::-1]]


def metrics(town: Town) -> str:
    return render_metrics(town.store)


def stage(town: Town, act: str, key: str = "hello", reason: str = "") -> None:
    with town.store.write() as tx:
        office.stage(tx, key, "ada", town.now, act, reason)
    town.settle()


def join(town: Town, name: str, n: int) -> None:
    """So many people come into the audience."""
    town.send(*[
        town.message(type="identify", userId=f"{name}{k}", traits={"plan": "pro"})
        for k in range(n)
    ])  # fmt: skip


def test_the_clock_brings_it_from_stage_to_stage(town: Town) -> None:
    town.journey("hello", STAGED, "hello")
    send(town, 100)
    few = len(town.runs("hello"))
    assert 3 <= few <= 20
    one, two, three = status(town)["stages"]
    assert (one["share"], one["here"], two["here"], three["share"]) == (10, True, False, 100)
    town.wait(days=1.1)
    assert status(town)["rollout"] == 50
    send(town, 100, 100)
    some = len(town.runs("hello")) - few
    assert 35 <= some <= 65
    town.wait(days=1.8)
    assert status(town)["rollout"] == 50
    town.restart()
    town.wait(days=0.3)
    assert status(town)["rollout"] == 100
    send(town, 100, 200)
    assert len(town.runs("hello")) == few + some + 100
    assert told(town) == [
        ("stage", "50 % may enter (stage 2 of 3)"), ("stage", "100 % may enter (stage 3 of 3)"),
    ]  # fmt: skip
    town.wait(days=9)
    assert len(told(town)) == 2


def test_it_is_held_if_it_paused_itself_and_goes_on_when_told(town: Town) -> None:
    town.journey("hello", STAGED, "hello")
    send(town, 300)
    bad(town, 15)
    town.wait(hours=1)
    assert status(town)["state"] == "paused"
    assert 'cdp_journey_standing_still{journey="hello",what="paused"} 1.0' in metrics(town)
    (check,) = outgoing.journeys(town.store)
    assert check.check == "journey hello" and "it paused itself since 2026-" in check.text
    assert "bounced" in check.text and "cdp journeys resume hello" in check.todo
    town.wait(days=2)
    with town.store.write() as tx:
        office.resume(tx, "hello", "ada", town.now)
    town.settle()
    found = status(town)
    assert (found["rollout"], found["stages"][0]["held"]) == (10, True)
    assert told(town)[-1][1].startswith("it stays at 10 %, for it paused itself meanwhile (2026-")
    assert 'cdp_journey_standing_still{journey="hello",what="rollout"} 1.0' in metrics(town)
    (check,) = outgoing.journeys(town.store)
    assert "it holds its rollout since" in check.text and "stage hello release" in check.todo
    town.wait(days=5)
    assert status(town)["rollout"] == 10
    stage(town, "release")
    assert [one.state for one in outgoing.journeys(town.store)] == ["ok"]
    assert status(town)["stages"][0]["until"] is not None
    town.wait(days=1.1)
    assert status(town)["rollout"] == 50


def test_people_hold_it_and_bring_it_forward_and_back(town: Town) -> None:
    town.journey("hello", STAGED, "hello")
    stage(town, "hold", reason="support is away")
    town.wait(days=4)
    assert status(town)["rollout"] == 10
    assert [one.state for one in outgoing.journeys(town.store)] == ["ok"]  # somebody wanted it
    stage(town, "advance")
    assert (status(town)["rollout"], status(town)["stages"][1]["held"]) == (50, False)
    stage(town, "back", reason="too many at once")
    assert (status(town)["rollout"], status(town)["stages"][0]["held"]) == (10, True)
    town.wait(days=4)
    assert told(town) == [
        ("held", "it stays at 10 %: support is away"),
        ("stage", "50 % may enter (stage 2 of 3)"),
        ("stage", "10 % may enter (stage 1 of 3): too many at once"),
    ]
    stage(town, "back")
    with town.store.read() as tx:
        row = journeys.row(tx, "hello")
        assert row is not None
        assert journeys.orders_of(tx, row.id, 1)[0].error == "it is at its first stage"
    with town.store.write() as tx:
        office.rollout(tx, "hello", "ada", town.now, 30)
    assert status(town)["rollout"] == 30 and not any(s["here"] for s in status(town)["stages"])
    stage(town, "release")
    assert status(town)["rollout"] == 10
    stage(town, "last", reason="all is well")
    assert status(town)["rollout"] == 100
    assert told(town)[-1] == ("stage", "100 % may enter (stage 3 of 3): all is well")


def test_a_new_version_stays_at_its_stage_if_the_rollout_is_the_same(town: Town) -> None:
    town.journey("hello", STAGED, "hello")
    town.wait(days=1.1)
    for text, share in ((STAGED.replace("30d", "31d"), 50), (STAGED.replace("10%", "20%"), 20)):
        town.define("journey", "hello", text)
        with town.store.write() as tx:
            office.launch(tx, "hello", "ada", town.now)
        town.settle()
        assert status(town)["rollout"] == share


@pytest.mark.parametrize(("enter", "n"), [("new", 60), ("all", 90)])
def test_who_was_out_of_the_share_enters_when_it_grows(town: Town, enter: str, n: int) -> None:
    """Who came into the audience since the launch; with `all` those of before, too. Once each."""
    town.define("audience", "pros", 'who: traits.plan = "pro"')
    town.settle()
    join(town, "old", 30)
    town.wait(hours=1)
    text = f"""
    trigger: {{ enters: pros }}
    entry: every_time
    enter: {enter}
    rollout: [ {{ share: 30, for: 1d }}, 100 ]
    steps: [ {{ emit: Greeted }} ]
    """
    town.journey("pros", text)
    join(town, "new", 60)
    town.wait(hours=1)
    assert len(town.runs("pros")) < n / 2
    town.wait(days=1.1)
    runs = town.runs("pros")
    assert len(runs) == len({item.profile for item in runs}) == n


def test_a_share_that_is_raised_by_hand_lets_them_in_as_well(town: Town) -> None:
    town.define("audience", "pros", 'who: traits.plan = "pro"')
    town.journey("pros", "{trigger: {enters: pros}, rollout: 20, steps: [{emit: Greeted}]}")
    join(town, "u", 40)
    town.wait(hours=1)
    assert len(town.runs("pros")) < 20
    with town.store.write() as tx:
        office.rollout(tx, "pros", "ada", town.now, 100)
    town.settle()
    assert len(town.runs("pros")) == 40
    with town.store.write() as tx, pytest.raises(Refused, match="has no stages"):
        office.stage(tx, "pros", "ada", town.now, "hold")


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ([{"share": 1, "for": "1d"}], "from 2 to 20"),
        ([{"share": 1}, 100], "say for how long"),
        ([{"share": 1, "for": "1d"}, {"share": 9, "for": "1d"}], "the last stage stays"),
        ([{"share": 50, "for": "1d"}, 10], "must be larger"),
        ([{"share": 1, "for": "soon"}, 10], "a length such as"),
        ([{"share": 1, "for": "1d", "of": 1}, 10], "share, for"),
        ("a lot", "from 0 to 100"),
        ("x%", "from 0 to 100"),
        (True, "from 0 to 100"),
    ],
)
def test_what_is_no_rollout(said: Any, wrong: str) -> None:
    with pytest.raises(ValidationError, match=wrong):
        read_rollout(said)


def test_what_is_one() -> None:
    assert read_rollout(25) == (Stage(0.25),)
    assert read_rollout([{"share": "1%", "for": "1d"}, "100%"]) == (Stage(0.01, DAY), Stage(1.0))
