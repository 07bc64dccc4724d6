"""What a journey would have done is what it did, where it really ran."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from cdp.conditions.expand import expand
from cdp.definitions.space import Space
from cdp.journeys import Program, Read
from cdp.pipeline.journeys.backtest import Backtested, backtest
from cdp.store.audiences.lists import ListsAt
from cdp.store.journeys import launched as journeys
from cdp.store.journeys import runs as journey_runs
from cdp.store.journeys import story as journey_story
from tests.pipeline.journeys.town import BEGIN, DAY, Town, _yaml

WELCOME = """
trigger: { event: Signed Up, where: properties.plan != "internal" }
entry: every_time
if: traits.country = "PL"
goal: { event: Order Completed, within: 14d }
exit_when: audience("lost")
steps:
  - send: welcome_1
  - wait: 2d
  - branch:
      - when: count("Order Completed" within 2d) > 0
        then: [ { exit: bought } ]
      - else: [ { send: nudge } ]
  - split: [ { share: 50, then: [ { wait: 1d } ] }, { share: 50, then: [ { emit: Lucky } ] } ]
  - wait_until: { event: Order Completed, same: properties.shop, timeout: 3d }
  - update: { traits: { onboarded: true } }
"""
#: A version that asks sooner.
SOONER = WELCOME.replace("wait: 2d", "wait: 1h").replace("send: nudge", "send: welcome_1")


def program(body: str, version: int = 1) -> Program:
    made = Space({}).made_of()
    read = Read("welcome", _yaml.load(body), version, lambda root: expand(root, made))
    assert read.program is not None, read.wrong
    return read.program


def played(town: Town, *bodies: str, **more: Any) -> Backtested:
    programs = [(str(at + 1), program(body, at + 1)) for at, body in enumerate(bodies)]
    with town.store.read() as tx:
        return backtest(tx, programs, BEGIN - DAY, town.now, ListsAt(tx), **more)


def some_weeks(town: Town) -> None:
    """A dozen people sign up, buy, move, get lost."""
    random = Random(5)
    for number in range(10):
        town.identify(f"u{number}", country="PL")
    for _ in range(14):
        town.wait(hours=random.randrange(5, 40))
        for user in random.sample([f"u{n}" for n in range(12)], 5):
            match random.randrange(8):
                case 0 | 1 | 2:
                    plan, shop = random.choice(["pro", "pro", "internal"]), random.randrange(2)
                    town.track(user, "Signed Up", plan=plan, shop=shop)
                case 3 | 4:
                    town.track(user, "Order Completed", shop=random.randrange(2))
                case 5:
                    town.track(user, "Got Lost")
                case _:
                    town.identify(user, country=random.choice(["PL", "PL", "DE"]))
            town.now += 1000
    town.wait(days=1)


def test_it_would_have_done_what_it_did(town: Town) -> None:
    town.define("audience", "lost", '{ who: count("Got Lost" within 3d) > 0 }')
    town.journey("welcome", WELCOME, "welcome_1 nudge")
    some_weeks(town)
    found = played(town, WELCOME, SOONER)
    [(_, tally), (_, sooner)] = found.tallies
    with town.store.read() as tx:
        row = journeys.row(tx, "welcome")
        assert row is not None
        counts = journey_story.counts(tx, row.id)
        standing = journey_runs.standings(tx, row.id)
    runs = town.runs("welcome")
    assert 8 < len(runs) == tally.entered
    edges = Counter[tuple[str, str]]()
    for count in counts:
        if count.what == "left":
            edges[count.step, count.exit] += count.n
    assert len({step for step, _ in edges}) >= 6
    assert tally.edges == edges
    assert tally.ended == Counter(p.run.reason for p in runs if p.run.reason is not None)
    assert tally.inside == Counter({at.step: at.n for at in standing})
    assert tally.converted == sum(p.run.goal_at is not None for p in runs)
    assert tally.sent == Counter(town.sent())
    # The other version beside it, over the same past.
    assert sooner.entered >= tally.entered
    assert set(sooner.sent) == {"welcome_1"}
    told = found.told()
    assert told["versions"][0]["runs"] == tally.entered
    assert sum(told["versions"][0]["messages_per_person_and_week"].values()) > 0


def test_near_messages_from_elsewhere_and_limits(town: Town) -> None:
    town.define("audience", "lost", '{ who: count("Got Lost" within 3d) > 0 }')
    for name in ("welcome_1", "nudge"):
        town.define("template", name, "{channel: email, subject: Hi, body: Hi}")
    other = "trigger: { event: Signed Up }\nsteps: [ { send: nudge } ]"
    town.journey("other", other)
    for user in ("u1", "u2", "u3"):
        town.identify(user, country="PL", email=f"{user}@x.test")
        town.track(user, "Signed Up")
    with town.store.write() as tx:
        tx.exec_driver_sql(f"UPDATE deliveries SET sent_at = {town.now}, state = 'sent'")
    town.wait(days=20)
    found = played(town, WELCOME)
    assert found.tallies[0][1].near == Counter({"journey other": 3})
    assert found.candidates == found.looked_at == 3
    looked = []
    found = played(town, WELCOME, limit=2, progress=looked.append)
    assert (found.candidates, found.looked_at) == (3, 2)
    assert looked[-1] == (2, 2)
    assert town.sent() == ["nudge"] * 3  # nothing was written


def test_triggers_of_other_kinds(town: Town) -> None:
    town.define("audience", "pros", '{ who: traits.plan = "pro" }')
    town.settle()
    town.identify("u1", plan="pro")
    town.wait(days=1)
    town.identify("u2", plan="free", born="1990-10-01")
    town.wait(days=10)
    entered = {}
    for trigger in ("enters: pros", "trait: plan, to: free", "date: born, yearly: true",
                    "every: week, audience: pros", "group: true"):  # fmt: skip
        body = f"trigger: {{ {trigger} }}\nentry: every_time\nsteps: [ {{ exit: done }} ]"
        entered[trigger] = played(town, body).tallies[0][1].entered
    assert entered == {
        "enters: pros": 1, "trait: plan, to: free": 1, "date: born, yearly: true": 1,
        "every: week, audience: pros": 1, "group: true": 0,
    }  # fmt: skip


def test_who_became_one_with_somebody_has_left_nothing_by_that(town: Town) -> None:
    leaving = "trigger: { leaves: pros }\nentry: every_time\nsteps: [ { exit: done } ]"
    town.define("audience", "pros", '{ who: traits.plan = "pro" }')
    town.journey("leaving", leaving)
    for who in ({"userId": "u1"}, {"anonymousId": "a1"}):
        town.send(town.message(type="identify", traits={"plan": "pro"}, **who))
    town.wait(days=1)
    town.send(town.message(type="track", event="Logged In", userId="u1", anonymousId="a1"))
    town.wait(days=1)
    assert (played(town, leaving).tallies[0][1].entered, town.runs("leaving")) == (0, [])
    town.identify("u1", plan="free")
    town.wait(days=1)
    assert (played(town, leaving).tallies[0][1].entered, len(town.steps("leaving"))) == (1, 1)
