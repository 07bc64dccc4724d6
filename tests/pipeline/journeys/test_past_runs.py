"""How runs went goes when they are long over; what is counted of them stays as it was."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cdp.delivery.journeys.report import report
from cdp.pipeline import retention
from cdp.store.journeys import story as journey_story
from cdp.store.tables import journey_moves
from tests.pipeline.journeys.town import DAY, Town

COMPARES = """
trigger: { event: Seen, where: 'properties.text != ""' }
goal: { event: Bought, within: 90d, value: properties.total }
steps:
  - holdout: 40
  - experiment: { variants: [ { name: a, then: [ { set: { x: 1 } } ] }, { name: b } ] }
  - { wait: 1d }
  - { branch: [ { when: event.properties.text = "hello", then: [ { wait: 1d } ] } ] }
"""
WAITS = "trigger: { event: Waits }\nsteps: [ { set: { x: 1 } }, { wait: 300d } ]"


def work(town: Town, **settings: Any) -> None:
    """A day's work."""
    made = replace(town.settings, **settings)
    for _ in range(100):
        if not retention.step(town.store, made, town.now):
            return
    raise AssertionError("it never ends")


def told(town: Town, first: int) -> dict[str, Any]:
    with town.store.read() as tx:
        return report(tx, "j", town.now, first=first, last=first + 100)


def rows(town: Town) -> list[tuple[Any, ...]]:
    with town.store.read() as tx:
        found = tx.execute(journey_moves.select().order_by(journey_moves.c.id)).all()
    return [(row.run, row.what, row.step, row.why) for row in found]


def test_what_is_counted_stays_and_the_rest_goes(town: Town) -> None:
    town.journey("j", COMPARES)
    town.journey("waits", WAITS)
    first = town.now // DAY
    for number in range(12):
        town.track(f"u{number}", "Seen", text="hello")
        town.track(f"u{number}", "Waits")
    town.wait(hours=1)
    for number in range(4):
        town.track(f"u{number}", "Bought", total=5)
    town.wait(days=5)
    town.track("late", "Seen", text="hello")
    town.wait(days=28)
    before, moves = told(town, first), rows(town)
    assert before["converted"] == 4 and before["value"] == 20
    assert all(way["runs"] for way in before["experiments"][0]["variants"])

    work(town, journey_days=40)
    assert rows(town) == moves  # nothing is so old
    work(town, journey_days=30, anonymous_days=400)
    assert rows(town) == moves  # today's work is done
    town.now += DAY
    work(town, journey_days=30)
    assert told(town, first) == before
    late = town.runs("j")[-1].run.id
    over = {item.run.id for item in town.runs("j")} - {late}
    left = [row for row in rows(town) if row[0] in over]
    assert {what for _, what, _, _ in left} == {"ended", "left", "converted"}
    assert {step for _, what, step, _ in left if what == "left"} == {"holdout", "experiment"}
    assert all(why is None for _, what, _, why in left if what == "ended")
    # Whoever is inside, or left lately, is kept as a whole; so is who was in at all.
    assert [row for row in rows(town) if row[0] not in over] == [
        row for row in moves if row[0] not in over
    ]
    runs = {item.run.id: item.run for item in town.runs("j")}
    assert all(not runs[id_].data and not runs[id_].visits for id_ in over)
    assert runs[late].data["event"]["properties"] == {"text": "hello"}
    town.track("u0", "Seen", text="hello")
    assert len(town.runs("j")) == 13

    # Who was in can still reach the goal.
    converted = {row[0] for row in rows(town) if row[1] == "converted"}
    late_one = next(p for p in town.runs("j") if p.run.id in over - converted)
    user = f"u{sorted(over).index(late_one.run.id)}"
    town.track(user, "Bought", total=7)
    assert told(town, first)["value"] == 27


def test_it_goes_on_where_it_was_and_follows_events(town: Town) -> None:
    town.journey("j", "trigger: { event: Seen }\nentry: every_time\nsteps: [ { set: { x: 1 } } ]")
    for day in range(6):
        town.track("u1", "Seen")
        town.sleep(10)
        work(town, events_days=25)
        with town.store.read() as tx:
            kept = [
                run for run in (item.run.id for item in town.runs("j"))
                if len(journey_story.moves_of(tx, [run])) > 1
            ]  # fmt: skip
        assert len(kept) == min(day + 1, 2), (day, kept)
