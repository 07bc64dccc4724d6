"""What people do with journeys: what is refused, and which orders come of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from cdp.delivery.journeys import inside, office, shown
from cdp.delivery.journeys.launching import insiders
from cdp.delivery.journeys.there import NoSuchJourney, Refused
from cdp.journeys.run import Run
from cdp.plugin import Channel
from cdp.store import Store, config_rows
from cdp.store.defined import defining
from cdp.store.journeys import launched as journeys
from cdp.store.journeys import runs as journey_runs
from cdp.store.journeys.runs import Placed
from tests.folder.shop import empty

STEPS: list[Any] = [
    {"send": "hello"},
    {"wait": "2d"},
    {"approval": "Really?"},
    {"experiment": {"variants": [{"name": "a"}, {"name": "b"}]}},
]


class Mail(Channel):
    """A channel that is only named here."""

    key, name, channel = "mail", "Mail", "email"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = empty(tmp_path)
    with made.write() as tx:
        template = {"channel": "email", "subject": "Hi", "body": "B"}
        defining.put(tx, 1, ("template", "hello"), template, "ada")
        define(tx, STEPS)
    return made


def define(tx: Connection, steps: list[Any], **more: Any) -> None:
    body = {"trigger": {"event": "Signed Up"}, "steps": steps, **more}
    defining.put(tx, 1, ("journey", "welcome"), body, "ada")


def place(tx: Connection, number: int, step: str, version: int = 1, **more: Any) -> None:
    run = Run(number, "welcome", version, "", 0, step, 0, **more)
    row = journeys.row(tx, "welcome")
    assert row is not None
    journey_runs.put(tx, [Placed(run, row.id, number, 0)], {number})


def orders(tx: Connection, kind: str | None = None) -> list[tuple[str, dict[str, Any]]]:
    """The orders of a kind, or all but those of launches."""
    row = journeys.row(tx, "welcome")
    assert row is not None
    found = [(item.kind, item.args) for item in reversed(journeys.orders_of(tx, row.id))]
    return [item for item in found if item[0] == kind or (kind is None and item[0] != "begin")]


def refused(store: Store, act: Callable[[Connection], Any]) -> str:
    with pytest.raises((Refused, NoSuchJourney)) as caught, store.write() as tx:
        act(tx)
    return str(caught.value)


def launch(tx: Connection, **more: Any) -> Any:
    return office.launch(tx, "welcome", "ada", 1000, **more)


def test_a_launch_says_which_version_people_enter(store: Store) -> None:
    with store.write() as tx:
        assert launch(tx).version == 1
        define(tx, STEPS[:2])
        assert shown.shown(tx, "welcome")["launched_version"] == 1
        assert launch(tx).version == 2
        assert launch(tx, version=1).version == 1
        assert orders(tx) == []


def test_all_who_qualify_enter_at_the_first_launch_or_when_it_is_said(store: Store) -> None:
    with store.write() as tx:
        define(tx, STEPS, enter="all")
        for enter in (None, None, "all", "new"):
            launch(tx, enter=enter)
        assert orders(tx, "begin") == [
            ("begin", {"version": 2}),
            ("begin", {"version": 2, "enter": "new"}),
            ("begin", {"version": 2, "enter": "all"}),
            ("begin", {"version": 2, "enter": "new"}),
        ]


@pytest.mark.parametrize(
    ("before", "version", "text"),
    [
        ({}, 7, "has no version 7; the newest is 1"),
        ({"archived": True}, None, "is archived"),
    ],
)
def test_what_can_not_be_launched(
    store: Store, before: dict[str, Any], version: int | None, text: str
) -> None:
    if before:
        with store.write() as tx:
            define(tx, STEPS, **before)
    assert text in refused(store, lambda tx: launch(tx, version=version))
    with store.read() as tx:
        assert journeys.row(tx, "welcome") is None


def test_an_older_version_must_still_find_its_templates(store: Store) -> None:
    with store.write() as tx:
        define(tx, STEPS[1:])
        defining.remove(tx, 2, ("template", "hello"), "ada")
    assert "there is no template hello" in refused(store, lambda tx: launch(tx, version=1))


def test_a_channel_without_a_destination_is_told(store: Store) -> None:
    said = refused(store, lambda tx: launch(tx, destinations={"mail": Mail}))
    assert said == (
        "the template hello goes by email, and no destination for email is set up and switched on"
    )
    with store.write() as tx:
        config_rows.add_destination(tx, 1, "mail", "Mail", "mail", None, {}, "ada")
        assert launch(tx, destinations={"mail": Mail}).state == "live"


def test_states_follow_each_other(store: Store) -> None:
    acts = {name: getattr(office, name) for name in ("pause", "resume", "drain", "stop")}

    def act(name: str) -> Callable[[Connection], Any]:
        return lambda tx: acts[name](tx, "welcome", "ada", 2000)

    assert "never launched" in refused(store, act("pause"))
    assert refused(store, lambda tx: office.pause(tx, "x", "ada", 1)) == "there is no journey x"
    with store.write() as tx:
        launch(tx)
    assert "is live" in refused(store, act("resume"))
    with store.write() as tx:
        assert act("pause")(tx).state == "paused"
        assert act("resume")(tx).state == "live"
        assert act("drain")(tx).state == "draining"
        assert act("stop")(tx).state == "stopped"
        assert orders(tx) == [("resume", {}), ("stop", {"reason": "stopped"})]
    assert "is stopped" in refused(store, act("stop"))


def test_a_launch_says_what_becomes_of_those_inside(store: Store) -> None:
    with store.write() as tx:
        launch(tx)
        for number, step in enumerate(["wait-2d", "wait-2d", "approval", "experiment"], 1):
            place(tx, number, step)
        define(tx, [{"wait": "3d", "id": "wait-2d"}, *STEPS[3:]])
        found = [(item.step, item.people, item.becomes) for item in insiders(tx, "welcome")]
        assert found == [
            ("approval", 1, "vanished"), ("experiment", 1, "same"), ("wait-2d", 2, "changed"),
        ]  # fmt: skip
        launch(tx, people="move")
        moved = {"wait-2d": {"to": "wait-2d"}, "experiment": {"to": "experiment"}}
        assert orders(tx) == [("migrate", {"from": 1, "steps": moved})]


def test_people_inside_go_where_it_is_said(store: Store) -> None:
    with store.write() as tx:
        launch(tx)
        place(tx, 1, "approval")
        place(tx, 2, "wait-2d")
        define(tx, STEPS[:2])
    for people, text in (
        ({"nope": "exit"}, "nobody is at a step nope"),
        ({"approval": {"to": "approval"}}, "version 2 has no step approval"),
        ({"approval": "go"}, 'say "stay", "exit"'),
        ("exit", "stay or move"),
    ):
        assert text in refused(store, lambda tx, people=people: launch(tx, people=people))
    with store.write() as tx:
        launch(tx, people={"approval": {"to": "wait-2d"}, "wait-2d": "stay"})
        assert orders(tx) == [
            ("migrate", {"from": 1, "steps": {"approval": {"to": "wait-2d"}}}),
        ]


def test_what_is_done_with_people_is_an_order(store: Store) -> None:
    with store.write() as tx:
        launch(tx)
        place(tx, 1, "approval")
        place(tx, 2, "wait-2d", status="ended")
        args: Any = (tx, "welcome", "ada", 2000)
        inside.answer(*args, "approved", run=1)
        inside.move(*args, "wait-2d", "mistake", step="approval")
        inside.skip(*args, "no time", run=1)
        inside.end(*args, 1, "asked for it")
        inside.go_on(*args)
        inside.enter(*args, [5])
        assert orders(tx) == [
            ("answer", {"run": 1, "exit": "approved"}),
            ("move", {"step": "approval", "to": "wait-2d", "reason": "mistake"}),
            ("skip", {"run": 1, "reason": "no time"}),
            ("end", {"run": 1, "reason": "asked for it"}),
            ("resume", {}),
            ("enter", {"profiles": [5]}),
        ]


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (lambda *a: inside.answer(*a, "maybe", run=1), "approved or rejected"),
        (lambda *a: inside.answer(*a, "approved", step="experiment"), "nobody is at"),
        (lambda *a: inside.answer(*a, "approved", run=3), "waits for nobody's word"),
        (lambda *a: inside.move(*a, "nope", "x", run=1), "no step nope"),
        (lambda *a: inside.move(*a, None, " ", run=1), "say why"),
        (lambda *a: inside.skip(*a, "x", run=2), "has ended"),
        (lambda *a: inside.skip(*a, "x", run=9), "no run 9"),
        (lambda *a: inside.skip(*a, "x"), "say a run, or a step"),
        (lambda *a: office.rollout(*a, 101), "from 0 to 100"),
        (lambda *a: office.pick(*a, "experiment", "c"), "no variant c: a, b"),
        (lambda *a: office.pick(*a, "wait-2d", "a"), "is no experiment"),
    ],
)
def test_what_makes_no_sense_is_refused(store: Store, act: Any, text: str) -> None:
    with store.write() as tx:
        launch(tx)
        place(tx, 1, "approval")
        place(tx, 2, "wait-2d", status="ended")
        place(tx, 3, "wait-2d")
    assert text in refused(store, lambda tx: act(tx, "welcome", "ada", 2000))


def test_a_share_is_kept_and_a_winner_an_order(store: Store) -> None:
    with store.write() as tx:
        launch(tx)
        assert office.rollout(tx, "welcome", "ada", 2, 10).rollout == 10
        office.pick(tx, "welcome", "ada", 2, "experiment", "b", "it is nicer")
        args = {"step": "experiment", "variant": "b", "reason": "it is nicer"}
        assert orders(tx, "winner") == [("winner", args)]
        assert shown.shown(tx, "welcome")["rollout"] == 10


def test_what_runs_can_not_be_removed(store: Store) -> None:
    with store.write() as tx:
        launch(tx)
        define(tx, STEPS[1:])
    with pytest.raises(defining.StillUsed, match="it is live; stop it first"), store.write() as tx:
        defining.remove(tx, 5, ("journey", "welcome"), "ada")
    used = pytest.raises(defining.StillUsed, match="version 1 of the journey welcome, which runs")
    with used, store.write() as tx:
        defining.remove(tx, 5, ("template", "hello"), "ada")
    with store.write() as tx:
        office.stop(tx, "welcome", "ada", 5)
        defining.remove(tx, 5, ("template", "hello"), "ada")
        defining.remove(tx, 5, ("journey", "welcome"), "ada")
        assert [row["key"] for row in shown.listed(tx)] == ["welcome"]


def test_what_an_older_version_asks_for_stays_while_people_are_in_it(store: Store) -> None:
    asks = [{"wait": "2d"}, {"branch": [{"when": 'audience("vip")', "then": [{"emit": "In"}]}]}]
    with store.write() as tx:
        defining.put(tx, 1, ("audience", "vip"), {"who": 'count("Signed Up") > 0'}, "ada")
        define(tx, asks)
        launch(tx)
        place(tx, 1, "wait-2d", version=2)
        define(tx, STEPS[1:2])
        launch(tx)
    used = pytest.raises(defining.StillUsed, match="2 of the journey welcome, in which people")
    with used, store.write() as tx:
        defining.remove(tx, 5, ("audience", "vip"), "ada")
    with store.write() as tx:
        office.stop(tx, "welcome", "ada", 5)
        defining.remove(tx, 5, ("audience", "vip"), "ada")


def test_versions_tell_what_is_launched_and_who_is_inside(store: Store) -> None:
    with store.write() as tx:
        launch(tx)
        place(tx, 1, "wait-2d")
        define(tx, STEPS[:2])
        rows = shown.versions(tx, "welcome")
    assert [(row["version"], row["launched"], row["inside"]) for row in rows] == [
        (2, False, 0), (1, True, 1),
    ]  # fmt: skip
    assert rows[0]["changed"] == ["steps"]


def test_who_calls_an_address_needs_somebody_who_does(store: Store) -> None:
    with store.write() as tx:
        define(tx, [{"webhook": {"url": "https://example.org/x"}}])
        with pytest.raises(Refused, match="cdp destinations add webhook_message"):
            office.launch(tx, "welcome", "ada", 2, destinations={})
        office.launch(tx, "welcome", "ada", 2)
