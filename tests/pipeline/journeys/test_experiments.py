"""Experiments decide by their own rules: a winner, a variant that must stop; or somebody does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select, update

from cdp.delivery.journeys import office, shown
from cdp.delivery.journeys.report import report
from cdp.journeys.verdict import verdict
from cdp.store.journeys import decisions as journey_decisions
from cdp.store.journeys import launched as journeys
from cdp.store.journeys import story as journey_story
from cdp.store.journeys import trials
from cdp.store.journeys.decisions import Decision
from cdp.store.journeys.report import Way
from cdp.store.messages import deliveries
from cdp.store.tables import deliveries as rows
from tests.pipeline.journeys.town import DAY, Town

RULE = "winner: { after: 2d, least: 20 }"
TRIED = """
trigger: { event: Came }
entry: every_time
steps:
  - experiment:
      variants: [ { name: a, then: [ { send: hello } ] }, { name: b, then: [ { send: bye } ] } ]
      goal: { event: Bought, within: 7d }
      %s
    id: exp
  - wait: 30d
"""


def come(town: Town, n: int, first: int = 0) -> None:
    """So many people come."""
    names = [f"u{first + k}" for k in range(n)]
    town.send(*[
        town.message(type="track", userId=name, event="Came", properties={"who": name})
        for name in names
    ])  # fmt: skip


def ways(town: Town, key: str = "tried") -> dict[str, list[str | None]]:
    """The variants that each person got, in order."""
    runs = {item.run.id: item.run.data["event"]["properties"]["who"] for item in town.runs(key)}
    found: dict[str, list[str | None]] = {who: [] for who in runs.values()}
    with town.store.read() as tx:
        for move in journey_story.moves_of(tx, sorted(runs)):
            if (move.step, move.what) == ("exp", "left"):
                found[runs[move.run]].append(move.exit)
    return found


def buy(town: Town, variant: str, n: int, event: str = "Bought") -> None:
    """So many of those who got a variant do something."""
    some = [who for who, got in ways(town).items() if got[0] == variant][:n]
    town.send(*[town.message(type="track", userId=who, event=event) for who in some])


def told(town: Town, key: str = "tried") -> list[Decision]:
    with town.store.read() as tx:
        row = journeys.row(tx, key)
        assert row is not None
        return journey_decisions.of(tx, row.id)[::-1]


def status(town: Town, key: str = "tried") -> dict[str, Any]:
    with town.store.read() as tx:
        return shown.shown(tx, key)


def pick(town: Town, variant: str | None, reason: str = "") -> None:
    with town.store.write() as tx:
        office.pick(tx, "tried", "ada", town.now, "exp", variant, reason)
    town.settle()


def test_a_winner_is_decided_for_and_whoever_comes_gets_it(town: Town) -> None:
    town.journey("tried", TRIED % RULE, "hello bye")
    come(town, 80)
    before = ways(town)
    a, b = (sum(got == [name] for got in before.values()) for name in "ab")
    buy(town, "b", b - 5)
    buy(town, "a", 2)
    town.wait(days=1.9)
    assert status(town)["winners"] == {}
    town.wait(days=0.2)
    assert status(town)["winners"] == {"exp": "b"}
    (one,) = told(town)
    assert (one.kind, one.step, one.variant, one.author) == ("winner", "exp", "b", None)
    assert one.reason.startswith(f"b ({(b - 5) / b:.1%} of {b}) is surely better at 95 % than a (")
    figures = one.figures
    assert [(v["name"], v["runs"], v["converted"]) for v in figures["variants"]] == [
        ("a", a, 2), ("b", b, b - 5),
    ]  # fmt: skip
    assert figures["variants"][1]["lift_low"] > 0
    come(town, 20, 100)
    now = ways(town)
    assert {who: got for who, got in now.items() if who in before} == before
    assert all(got == ["b"] for who, got in now.items() if who not in before)
    said = [one for one in town.said() if one.get("event") == "Experiment Viewed"]
    assert len(said) == 80  # who gets the winner is no part of the experiment
    with town.store.read() as tx:
        (tried,) = report(tx, "tried", town.now)["experiments"]
    assert [v["runs"] for v in tried["variants"]] == [a, b]
    assert (tried["winner"], tried["decisions"][0]["variant"]) == ("b", "b")
    town.restart()
    town.wait(days=3)
    assert len(told(town)) == 1


@pytest.mark.parametrize(
    ("otherwise", "winners", "text"),
    [
        ("best", {"exp": "b"}, "; b is taken, the best, as its rule says"),
        ("first", {"exp": "a"}, "; a is taken, the first, as its rule says"),
        ("go_on", {}, "; people go on by lot"),
    ],
)
def test_when_none_is_surely_better_the_rule_says_what_then(
    town: Town, otherwise: str, winners: dict[str, str], text: str
) -> None:
    rule = f"winner: {{ after: 2d, least: 10, until: 3d, otherwise: {otherwise} }}"
    town.journey("tried", TRIED % rule, "hello bye")
    come(town, 60)
    buy(town, "b", 4)
    buy(town, "a", 1)
    town.wait(days=2.1)
    (first,) = told(town)
    assert first.kind == "undecided" and first.reason.startswith("no variant is surely better")
    town.wait(days=5)
    assert status(town)["winners"] == winners
    assert len(told(town)) == 2 and told(town)[1].reason.endswith(text)


def test_too_few_decide_nothing(town: Town) -> None:
    town.journey("tried", TRIED % RULE, "hello bye")
    come(town, 10)
    buy(town, "b", 5)
    town.wait(days=4)
    assert not told(town) and status(town)["winners"] == {}


def test_somebody_decides_by_hand_and_takes_it_back(town: Town) -> None:
    town.journey("tried", TRIED % RULE, "hello bye")
    come(town, 60)
    pick(town, "a", "we like it better")
    assert status(town)["winners"] == {"exp": "a"}
    (one,) = told(town)
    assert (one.author, one.reason) == ("ada", "we like it better")
    assert sum(v["runs"] for v in one.figures["variants"]) == 60
    come(town, 10, 100)
    assert {got[0] for who, got in ways(town).items() if len(who) == 4} == {"a"}
    pick(town, None)
    come(town, 20, 200)
    assert {got[0] for who, got in ways(town).items() if who >= "u200" and len(who) == 4} == {
        "a", "b",
    }  # fmt: skip
    buy(town, "b", 25)
    town.wait(days=5)
    assert len(told(town)) == 2  # the rule has nothing to say any more


def test_a_guardrail_stops_a_variant_and_others_keep_theirs(town: Town) -> None:
    text = TRIED.replace("{ name: b,", "{ name: c }, { name: b,") % (
        "guardrails: [ { event: Cancelled, most: 20, least: 10 } ]"
    )
    town.journey("tried", text, "hello bye")
    come(town, 90)
    before = ways(town)
    n = sum(got == ["b"] for got in before.values())
    buy(town, "b", 9, "Cancelled")
    buy(town, "a", 3, "Cancelled")
    town.wait(hours=0.5)
    assert status(town)["closed"] == {"exp": ["b"]}
    (one,) = told(town)
    text = f"Cancelled: 9 of {n} ({9 / n:.2%}) in b; the limit is 20 %"
    assert (one.kind, one.variant, one.reason) == ("guarded", "b", text)
    come(town, 40, 100)
    later = [got[0] for who, got in ways(town).items() if who not in before]
    assert set(later) == {"a", "c"}
    pick(town, "b", "it was another thing")
    assert status(town)["closed"] == {} and status(town)["winners"] == {"exp": "b"}


def test_a_guardrail_of_messages_and_the_last_variant_stays(town: Town) -> None:
    rule = "guardrails: [ { messages: complained, most: 5, least: 10 } ]"
    town.journey("tried", (TRIED % rule) + "limits: { stop: false }\n", "hello bye")
    come(town, 40)
    for step in ("send-bye", "send-hello"):
        with town.store.write() as tx:
            ids = list(tx.execute(select(rows.c.id).where(rows.c.step == step)).scalars())
            tx.execute(update(rows).where(rows.c.id.in_(ids)).values(sent_at=town.now))
            deliveries.first_time(tx, "complained_at", ids[:6], town.now)
        town.wait(hours=0.5)
    assert status(town)["closed"] == {"exp": ["b"]}
    one, other = told(town)
    assert "messages that were complained about: 6 of" in one.reason
    assert other.reason.endswith("; it goes on, for no other variant is left")
    town.wait(hours=1)
    assert len(told(town)) == 2


ROUND = """
trigger: { event: Came }
entry: every_time
steps:
  - experiment: { variants: [ { name: a }, { name: b } ] }
    id: exp
  - wait: 1d
  - goto: { step: exp, most: 3 }
"""


def test_whoever_comes_round_again_gets_what_they_had(town: Town) -> None:
    town.journey("tried", ROUND)
    come(town, 12)
    first = ways(town)
    won = "b"
    assert {got[0] for got in first.values()} == {"a", "b"}
    pick(town, won)
    come(town, 12, 100)
    town.wait(days=1.1)
    for who, got in ways(town).items():
        assert got == [first[who][0]] * 2 if who in first else got == [won] * 2
    pick(town, None)
    town.wait(days=1)
    assert all(len(set(got)) == 1 and len(got) == 3 for got in ways(town).values())


def test_what_is_enough_for_a_winner() -> None:
    assert verdict([Way("a", 99, 0), Way("b", 200, 9)], 100, 95).text == (
        "a was shown 99 times, not yet 100"
    )
    close = [Way("a", 100, 10), Way("b", 100, 21), Way("c", 100, 2)]
    assert verdict(close, 100, 95).winner == "b"
    assert verdict(close, 100, 99).winner is None
    assert verdict([*close, Way("d", 100, 20)], 100, 95).enough


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Counting ends once this is set."""
    go, count = threading.Event(), trials.variants

    def slowly(*args: Any) -> list[Way]:
        assert go.wait(60)
        return count(*args)

    monkeypatch.setattr(trials, "variants", slowly)
    yield go
    go.set()


def test_people_go_on_while_it_is_counted(town: Town, counted: threading.Event) -> None:
    town.journey("tried", TRIED % RULE, "hello bye")
    come(town, 80)
    buy(town, "b", 30)
    town.now += 3 * DAY
    pipeline = town.pipeline
    pipeline.drain()
    assert all([pipeline.fire() for _ in range(5)])  # something waits, and nothing is decided
    come(town, 5, 200)
    assert len(ways(town)) == 85 and told(town) == []
    counted.set()
    town.settle()
    assert [one.kind for one in told(town)] == ["winner"]


def test_a_pick_by_hand_is_counted_beside_them_too(town: Town, counted: threading.Event) -> None:
    town.journey("tried", TRIED % "", "hello bye")
    come(town, 8)
    with town.store.write() as tx:
        for variant, reason in (("a", "first"), ("b", "no, that one")):
            office.pick(tx, "tried", "ada", town.now, "exp", variant, reason)
        office.drain(tx, "tried", "ada", town.now)
    pipeline = town.pipeline
    for _ in range(5):
        pipeline.carry_out()
        assert pipeline.fire()
    assert told(town) == [] and status(town)["winners"] == {}
    town.restart()  # what was counted is lost, what was wanted is not
    counted.set()
    town.settle()
    assert status(town)["winners"] == {"exp": "b"}
    assert {one.reason for one in told(town)} == {"first", "no, that one"}
    assert all(sum(v["runs"] for v in one.figures["variants"]) == 8 for one in told(town))
    with town.store.read() as tx:
        orders = journeys.orders_of(tx, journeys.all_rows(tx)[0].id)
    assert {one.state for one in orders} == {"done"} and len(orders) == 3
