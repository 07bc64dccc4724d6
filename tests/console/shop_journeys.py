"""Journeys of the sample data's shop: one on which people are, with a draft; one of all kinds."""

from __future__ import annotations

from typing import Any

from cdp.pipeline.journeys.backtests import Backtesting
from cdp.store.defined import defining
from cdp.store.journeys import backtests
from cdp.store.journeys import drafts as journey_drafts
from tests.console.factory import World

CART: dict[str, Any] = {
    "name": "Abandoned cart",
    "description": "Asks before it writes to whoever left a cart.",
    "trigger": {"event": "Product Added"},
    "entry": {"again_after": "1d"},
    "goal": {"event": "Order Completed", "within": "7d"},
    "steps": [
        {"holdout": 10},
        {
            "wait_until": {
                "event": "Order Completed",
                "timeout": "4h",
                "then": [{"exit": "bought"}],
                "on_timeout": [{"approval": {"question": "Write to them?"}}],
            }
        },
        {"update": {"traits": {"left_a_cart": True}}},
    ],
}
ALL: dict[str, Any] = {
    "name": "Everything",
    "trigger": {"event": "Signed Up", "where": 'properties.plan = "plus"'},
    "steps": [
        {"wait": {"for": "2d", "until": "09:00"}, "id": "morning", "note": "After the weekend."},
        {
            "branch": [
                {"when": 'count("Order Completed" within 2d) > 0', "then": [{"exit": "bought"}]},
                {"else": [{"send": "sale_a"}, {"goto": {"step": "morning", "most": 3}}]},
            ]
        },
        {
            "experiment": {
                "variants": [
                    {"name": "a", "then": [{"emit": "Shown A"}]},
                    {"name": "b", "then": [{"set": {"shown": "b"}}]},
                ]
            }
        },
        {"webhook": {"url": "https://shop.example/hook", "save_as": "answer"}},
        {"split": [{"share": 50, "then": [{"add_to": "guests"}]}, {"share": 50}]},
        {"rate": {"count": 100, "per": "1h"}},
        {"send": ""},
    ],
}
#: Two ways of doing the same, beside each other.
VIEWS: dict[str, Any] = {
    "name": "Two tones",
    "trigger": {"event": "Product Viewed"},
    "entry": {"again_after": "1d"},
    "steps": [
        {
            "experiment": {
                "name": "Tone",
                "variants": [
                    {"name": "formal", "then": [{"emit": "Shown formal"}]},
                    {"name": "friendly", "then": [{"emit": "Shown friendly"}]},
                ],
                "goal": {"event": "Order Completed", "within": "7d"},
                "guardrails": [{"event": "Product Added", "most": 5}],
            }
        },
        {"wait": "3d"},
    ],
}


def launch_cart(world: World) -> None:
    """People enter from now on; and somebody has changed it since, without launching that."""
    admin = world.admin()
    with world.store.write() as tx:
        journey_drafts.put(tx, "cart", CART, 0, 0, "demo", world.now())
        journey_drafts.put(tx, "everything", ALL, 0, 0, "demo", world.now())
        journey_drafts.put(tx, "tones", VIEWS, 0, 0, "demo", world.now())
    assert admin.post("/journeys/tones/launch").location == "/journeys/tones"
    answer = admin.post("/journeys/cart/launch")
    assert answer.location == "/journeys/cart", answer.text
    changed = {**CART, "steps": [*CART["steps"], {"wait": "1d"}]}
    sides = [{"name": "Version 2", "body": changed}, {"name": "Version 1", "body": CART}]
    now = world.now()
    asked = {"sides": sides, "from": now - 7 * 86_400_000, "to": now, "people": 300}
    with world.store.write() as tx:
        defining.put(tx, now, ("journey", "cart"), changed, "demo")
        item = backtests.begin(tx, "cart", asked, "demo", now)
    Backtesting(world.store).work(item)
