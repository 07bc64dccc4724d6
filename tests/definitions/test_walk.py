"""Walking somebody through a journey by a script."""

from __future__ import annotations

from typing import Any

import pytest

from cdp.definitions.scene import Scene
from cdp.definitions.walk import BadScript, walk
from cdp.events import parse_time
from cdp.journeys.replay import Life

JOURNEY = {
    "trigger": {"event": "Signed Up"},
    "steps": [
        {"send": "welcome"},
        {"wait": "2d"},
        {"branch": [{"when": 'count("Order Completed") > 0', "then": [{"send": "thanks"}]}]},
        {"approval": "Give a coupon?"},
        {"update": {"traits": {"coupon": True}}},
    ],
}
BODIES: dict[tuple[str, str], Any] = {
    ("journey", "j"): JOURNEY,
    ("template", "welcome"): {"channel": "sms", "body": "Hi {{ customer.name }}"},
    ("template", "thanks"): {"channel": "sms", "body": "Thanks for {{ event.shop }}"},
    ("audience", "buyers"): {"who": 'count("Order Completed") > 0'},
    ("audience", "broken"): {"who": "nonsense("},
}
START = parse_time("2026-01-05T09:00:00Z")


def walked(*script: dict[str, Any]) -> list[dict[str, Any]]:
    assert START is not None
    scene = Scene(BODIES)
    assert list(scene.broken) == ["broken"]
    return list(walk(Life(scene.setting(), "u1", START), scene, script, "u1"))


def test_each_step_with_why_and_what_it_says() -> None:
    told = walked(
        {"type": "identify", "traits": {"name": "Ada"}},
        {"event": "Signed Up", "properties": {"shop": "Tea"}},
        {"event": "Order Completed", "timestamp": "2026-01-06T09:00:00Z"},
        {"advance": "3d"},
        {"answer": "approved"},
    )
    steps = [item for item in told if item["kind"] == "step"]
    assert [(s["at"][:10], s["step"], s["what"], s["exit"]) for s in steps] == [
        ("2026-01-05", "send-welcome", "entered", None),
        ("2026-01-05", "send-welcome", "left", "next"),
        ("2026-01-05", "wait-2d", "waits", None),
        ("2026-01-07", "wait-2d", "left", "next"),
        ("2026-01-07", "branch", "left", "when-1"),
        ("2026-01-07", "send-thanks", "left", "next"),
        ("2026-01-07", "approval", "waits", None),
        ("2026-01-09", "approval", "left", "next"),
        ("2026-01-09", "update-coupon", "left", "next"),
        ("2026-01-09", "update-coupon", "ended", "finished"),
    ]
    assert [s["did"] for s in steps if s["did"]] == [
        [{"send": ["welcome"], "channel": "sms", "content": {"text": "Hi Ada"}}],
        [{"send": ["thanks"], "channel": "sms", "content": {"text": "Thanks for Tea"}}],
        [{"update": {"coupon": True}}],
    ]
    assert steps[4]["why"]["clauses"]["when-1"][0]["value"] == 1
    assert [item["said"].get("event") for item in told if item["kind"] == "said"][1] == "Signed Up"


def test_what_can_not_be_rendered_is_told() -> None:
    [sent] = [item["did"][0] for item in walked({"event": "Signed Up"}) if item.get("did")]
    assert "customer.name" in sent["error"]


@pytest.mark.parametrize(
    ("item", "text"),
    [
        ({"advance": "soon"}, "item 2: soon is no length of time such as 3d"),
        ({"type": "alias"}, "item 2: alias is no call; one of track, identify"),
        ({"type": "track"}, "item 2: a track call needs an event"),
        ({"event": "A", "properties": 3}, "item 2: its properties must be an object"),
        ({"event": "A", "timestamp": "2026-01-01"}, "item 2: its time 2026-01-01"),
        ({"until": "never"}, "item 2: never is no time such as"),
    ],
)
def test_what_can_not_be_played_is_told(item: dict[str, Any], text: str) -> None:
    with pytest.raises(BadScript) as raised:
        walked({"event": "Signed Up"}, item)
    assert str(raised.value).startswith(text)
