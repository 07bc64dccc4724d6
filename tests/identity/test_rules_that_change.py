"""Rules that change while there is a past, and what is asked before all has followed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cdp.pipeline import sweep
from cdp.pipeline.story import DEPTH, ELSEWHERE, STEPS, story
from cdp.store.profiles import people
from cdp.store.profiles.objects import links
from cdp.store.tables import USERS
from tests.identity.test_awkward import ids_of, said
from tests.laws.world import BASE, World

DAY_S = 86_400
AT = {"context": {"traits": {"email": "e@x.org"}}}
ONE_A_DAY = {"limits": {"user_id": 1, "anonymous_id": {"count": 1, "per": "day"}}}
ONE_A_WEEK = {"limits": {"user_id": 1, "anonymous_id": {"count": 1, "per": "week"}}}


def test_what_is_swept_takes_in_nothing_that_still_waits_for_the_sweep() -> None:
    world = World(rules={"limits": {"user_id": 9}})
    world.take([[said(1, anonymousId="a1"), said(2, userId="u1", anonymousId="b"),
                 said(3, userId="u2", anonymousId="b")]])  # fmt: skip
    world.change_rules({"limits": {"user_id": 1}})
    assert sweep.step(world.store, BASE, piece=1) is not None
    world.take([[said(9, anonymousId="a1", **AT), said(10, anonymousId="b", **AT)]])
    world.sweep()
    assert ids_of(world) == {frozenset({"a1", "e@x.org", "b", "u1"}), frozenset({"u2"})}
    world.close()


def test_another_priority_holds_for_the_past_and_is_the_same_set_of_identifiers() -> None:
    first = {"priority": ["user_id", "email"], "limits": {"user_id": 1}}
    then = {"priority": ["email", "user_id"], "limits": {"user_id": 1}}
    sent = [said(1, userId="u1", anonymousId="a1", **AT), said(2, userId="u2", **AT)]
    changed = World(rules=first).take([sent])
    assert ids_of(changed) == {frozenset({"u1", "a1", "e@x.org"}), frozenset({"u2"})}
    changed.change_rules(then)
    changed.sweep()
    changed.take([[said(5, userId="u2", **AT)]])
    straight = World(rules=then).take([[*sent, said(5, userId="u2", **AT)]])
    assert changed.facts() == straight.facts()
    assert len(changed.facts()["nodes"]) == 2, "a set that comes again is no new one"
    [person] = changed.people().values()
    assert person["anchor"] == ("email", "e@x.org")
    changed.close()
    straight.close()


@pytest.mark.parametrize("batches", [[[0, 1, 2]], [[0], [1], [2]], [[2], [1], [0]]])
def test_a_day_that_is_over_makes_room_within_one_batch_too(batches: list[list[int]]) -> None:
    sent = [
        said(1, userId="u1", anonymousId="a1", t=-20 * DAY_S),
        said(2, userId="u1", anonymousId="a2", t=-20 * DAY_S + 5),
        said(3, userId="u1", anonymousId="a2", t=-10 * DAY_S),
    ]
    world = World(rules=ONE_A_DAY).take([[sent[n] for n in batch] for batch in batches])
    assert ids_of(world) == {frozenset({"u1", "a1", "a2"})}
    world.close()


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [0, 1, 3, 2]])
def test_what_comes_before_a_set_was_met_again_counts_first(order: list[int]) -> None:
    sent = [
        said(1, userId="u1", anonymousId="a1", t=-40 * DAY_S),
        said(2, userId="u1", anonymousId="a2", t=-40 * DAY_S + 5),
        said(3, userId="u1", anonymousId="a2", t=-10 * DAY_S),
        said(4, userId="u1", anonymousId="a3", t=-12 * DAY_S),
    ]
    world = World(rules=ONE_A_WEEK).take([[sent[n]] for n in order])
    assert ids_of(world) == {frozenset({"u1", "a1", "a3"})}
    world.close()


def test_a_window_may_part_a_set_that_names_nothing_of_its_type() -> None:
    sent = [
        said(1, userId="u1", anonymousId="a1", t=-40 * DAY_S),
        said(2, anonymousId="a2", t=-40 * DAY_S + 5, **AT),
        said(3, userId="u1", t=-40 * DAY_S + 9, **AT),
    ]
    world = World(rules=ONE_A_DAY).take([[message] for message in sent])
    assert len(ids_of(world)) == 2
    world.take([[said(4, userId="u1", t=-30 * DAY_S, **AT)]])
    assert ids_of(world) == {frozenset({"u1", "a1", "a2", "e@x.org"})}
    world.close()


def test_an_account_whose_id_is_blocked_later_is_nobodys_account() -> None:
    world = World().take([[said(1, "group", userId="u1", groupId="g1")]])
    world.change_rules({"blocked": ["g1"]})
    world.sweep()
    with world.store.read() as tx:
        person = people.resolve(tx, USERS, "user_id", "u1")
        assert person is not None
        assert links(tx, person.id, USERS) == []
    world.close()


def test_a_story_is_told_while_the_rules_that_block_its_beginning_are_on_their_way() -> None:
    world = World().take([[said(1, anonymousId="a1"), said(2, anonymousId="a1", userId="u1")]])
    world.change_rules({"blocked": ["a1"]})
    with world.store.read() as tx:
        person = people.resolve(tx, USERS, "user_id", "u1")
        assert person is not None
        told = story(tx, person)
    assert told["profile"]["founded_by"] == "user_id:u1"
    world.change_rules({"blocked": ["a1", "u1"]})
    with world.store.read() as tx:
        assert story(tx, person)["profile"] is None
    world.close()


def test_a_long_story_is_told_in_part_and_says_so() -> None:
    world = World(rules={"limits": {"user_id": 1, "anonymous_id": 200, "email": 200}})
    count = DEPTH + 20

    def seen(number: int, device: int, address: int) -> dict[str, Any]:
        context = {"traits": {"email": f"e{address}@x.org"}}
        return said(number, anonymousId=f"a{device:03}", context=context)

    sent = [seen(n, n, n) for n in range(count)]
    # Each is taken in by the one before it, from the last on: a branch in a branch in a…
    sent += [seen(2000 - n, n - 1, n) for n in range(count - 1, 0, -1)]
    many = [said(5000 + n, userId=f"u{n}", anonymousId="a000", t=5) for n in range(STEPS + 100)]
    for start in (0, 300):
        world.take([many[start : start + 300]])
    world.take([sent])
    with world.store.read() as tx:
        person = people.resolve(tx, USERS, "anonymous_id", "a000")
        assert person is not None
        told = story(tx, person)
    assert len(told["elsewhere"]) == ELSEWHERE
    depth, branch = 0, told["profile"]
    while any(step["joined"] for step in branch["steps"]):
        [joined] = [join for step in branch["steps"] for join in step["joined"]]
        depth, branch = depth + 1, joined["profile"]
    assert json.dumps(told)
    assert depth == DEPTH and branch["more"] > 0
    world.close()
