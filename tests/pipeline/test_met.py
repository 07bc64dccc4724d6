"""Nodes that are remembered between micro-batches are as the store would say."""

from __future__ import annotations

from typing import Any

import pytest

from cdp.pipeline import met
from tests.laws.test_concurrency import history
from tests.laws.world import BASE, World


def taken(sent: list[dict[str, Any]], forget: bool = False) -> World:
    world = World()
    for start in range(0, len(sent), 7):
        if forget:
            world.pipeline._memory = None
        world.take([sent[start : start + 7]])
    return world


@pytest.mark.parametrize("generation", [1, 4, 1_000])
@pytest.mark.parametrize("late", [False, True])
def test_merges_and_late_facts_reach_what_is_remembered(
    generation: int, late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(met, "GENERATION", generation)
    sent = history(3, 150)
    if not late:
        sent.sort(key=lambda message: message["timestamp"])
    ones, asked = taken(sent), taken(sent, forget=True)
    same = ones.facts() == asked.facts()
    assert same
    assert sum(person["merges"] for person in ones.people().values()) > 5
    ones.close()
    asked.close()


def test_a_node_that_a_late_fact_gave_to_another_profile_is_found_there() -> None:
    def said(t: int, traits: dict[str, Any], **ids: str) -> dict[str, Any]:
        return {
            "type": "identify",
            "messageId": f"m{t}",
            "timestamp": BASE + t,
            "traits": traits,
        } | ids

    world = World()
    world.take([[said(100, {}, userId="u1", anonymousId="a1")], [said(150, {}, anonymousId="a1")]])
    world.take([[said(50, {}, userId="u2", anonymousId="a1")]])
    world.take([[said(200, {"plan": "pro"}, anonymousId="a1")]])
    found = {
        value: person["traits"].get("plan")
        for ids, person in world.people().items()
        for _, value in ids
    }
    assert found == {"u1": None, "u2": "pro", "a1": "pro"}
    world.close()
