"""How a journey goes, in figures that can be counted by hand."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, insert

from cdp.conditions.share import difference
from cdp.delivery.journeys import office
from cdp.delivery.journeys.report import report
from cdp.journeys.run import Run, Transition
from cdp.store import Store
from cdp.store.defined import defining
from cdp.store.journeys import launched as journeys
from cdp.store.journeys import runs as journey_runs
from cdp.store.journeys import story as journey_story
from cdp.store.journeys.runs import Placed
from cdp.store.tables import deliveries
from tests.delivery.journeys.test_office import store  # noqa: F401

DAY = 86_400_000
NOW = 20_000 * DAY + 5
STEPS: list[Any] = [
    {"holdout": 50},
    {"experiment": {"variants": [{"name": "a"}, {"name": "b"}]}},
    {"wait": "2d"},
]


def gone(tx: Connection, number: int, *, out: bool, variant: str = "a", goal: bool) -> None:
    """A run that came in, was held out or got a variant, and perhaps reached the goal."""
    row = journeys.row(tx, "tried")
    assert row is not None
    run = Run(number, "tried", 1, "", NOW, None if out else "wait-2d", NOW,
              "ended" if out else "active", goal_at=NOW if goal else None)  # fmt: skip
    moves = [Transition(number, NOW, "holdout", "entered")]
    moves.append(Transition(number, NOW, "holdout", "left", "end" if out else "next"))
    if out:
        moves.append(Transition(number, NOW, "holdout", "ended", "held_out"))
    else:
        moves.append(Transition(number, NOW, "experiment", "left", variant))
    if goal:
        moves.append(Transition(number, NOW, run.step, "converted", None, {"value": 2.5}))
    journey_runs.put(tx, [Placed(run, row.id, number, 0)], {number})
    journey_story.add_moves(tx, moves, {number: (row.id, 1)})


@pytest.fixture
def tx(store: Store) -> Any:  # noqa: F811
    with store.write() as tx:
        body = {"trigger": {"event": "A"}, "steps": STEPS}
        defining.put(tx, 1, ("journey", "tried"), body, "ada")
        office.launch(tx, "tried", "ada", 1)
        yield tx


def test_figures_add_up(tx: Connection) -> None:
    for number in range(1, 41):
        gone(tx, number, out=number <= 20, goal=number in (1, 21, 22, 23),
             variant="b" if number % 2 else "a")  # fmt: skip
    found = report(tx, "tried", NOW)
    assert (found["entered"], found["inside"], found["ended"]) == (40, 20, {"held_out": 20})
    assert (found["converted"], found["value"]) == (4, 10.0)
    steps = {step["step"]: step for step in found["steps"]}
    assert list(steps) == ["holdout", "experiment", "wait-2d"]
    assert steps["holdout"]["left"] == {"end": 20, "next": 20}
    assert steps["experiment"]["left"] == {"a": 10, "b": 10}
    assert steps["wait-2d"]["inside"] == 20
    assert found["days"] == [
        {"day": "2024-10-04", "entered": 40, "ended": 20, "converted": 4, "sent": 0}
    ]
    (held,) = found["holdouts"]
    assert (held["went_on"]["converted"], held["held_out"]["converted"]) == (3, 1)
    assert held["lift"] == 0.1 and held["lift_low"] < 0 < held["lift_high"]
    assert held["sentence"].startswith("No difference between those who went on and those held")
    (tried,) = found["experiments"]
    assert [(v["name"], v["runs"], v["converted"]) for v in tried["variants"]] == [
        ("a", 10, 1), ("b", 10, 2),
    ]  # fmt: skip
    assert tried["sentence"].startswith("No difference between b and a is certain yet: 20.0%")


def test_a_clear_difference_is_said(tx: Connection) -> None:
    for number in range(1, 101):
        gone(tx, number, out=False, goal=number % 2 == 0, variant="b" if number % 2 == 0 else "a")
    (tried,) = report(tx, "tried", NOW)["experiments"]
    assert tried["sentence"].startswith("More of b than of a reach the goal: 100.0% against 0.0%")
    (held,) = report(tx, "tried", NOW)["holdouts"]
    assert held["sentence"] == "Nothing can be said yet: nobody is among those held out."


def test_days_and_versions_are_chosen(tx: Connection) -> None:
    gone(tx, 1, out=False, goal=True)
    assert report(tx, "tried", NOW, first=1, last=2)["entered"] == 0
    assert report(tx, "tried", NOW, version=1)["entered"] == 1
    assert report(tx, "tried", NOW, version=1)["value"] == 2.5


def test_a_difference_has_newcombes_interval() -> None:
    # Newcombe 1998, method 10, 56/70 against 48/80.
    share, low, high = difference(56, 70, 48, 80)
    assert (round(share, 4), round(low, 4), round(high, 4)) == (0.2, 0.0524, 0.3339)


def test_messages_are_told_by_step(tx: Connection) -> None:
    times = dict.fromkeys(("scheduled_at", "due_at", "created_at", "updated_at"), NOW)
    columns = {"channel": "email", "origin": "journey", "origin_key": "tried", "state": "sent"}
    rows: list[dict[str, Any]] = [
        {"id": 1, "key": "1", "step": "send-hello", "sent_at": NOW, "opened_at": NOW},
        {"id": 2, "key": "2", "step": "send-hello", "sent_at": NOW, "opened_at": None},
        {"id": 3, "key": "3", "step": "send-hello", "sent_at": None, "opened_at": None},
    ]
    tx.execute(insert(deliveries), [{**columns, **times, **row} for row in rows])
    found = report(tx, "tried", NOW)
    (step,) = [step for step in found["steps"] if step["step"] == "send-hello"]
    messages = step["messages"]
    assert (messages["asked"], messages["sent"], messages["opened"]) == (3, 2, 1)
    assert found["days"][0]["sent"] == 2
