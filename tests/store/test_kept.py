"""Kept values: as they came, and what came before them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp.store.events import kept
from cdp.store.events.kept import value_of, value_row
from tests.laws.world import World

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**400) | st.text(max_size=1200)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)  # fmt: skip


@given(JSON)
def test_a_kept_value_comes_back_as_it_was(value: Any) -> None:
    row = value_row(value)
    if value is None:
        assert row is None
    else:
        assert row is not None
        back = value_of(*row)
        assert (type(back), json.dumps(back)) == (type(value), json.dumps(value))


def order(n: int, total: Any) -> dict[str, Any]:
    return {
        "type": "track", "event": "Order Completed", "userId": f"u{n}", "messageId": f"m{n}",
        "properties": {"total": total}, "timestamp": "2026-09-01T00:00:00Z",
    }  # fmt: skip


@pytest.fixture
def world() -> Any:
    made = World()
    yield made
    made.close()


def values(world: World) -> dict[tuple[str, tuple[str, ...]], list[Any]]:
    found: dict[Any, list[Any]] = {}
    with world.store.read() as tx:
        of = {item.id: (item.event, item.path) for item in kept.all_kept(tx)}
        rows = tx.exec_driver_sql(
            "SELECT property, seq, node, t, num, text, json FROM kept_1 ORDER BY property, seq"
        )
        for property_, seq, node, t, *value in rows:
            assert tx.exec_driver_sql(
                "SELECT 1 FROM history_1 WHERE seq = ? AND node = ? AND t = ?", (seq, node, t)
            ).first()
            found.setdefault(of[property_], []).append(value_of(*value))
    return found


WANTED = [
    ("Order Completed", ()),
    ("Order Completed", ("properties", "total")),
    ("Page Viewed", ("name",)),
    (kept.TRAITS, ("traits", "plan")),
]


def test_what_came_before_and_after_is_kept_alike(world: World) -> None:
    said = [order(n, total) for n, total in enumerate([1, 2.5, "3", None, True, [4]])]
    said.append({"type": "page", "userId": "u1", "messageId": "p", "name": "Home"})
    plan = {"type": "identify", "userId": "u1", "messageId": "i", "traits": {"plan": "pro"}}
    said += [plan, {**plan, "messageId": "j", "traits": {"plan": None}}]
    said.append({**plan, "messageId": "k", "traits": {"other": 1}})
    world.take([said])
    with world.store.write() as tx:
        new = kept.keep(tx, WANTED, 0)
        assert [(item.event, item.path) for item in new] == sorted(WANTED)
        assert kept.keep(tx, WANTED, 0) == []
        assert not any(item.complete for item in kept.all_kept(tx))
    world.pipeline._memory = None
    again = [{**item, "messageId": item["messageId"] + "-2"} for item in said]
    world.take([again])
    with world.store.write() as tx:
        while kept.backfill_step(tx, 4, json.loads):
            pass
        assert all(item.complete for item in kept.all_kept(tx))
    totals = [1, 2.5, "3", True, [4]]
    assert values(world) == {
        ("Order Completed", ()): [None] * 12,
        ("Order Completed", ("properties", "total")): totals + totals,
        ("Page Viewed", ("name",)): ["Home", "Home"],
        (kept.TRAITS, ("traits", "plan")): ["pro", None] * 2,
    }
