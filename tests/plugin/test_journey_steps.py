"""Steps that a plugin brings: they decide, wait, fail, and are refused where they can't be one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from marshmallow import fields

from cdp.journeys import JourneyError, read
from cdp.journeys.steps import STEPS
from cdp.plugin import GoOn, JourneyStep, SettingsSchema, StepMoment, WaitFor, hookimpl
from cdp.plugin.manager import Plugins
from cdp.server.functions import know_functions
from cdp.store.journeys import launched as journeys
from tests.pipeline.journeys.town import HOUR, Town


class PickSettings(SettingsSchema):
    limit = fields.Integer(required=True)


class Pick(JourneyStep):
    """Waits for an hour or an answer, then goes by a number."""

    name = "pick"
    title = "Pick"
    summary = "Picks a way by a number."
    Settings = PickSettings
    exits = ("high",)

    def decide(self, settings: Mapping[str, Any], moment: StepMoment) -> GoOn | WaitFor:
        number = moment.event["properties"]["n"]
        if number < 0:
            raise ValueError("no such number")
        if moment.cause == "entered":
            return WaitFor(moment.now + HOUR, ("Answered",), note={"n": number})
        assert moment.note == {"n": number}
        if moment.cause == "event":
            number = (moment.happened or {})["properties"]["n"]
        return GoOn(
            "high" if number > settings["limit"] else "next",
            variables={"picked": number},
            events=(("Picked", {"n": number, "cause": moment.cause}),),
        )


class Plugin:
    def __init__(self, *steps: Any) -> None:
        self._steps = list(steps)

    @hookimpl
    def register_journey_steps(self) -> list[Any]:
        return self._steps


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """What a test brings is gone after it."""
    kept = dict(STEPS)
    yield
    STEPS.clear()
    STEPS.update(kept)


def load(*steps: Any) -> Plugins:
    plugins = Plugins()
    plugins.register(Plugin(*steps), "acme")
    return know_functions(plugins)


JOURNEY = """
trigger: { event: Go }
entry: every_time
while_in: start
steps:
  - pick: { limit: 5, on: { high: [ { emit: High }, { exit: high } ] } }
  - emit: { event: Low, properties: { n: { value: journey.picked } } }
"""


def test_a_step_waits_decides_and_says_events(tmp_path: Path) -> None:
    assert load(Pick()).failures == []
    town = Town(tmp_path / "data")
    town.journey("j", JOURNEY)
    town.track("u1", "Go", n=3)
    town.track("u2", "Go", n=9)
    assert town.steps("j") == ["pick", "pick"]
    town.track("u1", "Answered", n=7)
    assert town.steps("j") == ["exit:high", "pick"]
    town.wait(hours=1)
    assert town.steps("j") == ["exit:high", "exit:high"]
    said = [(item["event"], item["properties"].get("cause")) for item in town.said()]
    assert said == [("Picked", "event"), ("High", None), ("Picked", "due"), ("High", None)]
    town.track("u3", "Go", n=1)
    town.wait(hours=1)
    assert town.said()[-1]["properties"] == {"n": 1}
    town.close()


def test_what_a_step_raises_stops_its_run_alone(tmp_path: Path) -> None:
    load(Pick())
    town = Town(tmp_path / "data")
    town.journey("j", JOURNEY)
    town.send(
        town.message(type="track", userId="u1", event="Go", properties={"n": -1}),
        town.message(type="track", userId="u2", event="Go", properties={"n": 1}),
    )
    first, second = (item.run for item in town.runs("j"))
    assert first.held and first.error == "acme: ValueError: no such number"
    assert not second.held and second.due is not None
    town.close()


def test_who_is_in_a_step_that_is_gone_stands_still_until_it_is_back(tmp_path: Path) -> None:
    load(Pick())
    town = Town(tmp_path / "data")
    town.journey("j", JOURNEY)
    town.track("u1", "Go", n=9)
    del STEPS["pick"]
    town.restart()
    town.wait(hours=2)
    run = town.runs("j")[0].run
    assert run.held and run.error == "the journey can't be read (version 1)"
    with town.store.read() as tx:
        row = journeys.row(tx, "j")
    assert row is not None and "there is no step pick" in (row.error or "")
    load(Pick())
    town.restart()
    town.order("j", "resume")
    with town.store.read() as tx:
        row = journeys.row(tx, "j")
    assert row is not None and row.error is None
    town.wait(hours=1)
    assert town.steps("j") == ["exit:high"]
    town.close()


def test_settings_are_checked_and_ways_out_as_well() -> None:
    load(Pick())
    body = {"trigger": {"event": "Go"}, "steps": [{"pick": {"limit": "many", "on": {"low": []}}}]}
    with pytest.raises(JourneyError) as error:
        read("j", body)
    assert [(w.field, w.text) for w in error.value.wrong] == [
        ("steps[0].pick.limit", "Not a valid integer.")
    ]
    body["steps"][0]["pick"]["limit"] = 1  # type: ignore[index]
    with pytest.raises(JourneyError, match="pick has no way out low; it has high"):
        read("j", body)


def test_what_is_no_step_is_refused() -> None:
    class Nameless(Pick):
        name = "No name"

    class Wait(Pick):
        name = "wait"

    failures = load(Nameless()).failures
    assert [item.hook for item in failures] == ["register_journey_steps"]
    assert "is no name of a step" in failures[0].error
    assert "there is a step wait already" in load(Wait()).failures[0].error
    assert "is no JourneyStep" in load(object()).failures[0].error
