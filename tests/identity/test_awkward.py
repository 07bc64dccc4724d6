"""Awkward histories, each with the outcome that the documentation promises."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cdp.store.profiles import people
from cdp.store.tables import USERS
from tests.laws.world import BASE, World

DAY = 86_400_000


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


def said(number: int, type_: str = "track", **more: Any) -> dict[str, Any]:
    """A message; ``t`` is its second."""
    t = more.pop("t", number)
    message = {"type": type_, "messageId": f"m{number}", "timestamp": BASE - 80_000 + t * 1000}
    if type_ == "track":
        message["event"] = "Seen"
    return {**message, **more}


def ids_of(world: World) -> set[frozenset[str]]:
    return {frozenset(value for _, value in ids) for ids in world.people()}


@pytest.mark.parametrize("joins", [True, False])
def test_a_cycle_of_aliases_is_one_person_if_user_ids_may_join(joins: bool) -> None:
    world = World(rules={"alias_joins_user_ids": joins, "limits": {"user_id": 4 if joins else 1}})
    ring = [f"u{n}" for n in range(4)]
    world.take([[said(n, "alias", userId=ring[n], previousId=ring[(n + 1) % 4]) for n in range(4)]])
    if joins:
        assert ids_of(world) == {frozenset(ring)}
    else:
        assert ids_of(world) == {frozenset({ring[n], ring[(n + 1) % 4]}) for n in range(4)}
    world.close()


def test_an_alias_to_itself_is_harmless(world: World) -> None:
    world.take([[said(1, "alias", userId="u1", previousId="u1")]])
    assert {frozenset(ids) for ids in world.people()} == {
        frozenset({("user_id", "u1"), ("anonymous_id", "u1")})
    }


def test_ten_thousand_browsers_of_one_person_stop_at_the_limit(world: World) -> None:
    sent = [said(n, userId="u1", anonymousId=f"a{n}", t=n / 1000) for n in range(10_000)]
    world.take([sent[n : n + 500] for n in range(0, len(sent), 500)])
    found = world.people()
    [mine] = [ids for ids in found if ("user_id", "u1") in ids]
    assert len(mine) == 6, "a user id and the first five browsers"
    assert len(found) == 1, "the others name nobody by themselves"
    with world.store.read() as tx:
        profile = people.resolve(tx, USERS, "user_id", "u1")
        assert profile is not None
        assert people.resolve(tx, USERS, "anonymous_id", "a9999") is None
        rows = people.nodes_of(tx, profile.id)
    assert len(rows) == 10_000 and all("limit:anonymous_id" in str(r.dropped) for r in rows[5:])


def test_many_identifiers_end_at_the_most_a_profile_may_have() -> None:
    world = World(rules={"default_limit": 1000, "max_identifiers": 50})
    world.take([[said(n, userId="u1", anonymousId=f"a{n}", t=n / 10) for n in range(80)]])
    [mine] = [ids for ids in world.people() if ("user_id", "u1") in ids]
    assert len(mine) == 50
    world.close()


def test_a_family_tablet_is_its_first_users_and_others_stay_apart(world: World) -> None:
    world.take(
        [[
            said(1, anonymousId="tablet"),
            said(2, "identify", userId="mother", anonymousId="tablet", traits={"role": "mother"}),
            said(3, "identify", userId="son", anonymousId="tablet", traits={"role": "son"}),
            said(4, anonymousId="tablet"),
            said(5, userId="son", anonymousId="tablet"),
        ]]
    )  # fmt: skip
    assert ids_of(world) == {frozenset({"mother", "tablet"}), frozenset({"son"})}
    traits = {ids: person["traits"] for ids, person in world.people().items()}
    assert {"role": "son"} in traits.values() and {"role": "mother"} in traits.values()


def test_future_and_skewed_times_are_kept_and_order_the_graph(world: World) -> None:
    year = 365 * DAY // 1000
    world.take(
        [[
            said(1, "identify", userId="u1", traits={"plan": "later"}, t=year),
            said(2, "identify", userId="u1", traits={"plan": "now"}, t=1),
            said(3, "identify", userId="u1", traits={"plan": "long ago"}, t=-10 * year),
        ]]
    )  # fmt: skip
    [person] = world.people().values()
    assert person["traits"] == {"plan": "later"}, "the last writer is the latest by its own time"
    assert person["created"][0] == BASE - 80_000 - 10 * year * 1000


def test_a_limit_by_week_has_room_again_when_the_week_is_over() -> None:
    world = World(rules={"limits": {"user_id": 1, "anonymous_id": {"count": 1, "per": "week"}}})
    old = [
        said(1, userId="u1", anonymousId="a1", t=-20 * 86_400),
        said(2, userId="u1", anonymousId="a2", t=-19 * 86_400),
    ]
    world.take([old])
    assert ids_of(world) == {frozenset({"u1", "a1"})}
    world.take([[said(3, userId="u1", anonymousId="a2", t=-10 * 86_400)]])
    assert ids_of(world) == {frozenset({"u1", "a1", "a2"})}
    world.close()


def test_custom_identifiers_join_and_a_source_may_be_told_to_keep_out() -> None:
    world = World(rules={"identifiers": {"loyalty_id": None, "card": ["properties.payment.card"]}})
    world.take(
        [[
            said(1, "identify", userId="u1", traits={"loyaltyId": "L1"}),
            said(2, anonymousId="a1", properties={"loyalty_id": "L1"}),
            said(3, anonymousId="a2", properties={"payment": {"card": 77}}),
            said(4, userId="u1", properties={"payment": {"card": "77"}}),
        ]]
    )  # fmt: skip
    assert ids_of(world) == {frozenset({"u1", "a1", "a2", "L1", "77"})}
    world.close()
