"""The values of traits that SQL sees are those of the profiles, whatever happens to these."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cdp.pipeline import rebuild
from cdp.profiles.traits import TraitMap
from cdp.store.events.kept import value_of
from cdp.store.profiles import graph, trait_values
from cdp.store.tables import USERS, nodes, profiles
from cdp.store.tables import trait_values as table
from tests.laws.world import BASE, World, messages, splits

EXAMPLES = int(os.environ.get("CDP_PROOF_EXAMPLES", "25"))
NAMES = ("plan", "city", "email")


def kept_and_true(world: World) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """(profile, trait) → (value, event time), as kept and as the profiles have it."""
    with world.store.read() as tx:
        paths = {item.id: item.path for item in trait_values.all_kept(tx)}
        kept = {
            (row.profile, paths[row.trait][0]): (value_of(row.num, row.text, row.json), row[2])
            for row in tx.execute(table.select())
        }
        true: dict[Any, Any] = {}
        for row in tx.execute(profiles.select().where(profiles.c.collection == USERS)):
            traits = TraitMap.decode(row.traits)
            for name in NAMES:
                entry = traits.latest(name)
                if entry is not None:
                    true[row.id, name] = (entry[0], entry[1].t)
    return kept, true


def keep(world: World, step: int) -> None:
    with world.store.write() as tx:
        trait_values.keep(tx, [(USERS, (name,)) for name in NAMES], BASE)
        while trait_values.backfill_step(tx, step):
            pass


@settings(max_examples=EXAMPLES, deadline=None)
@given(messages(), st.lists(st.integers(1, 5)), st.integers(0, 14), st.integers(1, 3))
def test_merges_backfills_and_removals_keep_them_right(
    said: list[dict[str, Any]], cuts: list[int], before: int, step: int
) -> None:
    world = World()
    try:
        world.take(splits(said[:before], cuts))
        keep(world, step)
        kept, true = kept_and_true(world)
        assert kept == true
        world.take(splits(said[before:], cuts))
        kept, true = kept_and_true(world)
        assert kept == true
        with world.store.write() as tx:
            first = tx.execute(nodes.select().order_by(nodes.c.id)).first()
            removal = rebuild.remove_nodes(tx, [first.id] if first is not None else [], BASE)
        for _ in rebuild.finish(world.store, removal, BASE):
            pass
        kept, true = kept_and_true(world)
        assert kept == true
    finally:
        world.close()


def test_a_value_that_went_is_kept_as_nothing_and_a_profile_that_went_not_at_all() -> None:
    world = World()
    keep(world, 10)

    def said(number: int, **traits: Any) -> list[dict[str, Any]]:
        about = {"type": "identify", "userId": "u1", "traits": traits}
        return [{**about, "messageId": f"m{number}", "timestamp": BASE - 100 + number}]

    world.take([said(1, plan="pro", city="Oslo"), said(2, plan=None)])
    kept, _ = kept_and_true(world)
    assert kept == {(1, "plan"): (None, BASE - 98), (1, "city"): ("Oslo", BASE - 99)}
    with world.store.write() as tx:
        graph.drop_profiles(tx, [1])
    kept, _ = kept_and_true(world)
    assert kept == {}
    world.close()
