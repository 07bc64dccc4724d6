"""Journeys as files: launched by their ``state``, with comments and places kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cdp.delivery.journeys import office
from cdp.folder import work
from cdp.store import Store
from cdp.store.journeys import launched as journeys
from cdp.store.journeys import runs as journey_runs
from cdp.store.journeys.runs import Placed
from tests.folder.shop import apply, define, empty, pull, stored, world, write

WELCOME = """\
kind: journey
key: welcome
state: live                   # draft, when not said
trigger: { event: Signed Up, where: properties.plan != "internal" }
steps:
  # at once
  - send: welcome_1           # the first one
  - wait: 2d                  # two days
  - branch:
      - when: traits.plan = "gold"
        then: [ { exit: gold } ]
  - send: nudge
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return empty(tmp_path / "store")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "files"
    write(made, welcome=WELCOME, **{key: template(key) for key in ("welcome_1", "nudge")})
    return made


def template(key: str) -> str:
    return f"kind: template\nkey: {key}\nchannel: email\nsubject: Hi\nbody: B\n"


def row(store: Store) -> Any:
    with store.read() as tx:
        return journeys.row(tx, "welcome")


def warned(store: Store, root: Path) -> list[str]:
    steps = work.plan(store, root, world()).plan.steps
    return [warning.text for step in steps for warning in step.warnings]


def faults(store: Store, root: Path) -> list[str]:
    with pytest.raises(work.BadFiles) as caught:
        work.plan(store, root, world())
    return [str(fault) for fault in caught.value.faults]


def test_a_live_journey_is_launched_with_the_templates_that_come_with_it(
    store: Store, root: Path
) -> None:
    assert warned(store, root) == [
        "launches it",
        "no destination for email is set up and switched on: messages wait",
    ]
    assert [step.action for step in apply(store, root)] == ["create"] * 3
    assert (row(store).state, row(store).version) == ("live", 1)
    assert "state" not in stored(store, ("journey", "welcome"))
    assert apply(store, root) == []


def test_a_file_is_brought_to_what_it_wants(store: Store, root: Path) -> None:
    apply(store, root)
    for state in ("paused", "live", "draining", "live", "paused", "stopped", "live"):
        write(root, welcome=WELCOME.replace("state: live", f"state: {state}"))
        apply(store, root)
        assert row(store).state == state
    write(root, welcome=WELCOME.replace("wait: 2d", "wait: 3d"))
    apply(store, root)
    assert (row(store).state, row(store).version) == ("live", 2)


def test_a_draft_leaves_what_runs_alone(store: Store, root: Path) -> None:
    apply(store, root)
    write(root, welcome=WELCOME.replace("state: live", "").replace("wait: 2d", "wait: 3d"))
    apply(store, root)
    assert (row(store).state, row(store).version) == ("live", 1)
    assert apply(store, root) == []


def test_a_plan_says_who_is_inside_a_step_that_would_vanish(store: Store, root: Path) -> None:
    apply(store, root)
    run = journey_runs.Run(1, "welcome", 1, "", 0, "wait-2d", 0)
    with store.write() as tx:
        journey_runs.put(tx, [Placed(run, row(store).id, 7, 0)], {1})
    write(root, welcome=WELCOME.replace("wait: 2d", "wait: 3d"))
    said = warned(store, root)
    assert "launches it in place of version 1" in said
    assert any("1 person is inside step wait-2d, which would vanish" in text for text in said)


def test_a_plan_says_which_ways_nobody_takes(store: Store, root: Path) -> None:
    again = """\
      - when: traits.plan = "gold"
        then: [ { exit: never } ]
  - send: nudge
"""
    write(root, welcome=WELCOME.replace("  - send: nudge\n", again))
    [(place, text)] = [
        (fault.field, fault.text)
        for step in work.plan(store, root, world()).plan.steps
        for fault in step.warnings
        if "nobody takes" in fault.text
    ]
    assert place == "steps[2].branch.ways[1].when" and "an earlier one has the same" in text


def test_a_fault_is_told_with_its_line_and_column(store: Store, root: Path) -> None:
    write(root, welcome=WELCOME.replace('plan != "internal"', "plan = = 1"))
    assert [fault.partition(": ")[0] for fault in faults(store, root)] == ["welcome.yaml:4:55"]
    write(root, welcome=WELCOME.replace("send: nudge", "send: nudgee"))
    (fault,) = faults(store, root)
    assert fault.startswith("welcome.yaml:12:5: ") and "Did you mean nudge?" in fault
    write(root, welcome=WELCOME.replace('plan = "gold"', "plan ="))
    assert faults(store, root)[0].startswith("welcome.yaml:10:")
    write(root, welcome=WELCOME.replace("state: live", "state: lively"))
    assert "Did you mean live?" in faults(store, root)[0]


def test_a_pull_keeps_comments_and_order_in_steps(store: Store, root: Path) -> None:
    apply(store, root)
    body = stored(store, ("journey", "welcome"))
    steps = [*body["steps"][:1], {"wait": "3d"}, {"send": "nudge"}, *body["steps"][2:]]
    define(store, ("journey", "welcome"), **{**body, "steps": steps})
    assert pull(store, root) == {"welcome.yaml": "changed"}
    text = (root / "welcome.yaml").read_text()
    assert "  # at once\n  - send: welcome_1           # the first one\n" in text
    assert "  - wait: 3d                  # two days\n  - send: nudge\n  - branch:" in text
    assert "        then: [exit: gold]\n  - send: nudge\n" in text
    assert pull(store, root) == {}


def test_what_was_launched_in_the_console_is_pulled_as_live(store: Store, root: Path) -> None:
    write(root, welcome=WELCOME.replace("state: live", "state: draft"))
    apply(store, root)
    with store.write() as tx:
        office.launch(tx, "welcome", "ada", 5000)
    pull(store, root)
    assert "state: live" in (root / "welcome.yaml").read_text()


def test_a_live_journey_can_not_be_pruned_and_one_that_goes_takes_its_templates(
    store: Store, root: Path
) -> None:
    apply(store, root)
    for name in ("welcome", "welcome_1", "nudge"):
        (root / f"{name}.yaml").unlink()
    with pytest.raises(work.BadFiles) as caught:
        work.plan(store, root, world(), prune=True)
    assert "it is live; stop it first" in str(caught.value.faults[0])
    with store.write() as tx:
        office.stop(tx, "welcome", "ada", 5000)
    assert len(apply(store, root, prune=True, overwrite=True)) == 3
    assert stored(store, ("journey", "welcome")) is None
