"""Laws 2 and 3 on the whole pipeline: repeats change nothing, order changes nothing."""

import os
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.laws.world import World, messages, splits
from tests.postgres import emptied_database

EXAMPLES = int(os.environ.get("CDP_PROOF_EXAMPLES", "40"))
ON_POSTGRES = EXAMPLES if EXAMPLES > 100 else 10
CUTS = st.lists(st.integers(1, 5), min_size=1, max_size=4)


@settings(max_examples=EXAMPLES, deadline=None)
@given(messages(), CUTS, CUTS, st.randoms(use_true_random=False))
def test_any_order_and_batching_gives_the_same_graph_and_traits(
    sent: list[dict[str, object]], first: list[int], second: list[int], draw: random.Random
) -> None:
    shuffled = list(sent)
    draw.shuffle(shuffled)
    check_order(sent, shuffled, first, second, None)


@settings(max_examples=EXAMPLES, deadline=None)
@given(messages(), CUTS, st.randoms(use_true_random=False))
def test_any_part_taken_again_changes_nothing(
    sent: list[dict[str, object]], cuts: list[int], draw: random.Random
) -> None:
    check_repeats(sent, cuts, draw, None)


@pytest.mark.postgres
@settings(max_examples=ON_POSTGRES, deadline=None)
@given(messages(), CUTS, CUTS, st.randoms(use_true_random=False))
def test_on_postgres_order_changes_nothing_and_the_graph_is_that_of_sqlite(
    sent: list[dict[str, object]], first: list[int], second: list[int], draw: random.Random
) -> None:
    shuffled = list(sent)
    draw.shuffle(shuffled)
    check_order(sent, shuffled, first, second, emptied_database())


@pytest.mark.postgres
@settings(max_examples=ON_POSTGRES, deadline=None)
@given(messages(), CUTS, st.randoms(use_true_random=False))
def test_on_postgres_any_part_taken_again_changes_nothing(
    sent: list[dict[str, object]], cuts: list[int], draw: random.Random
) -> None:
    check_repeats(sent, cuts, draw, emptied_database())


def check_order(
    sent: list[Any], shuffled: list[Any], first: list[int], second: list[int], url: str | None
) -> None:
    """One order on SQLite, the other on the database under test."""
    one = World().take(splits(sent, first))
    other = World(url).take(splits(shuffled, second))
    try:
        assert one.facts() == other.facts()
    finally:
        one.close()
        other.close()


def check_repeats(sent: list[Any], cuts: list[int], draw: random.Random, url: str | None) -> None:
    """Once through SQLite, and with repeats through the database under test."""
    batches = splits(sent, cuts)
    repeated = []
    for index, batch in enumerate(batches):
        repeated.append(batch)
        if draw.random() < 0.6:
            repeated.append(draw.choice(batches[: index + 1]))
    once = World().take(batches)
    twice = World(url).take([*repeated, *batches])
    try:
        assert once.facts() == twice.facts()
        ids = [message_id for message_id, _, _ in twice.history()]
        groups = sum(1 for message in sent if message["type"] == "group")
        assert len(ids) == len(sent) + groups
    finally:
        once.close()
        twice.close()
