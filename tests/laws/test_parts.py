"""Law 3 in large components: a part that is folded gives what the whole would."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from cdp.pipeline import part
from cdp.pipeline.story import story
from cdp.pipeline.unmerge import CannotUnmerge, undo, unmerge
from cdp.store.profiles import identity, people
from cdp.store.tables import USERS, components, nodes
from tests.laws.test_identity import RUNS, rules
from tests.laws.world import BASE, World, splits
from tests.postgres import emptied_database

EXAMPLES = int(os.environ.get("CDP_PROOF_EXAMPLES", "40"))
ON_POSTGRES = EXAMPLES if EXAMPLES > 100 else 8

#: Few devices that many share, and something of their own for some.
SAID = st.tuples(
    st.one_of(st.none(), st.integers(0, 9)),
    st.one_of(st.none(), st.integers(0, 3)),
    st.one_of(st.none(), st.integers(0, 5)),
    st.integers(0, 40),
)


def message(number: int, said: tuple[int | None, int | None, int | None, int]) -> dict[str, Any]:
    user, device, email, t = said
    found: dict[str, Any] = {
        "type": "identify",
        "messageId": f"m{number}",
        "timestamp": BASE - 60_000 + t * 1000,
        "traits": {"city": number},
        "context": {"traits": {"email": f"e{email}@x.org"}} if email is not None else {},
    }
    if user is not None:
        found["userId"] = f"u{user}"
    if device is not None or user is None:
        found["anonymousId"] = f"a{device or 0}"
    return found


MESSAGES = st.lists(SAID, min_size=4, max_size=30).map(
    lambda all_said: [message(number, said) for number, said in enumerate(all_said)]
)


@contextmanager
def folding(small: int) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(part, "SMALL", small)
        patch.setattr(part, "MOST", 1.0)
        patch.setattr(part, "ROUNDS", 100)
        yield


def everything(world: World) -> dict[str, Any]:
    """What must not depend on how it was folded, components and stories included."""
    found = world.facts()
    with world.store.read() as tx:
        found["components"] = sorted(tuple(row[1:]) for row in tx.execute(components.select()))
        mine = {row.profile for row in tx.execute(nodes.select()) if row.profile}
        profiles = [profile for id_ in sorted(mine) if (profile := people.by_id(tx, id_))]
        told = [story(tx, profile) for profile in profiles if profile.collection == USERS]
        found["stories"] = sorted(told, key=lambda one: str(one["id"]))
        found["cuts"] = [row.cut for row in identity.all_cuts(tx)]
    return found


def part_somebody(world: World, pick: int) -> None:
    """Take an identifier out of the profile that has the most."""
    with world.store.read() as tx:
        ids = [id_ for id_ in sorted(world.people(), key=lambda ids: (-len(ids), sorted(ids)))]
        several = sorted(ids[0])
        profile = people.resolve(tx, USERS, *several[0])
    assert profile is not None
    if len(several) > 1:
        try:
            unmerge(world.store, profile, [several[pick % len(several)]], "test", BASE)
        except CannotUnmerge:
            event("could not be parted")


def live(
    sent: list[dict[str, Any]], file: dict[str, Any], runs: list[int], acts: random.Random,
    url: str | None, small: int,
) -> dict[str, Any]:  # fmt: skip
    with folding(small):
        world = World(url, rules=file)
        try:
            for batch in splits(sent, runs):
                world.take([batch])
                roll = acts.random()
                if roll < 0.15 and world.people():
                    part_somebody(world, acts.randrange(9))
                elif roll < 0.25:
                    undo(world.store, 1, "test", BASE)
            return everything(world)
        finally:
            world.close()


def check(
    sent: list[dict[str, Any]], file: dict[str, Any], runs: list[int], seed: int, url: str | None
) -> None:
    whole = live(sent, file, runs, random.Random(seed), None, small=10**9)
    assert live(sent, file, runs, random.Random(seed), url, small=0) == whole


@settings(max_examples=EXAMPLES, deadline=None)
@given(MESSAGES, rules(windows=False), RUNS, st.integers(0, 10**6))
def test_a_part_gives_what_the_whole_would(
    sent: list[dict[str, Any]], file: dict[str, Any], runs: list[int], seed: int
) -> None:
    check(sent, file, runs, seed, None)


@pytest.mark.postgres
@settings(max_examples=ON_POSTGRES, deadline=None)
@given(MESSAGES, rules(windows=False), RUNS, st.integers(0, 10**6))
def test_on_postgres_a_part_gives_what_the_whole_would(
    sent: list[dict[str, Any]], file: dict[str, Any], runs: list[int], seed: int
) -> None:
    check(sent, file, runs, seed, emptied_database())
