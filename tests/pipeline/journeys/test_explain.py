"""Why somebody got what they got, and why somebody didn't come in."""

from __future__ import annotations

from typing import Any

import pytest

from cdp.pipeline.journeys.explain import Explained, NoJourney, explained, whose
from cdp.store.profiles import people
from tests.pipeline.journeys.town import Town

WELCOME = """
trigger: { event: Signed Up, where: properties.plan != "internal" }
if: traits.country = "PL" and count("Order Completed") = 0
goal: { event: Order Completed, within: 14d }
steps:
  - send: welcome_1
  - wait: 2d
  - branch:
      - when: count("Order Completed" within 2d) > 0
        then: [ { exit: bought } ]
      - else: [ { send: nudge } ]
"""


def explain(town: Town, user: str, key: str = "welcome") -> Explained:
    with town.store.read() as tx:
        profile = people.named(tx, f"user_id:{user}")
        assert profile is not None
        return explained(tx, key, profile, town.now)


def checks(found: Explained) -> dict[str, tuple[bool, str]]:
    return {check.name: (check.ok, check.text) for check in found.checks}


def test_each_step_with_why_and_what_was_sent(town: Town) -> None:
    town.journey("welcome", WELCOME, "welcome_1 nudge")
    town.identify("u1", country="PL")
    town.track("u1", "Signed Up", plan="pro")
    town.wait(days=1)
    town.track("u1", "Order Completed", total=5)
    town.wait(days=1)
    found = explain(town, "u1")
    [run] = found.runs
    with town.store.read() as tx:
        assert whose(tx, "welcome", run["run"]).id == town.runs("welcome")[0].profile
        with pytest.raises(NoJourney, match="the journey welcome has no run 99"):
            whose(tx, "welcome", 99)
    assert run["entered"]["clauses"] == [
        {"clause": 'traits.country = "PL"', "holds": True, "value": "PL"},
        {"clause": 'count("Order Completed") = 0', "holds": True, "value": 0},
    ]
    steps: list[dict[str, Any]] = run["steps"]
    assert [(s["step"], s["visit"], s["what"], s["exit"]) for s in steps] == [
        ("send-welcome_1", 1, "left", "next"),
        ("wait-2d", 1, "left", "next"),
        ("branch", 1, "left", "when-1"),
        ("exit-bought", 1, "left", "end"),
    ]
    assert steps[0]["message"]["template"] == "welcome_1"
    assert steps[1]["came"] != steps[1]["left"] == steps[1]["until"]
    clause = {"clause": 'count("Order Completed" within 2d) > 0', "holds": True, "value": 1}
    assert steps[2]["why"]["clauses"] == {"when-1": [clause]}
    assert (run["status"], run["reason"]) == ("ended", "exit:bought")
    assert run["converted"] is not None
    assert checks(found)["entry"][0] is False


def test_who_did_not_come_in_learns_why(town: Town) -> None:
    town.journey("welcome", WELCOME, "welcome_1 nudge")
    town.identify("never", country="PL")
    town.identify("other", country="PL")
    town.track("other", "Signed Up", plan="internal")
    town.identify("abroad", country="DE")
    town.track("abroad", "Signed Up")
    town.now += 1000
    town.identify("abroad", country="PL")  # too late
    town.now += 1000
    assert checks(explain(town, "never"))["trigger"] == (
        False,
        "nothing began it: the event Signed Up was not seen",
    )
    ok, text = checks(explain(town, "other"))["trigger"]
    assert (ok, text.endswith("but it is not one that its where means")) == (False, True)
    found = explain(town, "abroad")
    assert checks(found)["trigger"][0] is True
    [failed] = [check for check in found.checks if not check.ok]
    assert failed.name == "filter"
    assert failed.clauses[0] == {
        "clause": 'traits.country = "PL"', "holds": False, "value": "DE",
    }  # fmt: skip
    assert found.runs == []


def test_what_was_seen_before_the_launch_does_not_count(town: Town) -> None:
    for name in ("welcome_1", "nudge"):
        town.define("template", name, "{channel: email, subject: Hi, body: Hi}")
    town.define("journey", "welcome", WELCOME)
    town.track("u1", "Signed Up")
    found = explain(town, "u1")
    assert found.state == "draft"
    assert checks(found)["launched"] == (False, "it was never launched")
    assert found.seen[0].counts
    town.now += 1000
    town.journey("welcome", WELCOME)
    town.state("welcome", "paused")
    found = explain(town, "u1")
    assert found.seen[0].text == "that was before the launch"
    assert checks(found)["launched"][0] is False
    with pytest.raises(NoJourney, match="there is no journey none"):
        explain(town, "u1", "none")


def test_triggers_that_are_no_events(town: Town) -> None:
    steps = "steps: [{ wait: 1d }]"
    town.define("audience", "pros", '{ who: traits.plan = "pro" }')
    town.journey("joined", f"trigger: {{ enters: pros }}\n{steps}")
    town.journey("upgraded", f"trigger: {{ trait: plan, to: pro }}\n{steps}")
    town.identify("u1", plan="free")
    town.identify("u1", plan="pro")
    assert checks(explain(town, "u1", "joined"))["trigger"][1].startswith("they entered pros at")
    found = explain(town, "u1", "upgraded")
    assert [(item.counts, item.text) for item in found.seen] == [
        (True, ""), (False, "it became another value"),
    ]  # fmt: skip
    assert found.runs[0]["step"] == "wait-1d"
