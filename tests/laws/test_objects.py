"""Objects and relationships in any order, against a naive model; un-merged and mended too."""

from __future__ import annotations

import os
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp.pipeline.mend import mend
from cdp.pipeline.refold import refold
from cdp.pipeline.unmerge import undo, unmerge
from cdp.store.events import progress
from cdp.store.profiles import identity, people
from cdp.store.tables import USERS, nodes
from tests.laws import naive_objects
from tests.laws.naive import Model
from tests.laws.objects import object_messages, shown_objects, shown_relationships
from tests.laws.world import BASE, World, splits
from tests.postgres import emptied_database

EXAMPLES = int(os.environ.get("CDP_PROOF_EXAMPLES", "40"))
ON_POSTGRES = EXAMPLES if EXAMPLES > 100 else 10
RUNS = st.lists(st.integers(1, 5), min_size=1, max_size=4)
MODEL = Model({"user_id": (1, None)})


def check(world: World, sent: list[dict[str, Any]], model: Model = MODEL) -> None:
    assert shown_objects(world) == naive_objects.objects(sent)
    assert shown_relationships(world) == naive_objects.relationships(model, sent)


def check_any_order(
    sent: list[dict[str, Any]], runs: list[int], draw: random.Random, url: str | None
) -> None:
    straight = World().take(splits(sent, runs))
    shuffled = [*sent, *draw.sample(sent, len(sent) // 2)]
    draw.shuffle(shuffled)
    other = World(url).take(splits(shuffled, runs[::-1]))
    try:
        check(other, sent)
        assert straight.facts() == other.facts()
    finally:
        straight.close()
        other.close()


@settings(max_examples=max(EXAMPLES, 60), deadline=None)
@given(object_messages(), RUNS, st.randoms(use_true_random=False))
def test_relationships_are_those_of_a_naive_model_in_any_order(
    sent: list[dict[str, Any]], runs: list[int], draw: random.Random
) -> None:
    check_any_order(sent, runs, draw, None)


@pytest.mark.postgres
@settings(max_examples=ON_POSTGRES, deadline=None)
@given(object_messages(), RUNS, st.randoms(use_true_random=False))
def test_on_postgres_relationships_are_those_of_a_naive_model(
    sent: list[dict[str, Any]], runs: list[int], draw: random.Random
) -> None:
    check_any_order(sent, runs, draw, emptied_database())


@settings(max_examples=EXAMPLES, deadline=None)
@given(object_messages(), RUNS, st.data())
def test_parting_people_gives_each_side_its_own_relationships(
    sent: list[dict[str, Any]], runs: list[int], data: st.DataObject
) -> None:
    world = World().take(splits(sent, runs))
    try:
        several = [ids for ids in MODEL.people(sent) if len(ids) > 1]
        if not several:
            return
        ids = sorted(data.draw(st.sampled_from(several)))
        take = data.draw(st.sampled_from(ids))
        with world.store.read() as tx:
            profile = people.resolve(tx, USERS, *take)
        assert profile is not None
        cut = unmerge(world.store, profile, [take], "test", BASE)
        sides: list[Any] = [(set(cut.left), set(cut.right))]
        check(world, sent, Model({"user_id": (1, None)}, cuts=sides))
        undo(world.store, cut.number, "test", BASE)
        check(world, sent)
    finally:
        world.close()


@settings(max_examples=EXAMPLES, deadline=None)
@given(object_messages(), RUNS)
def test_mending_and_folding_once_more_change_nothing(
    sent: list[dict[str, Any]], runs: list[int]
) -> None:
    world = World().take(splits(sent, runs))
    try:
        before = world.facts()
        refold(world.store, world.settings, 0, 2**50)
        assert world.facts() == before
        with world.store.write() as tx:
            progress.take_turn(tx)
            ids = [row.id for row in tx.execute(nodes.select())]
            mend(tx, ids, identity.load_rules(tx), identity.load_cuts(tx), BASE)
        check(world, sent)
        after = world.facts()
        assert after["memberships"] == before["memberships"]
        assert after["people"] == before["people"]
    finally:
        world.close()
