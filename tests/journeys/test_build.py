"""Journeys in Python say what their files say."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdp.definitions import KINDS
from cdp.files import load_yaml
from cdp.journeys import JourneyError, read
from cdp.journeys.build import (
    Journey,
    branch,
    call,
    emit,
    enters,
    experiment,
    go_to,
    holdout,
    leave,
    on,
    otherwise,
    send,
    send_first_of,
    share,
    split,
    step,
    update,
    value,
    variables,
    variant,
    wait,
    wait_until,
    when,
)

WELCOME = Journey(
    "welcome",
    on("Signed Up", where='properties.plan != "internal"'),
    send("welcome_1").noted("at once"),
    wait("2d").called("pause"),
    branch(
        when('count("Order Completed" within 2d) > 0', leave("bought"), name="bought"),
        otherwise(send_first_of("nudge", "nudge_sms", unread_for="1d")),
    ),
    wait_until("Order Completed", timeout="3d", on_timeout=(send("discount", topic="offers"),)),
    experiment(variant("a", emit("A")), variant("b", emit("B", n=1), share=25)),
    split(share(1, holdout(10)), share(3, update(onboarded=True, old=None))),
    variables(total=value("event.properties.total")),
    step("add_to", audience="vips"),
    call("winback", why="no order"),
    go_to("pause", most=3),
    state="live",
    name="Welcome series",
    entry={"again_after": "30d"},
    if_='traits.country = "PL"',
    goal={"event": "Order Completed", "within": "14d"},
)


def test_what_is_built_is_what_the_file_says(tmp_path: Path) -> None:
    path = tmp_path / "welcome.yaml"
    path.write_text(WELCOME.yaml())
    given = load_yaml(path)
    assert given == WELCOME.file
    assert (given.pop("kind"), given.pop("key"), given.pop("state")) == (
        "journey", "welcome", "live",
    )  # fmt: skip
    assert KINDS["journey"].read("welcome", given).body == WELCOME.body
    built, of_file = WELCOME.program(), read("welcome", given)
    assert {id_: (s.spec, s.exits) for id_, s in built.steps.items()} == {
        id_: (s.spec, s.exits) for id_, s in of_file.steps.items()
    }
    assert (built.asked, built.entry, built.first) == (of_file.asked, of_file.entry, of_file.first)


def test_steps_are_written_in_short() -> None:
    steps = WELCOME.body["steps"]
    assert steps[0] == {"send": "welcome_1", "note": "at once"}
    assert steps[1] == {"wait": "2d", "id": "pause"}
    assert steps[2]["branch"][0] == {
        "name": "bought",
        "when": 'count("Order Completed" within 2d) > 0',
        "then": [{"exit": "bought"}],
    }
    assert steps[7:9] == [{"add_to": "vips"}, {"call": {"journey": "winback",
                          "data": {"why": "no order"}}}]  # fmt: skip


def test_what_is_wrong_is_told() -> None:
    with pytest.raises(JourneyError, match="steps"):
        Journey("x", enters("vips"), step("sendd", template="x")).program()
