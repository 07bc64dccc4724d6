"""Broadcasts as files: nothing goes that a plan has not said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cdp.cli.plans import sends_text
from cdp.delivery.broadcasts import acts
from cdp.folder import work
from cdp.folder.model import Sends, StalePlan
from cdp.store import Store
from cdp.store.messages import broadcasts
from cdp.store.messages.broadcasts import Broadcast
from tests.folder.shop import apply, define, empty, pull, texts, world, write

TEMPLATE = """\
kind: template
key: sale
channel: email
subject: Sale
body: Come.
"""
SPRING = """\
# before Easter
kind: broadcast
key: spring
state: scheduled
name: Spring
who:
  everybody: true
template: sale
when:
  at: "2099-04-01T08:00:00Z"
"""
AT = 4_078_713_600_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = empty(tmp_path / "store")
    yield made
    made.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    found = tmp_path / "files"
    found.mkdir()
    return found


def row(store: Store, key: str = "spring") -> Broadcast:
    with store.read() as tx:
        return broadcasts.find(tx, key)


def change(store: Store, **values: Any) -> None:
    with store.write() as tx:
        broadcasts.change(tx, broadcasts.find(tx, "spring").id, **values)


def refusal(store: Store, root: Path) -> str:
    with pytest.raises(work.BadFiles) as error:
        apply(store, root)
    return "; ".join(map(str, error.value.faults))


def test_a_file_schedules_and_its_plan_says_so(store: Store, root: Path) -> None:
    write(root, sale=TEMPLATE, spring=SPRING)
    step = apply(store, root)[-1]
    assert (step.action, step.id, step.sends) == (
        "create", ("broadcast", "spring"), Sends("scheduled", 0, True, AT),
    )  # fmt: skip
    assert step.sends is not None and "goes to 0 people at 2099-04-01T08:00:00" in sends_text(
        step.sends
    )
    found = row(store)
    assert (found.state, found.begins_at, found.author) == ("scheduled", AT, "eve (apply)")
    assert apply(store, root) == [] and pull(store, root) == {}


def test_a_changed_time_is_the_new_one_and_a_draft_goes_no_more(store: Store, root: Path) -> None:
    write(root, sale=TEMPLATE, spring=SPRING)
    apply(store, root)
    write(root, spring=SPRING.replace("2099", "2098"))
    [step] = apply(store, root)
    assert [change.field for change in step.changes] == ["when"]
    assert row(store).begins_at == AT - 365 * 86_400_000
    write(root, spring=SPRING.replace("state: scheduled", "state: draft"))
    [step] = apply(store, root)
    assert step.sends is not None and step.sends.at is None
    assert row(store).state == "draft" and row(store).begins_at is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (SPRING.replace("2099", "2020"), "its time has passed"),
        (SPRING[: SPRING.index("when:")], "send nothing at once"),
    ],
)
def test_what_would_go_at_once_stays_a_draft(store: Store, root: Path, text: str, why: str) -> None:
    write(root, sale=TEMPLATE, spring=text)
    step = apply(store, root)[-1]
    assert why in step.warnings[0].text
    assert step.sends is not None and (step.sends.state, step.sends.at) == ("draft", None)
    assert row(store).state == "draft"
    assert apply(store, root) == []


@pytest.mark.parametrize("state", ["gathering", "sending", "paused", "done", "cancelled"])
def test_what_has_begun_is_changed_by_no_file(store: Store, root: Path, state: str) -> None:
    write(root, sale=TEMPLATE, spring=SPRING)
    apply(store, root)
    change(store, state=state)
    assert apply(store, root) == [] and pull(store, root) == {}
    write(root, spring=SPRING.replace("name: Spring", "name: Summer"))
    assert "what has begun can't be changed by a file" in refusal(store, root)
    write(root, spring=SPRING.replace("scheduled", "draft"))
    assert "what has begun" in refusal(store, root)
    assert row(store).name == "Spring" and row(store).state == state


def test_one_that_was_started_by_hand_is_left_alone(store: Store, root: Path) -> None:
    write(root, sale=TEMPLATE, spring=SPRING[: SPRING.index("when:")].replace("scheduled", "draft"))
    apply(store, root)
    with store.write() as tx:
        acts.schedule(tx, broadcasts.find(tx, "spring").id, 5000, at_once=True)
    with pytest.raises(work.Conflicts, match="has changed it since"):
        apply(store, root)
    assert pull(store, root) == {"spring.yaml": "changed"}
    assert apply(store, root) == []
    assert (row(store).state, row(store).begins_at) == ("scheduled", 5000)


def test_what_is_wrong_is_told_with_its_place(store: Store, root: Path) -> None:
    write(root, spring=SPRING.replace("template: sale", "template: sales"))
    assert refusal(store, root).startswith("spring.yaml:8:1: template: there is no template sales")
    write(root, sale=TEMPLATE, spring=SPRING.replace("everybody: true", "audience: nobody"))
    assert "who: there is no audience nobody" in refusal(store, root)
    write(root, spring=SPRING.replace("scheduled", "sending") + "pace: 3\n")
    told = refusal(store, root)
    assert "state: it must be draft or scheduled" in told and "pace: " in told


def test_it_may_be_for_an_audience_of_the_same_apply(store: Store, root: Path) -> None:
    vip = 'kind: audience\nkey: vip\nwho: traits.plan = "pro"\n'
    spring = SPRING.replace("everybody: true", "audience: vip")
    write(root, vip=vip, sale=TEMPLATE, spring=spring)
    step = apply(store, root)[-1]
    assert step.sends == Sends("scheduled", None, True, AT)
    assert row(store).state == "scheduled"


def test_one_that_is_called_becomes_ready(store: Store, root: Path) -> None:
    write(root, sale=TEMPLATE, spring=SPRING[: SPRING.index("when:")] + "triggered: true\n")
    step = apply(store, root)[-1]
    assert step.sends is not None and step.sends.state == "ready"
    assert row(store).state == "ready" and apply(store, root) == []


def test_what_is_pulled_is_applied_and_pulled_again_to_the_byte(store: Store, root: Path) -> None:
    define(store, ("template", "sale"), channel="email", subject="Sale", body="Come.")
    body = {
        "name": "Spring", "who": {"condition": 'traits.plan = "pro"'}, "holdout": 10.0,
        "variants": [{"name": "a", "template": "sale"}, {"name": "b", "template": "sale"}],
        "when": {"local": "2099-04-01T09:00", "zone": "Europe/Berlin"},
    }  # fmt: skip
    with store.write() as tx:
        acts.schedule(tx, acts.create(tx, body, "ada", 1, "spring").id, 2)
        acts.create(tx, {"name": "Later"}, "ada", 3)
    assert set(pull(store, root)) >= {"broadcasts/spring.yaml", "broadcasts/later.yaml"}
    other = empty(root.parent / "other")
    assert [step.sends.state for step in apply(other, root) if step.sends] == ["draft", "scheduled"]
    again = root.parent / "again"
    pull(other, again)
    assert texts(again) == texts(root)
    assert json.loads(row(other).definition) == json.loads(row(store).definition)
    other.close()


def test_a_time_that_passes_before_the_apply_sends_nothing(store: Store, root: Path) -> None:
    write(root, sale=TEMPLATE, spring=SPRING)
    planned = work.plan(store, root, world())
    with pytest.raises(StalePlan, match="has passed meanwhile"):
        work.apply(store, planned, world(), "eve", AT + 1)
    with store.read() as tx:
        assert broadcasts.own(tx) == []
