"""How a journey goes, in figures that can be counted by hand."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert

from cdp.conditions.share import difference, enough, luck
from cdp.config import Settings
from cdp.delivery.journeys import office
from cdp.delivery.journeys.report import report, tables
from cdp.delivery.journeys.results import in_words
from cdp.delivery.journeys.there import Refused
from cdp.journeys.run import Run, Transition
from cdp.store import Store
from cdp.store.defined import defining
from cdp.store.journeys import launched as journeys
from cdp.store.journeys import runs as journey_runs
from cdp.store.journeys import story as journey_story
from cdp.store.journeys.report import Way
from cdp.store.journeys.runs import Placed
from cdp.store.tables import audiences, deliveries, journey_counts, journey_moves, members
from cdp.store.tables import journey_runs as runs_table
from tests.delivery.journeys.test_office import store  # noqa: F401
from tests.postgres import new_database

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
    yield from launched(store)


@pytest.fixture
def tx_of_postgres() -> Any:
    made = Store.open(Settings(database_url=new_database()))
    yield from launched(made)
    made.close()


def launched(store: Store) -> Any:  # noqa: F811
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
    assert [steps[name]["entered"] for name in steps] == [40, 20, 20]
    assert steps["holdout"]["ended"] == {"held_out": 20}
    assert steps["experiment"]["left"] == {"a": 10, "b": 10}
    assert steps["wait-2d"]["inside"] == 20
    day = {"day": "2024-10-04", "entered": 40, "ended": 20, "converted": 4, "value": 10.0}
    assert found["days"] == [{**day, "sent": 0, "delivered": 0, "opened": 0, "clicked": 0}]
    (held,) = found["holdouts"]
    assert (held["went_on"]["converted"], held["held_out"]["converted"]) == (3, 1)
    assert held["lift"] == 0.1 and held["lift_low"] < 0 < held["lift_high"]
    assert held["sentence"].startswith("Whether it brings anything about is not certain yet: 15")
    (tried,) = found["experiments"]
    assert [(v["name"], v["runs"], v["converted"], v["value"]) for v in tried["variants"]] == [
        ("a", 10, 1, 2.5), ("b", 10, 2, 5.0),
    ]  # fmt: skip
    assert tried["sentence"].startswith("Too early to tell: b 20.0 % against a 10.0 %; too few")
    rows = {name: list(table) for name, table in tables(found).items()}
    assert [row["name"] for row in rows["variants"]] == ["a", "b"]
    assert {len(row) for row in rows["steps"]} == {len(rows["steps"][0])}


def test_a_clear_difference_is_said(tx: Connection) -> None:
    for number in range(1, 101):
        gone(tx, number, out=False, goal=number % 2 == 0, variant="b" if number % 2 == 0 else "a")
    (tried,) = report(tx, "tried", NOW)["experiments"]
    assert tried["sentence"] == (
        "b converts better than a: 100.0 % against 0.0 %; chance of that by luck 1 in 1,000,000."
    )
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


@pytest.mark.parametrize(
    ("ways", "said"),
    [
        ([Way("a", 1000, 98), Way("b", 1000, 121)],
         "Too early to tell: b 12.1 % against a 9.8 %; about 19 more days at this rate."),
        ([Way("a", 2000, 196), Way("b", 2000, 242)],
         "b converts better than a: 12.1 % against 9.8 %; chance of that by luck 1 in 50."),
        ([Way("a", 1000, 100), Way("b", 1000, 100)],
         "Too early to tell: a 10.0 % against b 10.0 %; they are level so far."),
        ([Way("a", 1000, 100), Way("b", 1000, 101)],
         "Too early to tell: b 10.1 % against a 10.0 %; "
         "at this rate a difference so small takes more than a year to show."),
        ([Way("a", 10, 5), Way("b", 0, 0)],
         "Nothing can be said yet: nobody came to b."),
    ],
)  # fmt: skip
def test_an_experiment_is_told_in_plain_words(ways: list[Way], said: str) -> None:
    begun = [way._replace(since=NOW - 10 * DAY) for way in ways]
    assert in_words(begun, NOW) == said


def test_chance_and_sample_size_are_those_of_the_books() -> None:
    # Fleiss 1981: 0.6 against 0.5 needs 387 each (without the correction for continuity).
    assert round(enough(0.6, 0.5)) in range(385, 391)
    # A z of 2.5 (two proportions, pooled) has p = 0.0124.
    assert luck(60, 100, 40, 100) == pytest.approx(0.00468, abs=1e-4)
    assert luck(0, 10, 0, 10) == 1.0


def test_messages_are_told_by_step(tx: Connection) -> None:
    gone(tx, 1, out=False, goal=True)
    gone(tx, 2, out=False, goal=False, variant="b")
    times = dict.fromkeys(("scheduled_at", "due_at", "created_at", "updated_at"), NOW)
    columns = {"channel": "email", "origin": "journey", "origin_key": "tried", "state": "sent"}
    rows: list[dict[str, Any]] = [
        {"id": 1, "key": "journey:1:send-hello:1", "sent_at": NOW, "opened_at": NOW},
        {"id": 2, "key": "journey:2:send-hello:1>sms", "sent_at": NOW, "opened_at": None},
        {"id": 3, "key": "journey:2:send-hello:2", "sent_at": None, "opened_at": None},
    ]
    same = {"step": "send-hello", "template": "hello"}
    call = {"step": "hook", "channel": "webhook", "template": None, "key": "journey:1:hook:1"}
    tx.execute(insert(deliveries), [
        *({**columns, **times, **same, **row} for row in rows),
        {**columns, **times, **call, "id": 4, "sent_at": NOW, "opened_at": None},
    ])  # fmt: skip
    assert report(tx, "tried", NOW, version=2)["messages"] == []
    assert report(tx, "tried", NOW, version=2)["entered"] == 0
    assert report(tx, "tried", NOW, version=1) == {**report(tx, "tried", NOW), "version": 1}
    found = report(tx, "tried", NOW)
    (message,) = found["messages"]
    assert (message["template"], message["sent"], message["converted"]) == ("hello", 2, 1)
    assert message["value"] == 2.5
    sent = {v["name"]: v["messages"]["sent"] for v in found["experiments"][0]["variants"]}
    assert sent == {"a": 1, "b": 1}
    (step,) = [step for step in found["steps"] if step["step"] == "send-hello"]
    messages = step["messages"]
    assert (messages["asked"], messages["sent"], messages["opened"]) == (3, 2, 1)
    assert found["days"][0]["sent"] == 2


def test_a_segment_is_counted_by_itself(tx: Connection) -> None:
    for number in (1, 2, 3):
        gone(tx, number, out=number == 3, goal=number == 1)
    tx.execute(insert(audiences), {
        "id": 7, "kind": "audience", "key": "some", "version": 1, "collection": 1,
        "state": "live", "made_at": 1,
    })  # fmt: skip
    tx.execute(insert(members), [{"audience": 7, "profile": n, "since": 1} for n in (1, 3)])
    found = report(tx, "tried", NOW, audience="some")
    assert (found["entered"], found["inside"], found["converted"]) == (2, 1, 1)
    assert {step["step"]: step["entered"] for step in found["steps"]} == {
        "holdout": 2, "experiment": 1, "wait-2d": 1,
    }  # fmt: skip
    assert found["days"][0]["entered"] == 2
    with pytest.raises(Refused, match="there is no audience others"):
        report(tx, "tried", NOW, audience="others")


def taken_along(tx: Connection) -> None:
    """Two runs of version 1 get a message each; one is taken along, gets another, and both buy."""
    row = journeys.row(tx, "tried")
    assert row is not None
    times = dict.fromkeys(("scheduled_at", "due_at", "updated_at"), NOW)
    columns = {"channel": "email", "origin": "journey", "origin_key": "tried", "state": "sent"}
    wrote = []
    for number, version in ((1, 2), (2, 1)):
        run = Run(number, "tried", version, "", NOW, "wait-2d", NOW, "active", goal_at=NOW + 9)
        first = [Transition(number, NOW, "holdout", "entered"),
                 Transition(number, NOW, "experiment", "left", "a")]  # fmt: skip
        moved = [Transition(number, NOW + 5, "wait-2d", "migrated", "1", {"to": 2})]
        bought = [Transition(number, NOW + 9, "wait-2d", "converted", None, {"value": 2.5})]
        journey_runs.put(tx, [Placed(run, row.id, number, 0)], {number})
        journey_story.add_moves(tx, first, {number: (row.id, 1)})
        if version == 2:
            journey_story.add_moves(tx, moved, {number: (row.id, 2)})
        journey_story.add_moves(tx, bought, {number: (row.id, version)})
        for at, step in ((NOW + 1, "early"), (NOW + 5, "late"))[:version]:
            of = {"step": step, "template": step, "key": f"journey:{number}:{step}:1"}
            sent = {"created_at": at, "sent_at": at, "opened_at": None}
            wrote.append({**columns, **times, **of, **sent, "id": len(wrote) + 1})
    tx.execute(insert(deliveries), wrote)
    tx.execute(insert(members), [{"profile": n, "audience": 7, "since": 1} for n in (1, 2)])
    tx.execute(insert(audiences), {
        "id": 7, "kind": "audience", "key": "all", "version": 1, "collection": 1,
        "state": "live", "made_at": 1,
    })  # fmt: skip


def by_version(tx: Connection, version: int, audience: str | None = None) -> list[Any]:
    found = report(tx, "tried", NOW, version=version, audience=audience)
    (tried,) = found["experiments"]
    return [
        found["entered"], found["inside"], found["converted"], found["value"],
        {one["template"]: (one["sent"], one["converted"]) for one in found["messages"]},
        [(one["name"], one["runs"], one["converted"]) for one in tried["variants"]],
        tried["variants"][0]["messages"].get("sent", 0),
    ]  # fmt: skip


def test_what_happened_counts_for_the_version_of_then(tx: Connection) -> None:
    defining.put(tx, 2, ("journey", "tried"), {"trigger": {"event": "B"}, "steps": STEPS}, "ada")
    taken_along(tx)
    for audience in (None, "all"):
        assert by_version(tx, 1, audience) == [
            2, 1, 1, 2.5, {"early": (2, 1)}, [("a", 2, 2), ("b", 0, 0)], 3,
        ]  # fmt: skip
        assert by_version(tx, 2, audience) == [
            0, 1, 1, 2.5, {"late": (1, 1)}, [("a", 0, 0), ("b", 0, 0)], 0,
        ]  # fmt: skip
    whole = report(tx, "tried", NOW)
    assert (whole["entered"], whole["converted"], whole["inside"]) == (2, 2, 2)
    # It stays, however long ago: else old figures would come to the version of now.
    journey_story.drop(tx, [1, 2], ["experiment"])
    assert by_version(tx, 1)[2:] == [1, 2.5, {"early": (2, 1)}, [("a", 2, 2), ("b", 0, 0)], 3]


def test_postgres_counts_the_same(tx_of_postgres: Connection) -> None:
    for test in (
        test_messages_are_told_by_step,
        test_a_segment_is_counted_by_itself,
        test_what_happened_counts_for_the_version_of_then,
    ):
        test(tx_of_postgres)
        for table in (deliveries, journey_moves, journey_counts, runs_table, members, audiences):
            tx_of_postgres.execute(delete(table))
