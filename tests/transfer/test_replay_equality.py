"""A replay of the whole history into an empty store gives byte-equal exports."""

import os
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp.store import Store, config_rows
from cdp.transfer.exporting import export
from cdp.transfer.lines import Span
from cdp.transfer.replay import Replay, is_head
from tests.laws.world import World, messages, splits
from tests.postgres import new_database

pytestmark = pytest.mark.slow

EXAMPLES = int(os.environ.get("CDP_PROOF_EXAMPLES", "30"))
CUTS = st.lists(st.integers(1, 5), min_size=1, max_size=4)
KINDS = ("people", "accounts", "identifiers", "events")


def written(store: Store, what: str) -> bytes:
    return b"".join(export(store, what, "jsonl", Span(), "test", "a test"))


def with_source(world: World) -> World:
    with world.store.write() as tx:
        config_rows.add_source(tx, 0, "default", "Default", "wk_default", "test")
    return world


def taken_again(text: bytes, url: str | None, live: bool = False) -> World:
    """An empty world that has taken a file of messages."""
    head, *lines = text.splitlines(keepends=True)
    assert is_head(head)
    world = World(url)
    replay = Replay(world.store, head, 0, "test", live)
    world.log.extend(replay.records(lines))
    world.pipeline.drain()
    assert replay.refused == [] and world.refusals() == []
    assert replay.lines == len(lines)
    return world


def check(
    sent: list[dict[str, Any]], cuts: list[int], first: str | None, second: str | None
) -> None:
    one = with_source(World(first)).take(splits(sent, cuts))
    moved = written(one.store, "messages")
    two = taken_again(moved, second)
    three = taken_again(moved, None, live=True)
    try:
        for what in KINDS:
            assert written(one.store, what) == written(two.store, what), what
        assert written(three.store, "messages") == moved
        assert one.facts() == two.facts()
    finally:
        for world in (one, two, three):
            world.close()


@settings(max_examples=max(5, EXAMPLES // 3), deadline=None)
@given(messages(), CUTS, st.randoms(use_true_random=False))
def test_a_replay_into_an_empty_store_gives_byte_equal_exports(
    sent: list[dict[str, Any]], cuts: list[int], draw: random.Random
) -> None:
    draw.shuffle(sent)
    check(sent, cuts, None, None)


@pytest.mark.postgres
@settings(max_examples=max(3, EXAMPLES // 10), deadline=None)
@given(messages(), CUTS, st.randoms(use_true_random=False))
def test_a_replay_from_postgres_to_sqlite_and_back_gives_byte_equal_exports(
    sent: list[dict[str, Any]], cuts: list[int], draw: random.Random
) -> None:
    draw.shuffle(sent)
    check(sent, cuts, new_database(), None)
    check(sent, cuts, None, new_database())


@settings(max_examples=max(5, EXAMPLES // 3), deadline=None)
@given(messages(), CUTS, CUTS, st.randoms(use_true_random=False))
def test_two_stores_with_the_same_messages_in_any_order_export_the_same_bytes(
    sent: list[dict[str, Any]], first: list[int], second: list[int], draw: random.Random
) -> None:
    shuffled = list(sent)
    draw.shuffle(shuffled)
    one = World().take(splits(sent, first))
    two = World().take(splits(shuffled, second))
    try:
        for what in KINDS:
            assert written(one.store, what) == written(two.store, what), what
    finally:
        one.close()
        two.close()
