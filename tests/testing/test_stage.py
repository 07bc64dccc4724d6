"""The people, clock and messages of tests of journeys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cdp.definitions.scene import Scene
from cdp.testing.stage import CannotPlay, Journey, Stage, scene_of

BODIES: dict[tuple[str, str], Any] = {
    ("journey", "welcome"): {
        "trigger": {"event": "Signed Up"},
        "goal": {"event": "Order Completed"},
        "steps": [{"send": "hello"}, {"wait": "1d"}, {"send": {"first_of": ["hello", "text"]}}],
    },
    ("journey", "vips"): {"trigger": {"enters": "vip"}, "steps": [{"send": "text"}]},
    ("template", "hello"): {"channel": "email", "subject": "Hi {{ customer.id }}", "body": "B"},
    ("template", "text"): {"channel": "sms", "body": "Hi"},
    ("audience", "vip"): {"static": True},
    ("audience", "pros"): {"who": 'traits.plan = "pro"'},
    ("computed_trait", "orders"): {"value": 'count("Order Completed")'},
}


def test_people_share_a_clock_and_a_post_box() -> None:
    stage = Stage(Scene(BODIES))
    ada, bob = stage.person("ada", plan="pro"), stage.person("bob")
    assert stage.person("ada") is ada
    bob.track("Signed Up")
    stage.clock.advance(hours=12)
    ada.track("Signed Up")
    stage.clock.advance(days=1)
    assert [(message.to, message.template) for message in stage.sent] == [
        ("bob", "hello"), ("ada", "hello"), ("bob", "hello"), ("ada", "hello"),
    ]  # fmt: skip
    assert [message.at for message in stage.sent] == sorted(m.at for m in stage.sent)
    assert stage.sent.to(ada).last.templates == ("hello", "text")
    assert stage.sent.last.subject == "Hi ada"
    with pytest.raises(AttributeError):
        _ = stage.sent.last.nothing
    assert ada.audiences == {"pros"}


def test_lists_are_left_to_the_test_and_audiences_are_not() -> None:
    stage = Stage(Scene(BODIES))
    person = stage.person("u1")
    person.enters("vip")
    assert stage.sent.templates == ["text"]
    person.leaves("vip")
    assert person.audiences == set()
    with pytest.raises(CannotPlay, match="pros is worked out"):
        person.enters("pros")
    with pytest.raises(CannotPlay, match="nobody is no list of the folder"):
        person.enters("nobody")


def test_what_a_journey_is_asked() -> None:
    stage = Stage(Scene(BODIES), ["welcome"], "2026-03-01T00:00:00Z")
    person, journey = stage.person("u1"), Journey(stage)
    assert (journey.step(person), journey.ended(person)) == (None, None)
    person.track("Signed Up")
    assert journey.step(person) == "wait-1d"
    person.track("Order Completed")
    assert journey.converted(person) and not journey.converted(person, "vips")
    stage.clock.go_to("2026-03-02T00:00:00Z")
    assert journey.ended(person, "welcome") == "finished"


def test_a_journey_that_stops_does_not_look_like_one_that_waits() -> None:
    steps = [{"wait": "1d"}, {"send": "helo"}, {"send": "hello"}]
    stage = Stage(Scene({**BODIES, ("journey", "welcome"): {"trigger": {"event": "Signed Up"},
                                                            "steps": steps}}))  # fmt: skip
    stage.person("u1").track("Signed Up")
    text = "the journey welcome stops at send-helo: there is no template helo"
    with pytest.raises(CannotPlay, match=text):
        stage.clock.advance(days=2)
    stage.clock.advance(days=2)
    assert not stage.sent


def test_what_only_a_delivery_has_keeps_no_message_from_being_read() -> None:
    body = "<p>{{ customer.id }} <a href='{% unsubscribe_url %}'>No more</a></p>"
    template = {"channel": "email", "subject": "Hi", "body": body}
    stage = Stage(Scene({**BODIES, ("template", "hello"): template}))
    stage.person("u1").track("Signed Up")
    assert "#unsubscribe" in stage.sent.last.html


def test_what_can_not_be_played_is_told(tmp_path: Path) -> None:
    stage = Stage(Scene(BODIES))
    with pytest.raises(CannotPlay, match=r"there is no journey welcom\. Did you mean welcome"):
        Stage(Scene(BODIES), ["welcom"])
    with pytest.raises(CannotPlay, match="time goes on, and not back"):
        stage.clock.advance(days=-1)
    with pytest.raises(CannotPlay, match="is over: it is 2026-01-05"):
        stage.clock.go_to("2026-01-01T00:00:00Z")
    with pytest.raises(CannotPlay, match="soon is no time"):
        stage.clock.go_to("soon")
    with pytest.raises(AssertionError, match="nothing was sent"):
        _ = stage.sent.last
    with pytest.raises(CannotPlay, match="there is no folder"):
        scene_of(tmp_path / "none")
    (tmp_path / "a.yaml").write_text("kind: audience\nkey: a\nwho: nonsense(\n")
    with pytest.raises(CannotPlay, match=r"a.yaml:3:"):
        scene_of(tmp_path)
    # A file that is mended is read anew.
    (tmp_path / "a.yaml").write_text("kind: audience\nkey: a\nwho: traits.a = 1\n")
    assert scene_of(tmp_path).keys("audience") == ["a"]
