"""Messages that are followed by what people were to do are credited with it, once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from cdp.delivery.broadcasts import converting
from cdp.store.messages import deliveries
from cdp.store.tables import emissions
from tests.delivery.broadcasts.campaign import Campaign


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Campaign]:
    made = Campaign(tmp_path)
    converting.step(made.store, 1)  # what was before is nobody's
    yield made
    made.close()


def credit(world: Campaign) -> list[str]:
    """Who is told to have converted by now."""
    while converting.step(world.store, int(world.now * 1000)):
        pass
    with world.store.read() as tx:
        calls = [json.loads(body) for body in tx.execute(select(emissions.c.body)).scalars()]
    return [call["userId"] for call in calls if call["event"] == "Email Converted"]


def buy(world: Campaign, user: str, seconds: float, **more: Any) -> None:
    world.now += seconds
    world.put("track", {"userId": user, "event": "Order Completed", **more})


def test_an_order_within_the_window_is_told_once(world: Campaign) -> None:
    node = world.identify("u1")
    world.identify("u2")
    world.begin(goal={"event": "Order Completed", "within": "1d"})
    world.run()
    buy(world, "u1", 60)
    buy(world, "u1", 60)
    buy(world, "u2", 86_400)
    assert credit(world) == ["u1"]
    assert credit(world) == ["u1"]
    with world.store.read() as tx:
        [row] = deliveries.of_node(tx, node)
    assert row.converted_at is not None and row.sent_at is not None
    assert 0 < row.converted_at - row.sent_at < 86_400_000


def test_another_event_an_earlier_one_and_a_later_message_are_credited_with_nothing(
    world: Campaign,
) -> None:
    world.identify("u1")
    buy(world, "u1", 1)
    world.begin(goal={"event": "Order Completed", "within": "1d"})
    world.run(10)
    world.put("track", {"userId": "u1", "event": "Signed Up"})
    assert credit(world) == []
    world.ask(world.node("u1"))  # the last message before it is another one
    world.settle(10)
    buy(world, "u1", 10)
    assert credit(world) == []
