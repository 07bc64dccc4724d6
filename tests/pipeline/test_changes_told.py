"""What plugins that follow profiles are told: once, with ids that answer."""

from __future__ import annotations

import json
from typing import Any

from cdp.identity import public_id
from cdp.pipeline.run import Pipeline
from cdp.pipeline.unmerge import undo, unmerge
from cdp.store.destinations import streams as delivery
from cdp.store.profiles import people
from cdp.store.tables import USERS, profile_changes
from tests.identity.test_awkward import said
from tests.laws.world import BASE, World


class Follower:
    """Stands for plugins of which one follows profiles."""

    wanted = False

    def enrich(self, messages: list[Any]) -> dict[int, dict[str, Any]]:
        return {}

    def tells_changes(self) -> bool:
        return True


def following(**more: Any) -> World:
    world = World(**more)
    with world.store.write() as tx:  # as the runner of a plugin's hook begins
        delivery.ensure_stream(tx, "hook:follower:on_profile_changes", 1, BASE)
    world.pipeline = Pipeline(
        world.store, world, world.settings, Follower(), clock=lambda: BASE / 1000
    )
    return world


def told(world: World) -> list[tuple[str | None, str, dict[str, Any]]]:
    """(id by which the profile answers now, kind, detail) of each change."""
    with world.store.read() as tx:
        rows = tx.execute(profile_changes.select().order_by(profile_changes.c.seq)).all()
        found = []
        for row in rows:
            profile = people.by_id(tx, row.profile)
            name = public_id(profile.collection, profile.anchor) if profile is not None else None
            found.append((name, row.kind, json.loads(row.detail)))
    return found


def name_of(world: World, type_: str, value: str) -> str:
    with world.store.read() as tx:
        profile = people.resolve(tx, USERS, type_, value)
    assert profile is not None
    return public_id(USERS, profile.anchor)


def test_a_merge_and_its_undoing_are_told_with_the_ids_that_people_were_known_by() -> None:
    world = following()
    world.take([[said(1, anonymousId="a1"), said(2, userId="u1")]])
    one, other = name_of(world, "anonymous_id", "a1"), name_of(world, "user_id", "u1")
    world.take([[said(3, userId="u1", anonymousId="a1")]])
    assert told(world)[-1:] == [(one, "merged", {"from": other})]
    with world.store.read() as tx:
        person = people.resolve(tx, USERS, "user_id", "u1")
    assert person is not None
    cut = unmerge(world.store, person, [("anonymous_id", "a1")], "test", BASE)
    assert told(world)[3:] == [(other, "split", {"from": one})]
    undo(world.store, cut.number, "test", BASE)
    assert told(world)[-1] == (one, "merged", {"from": other})
    with world.store.read() as tx:
        found = [people.by_public_id(tx, name) for name in (one, other)]
    assert [profile and profile.id for profile in found] == [person.id, person.id]
    world.close()


def test_a_profile_that_falls_apart_into_others_was_taken_in_by_one_of_them_alone() -> None:
    """Two devices were one person's; a late fact gives each to a user who was there before."""
    world = following()
    world.take(
        [[
            said(10, anonymousId="a1"),
            said(11, userId="x", anonymousId="a1"),
            said(12, userId="x", anonymousId="a2"),
        ]]
    )  # fmt: skip
    was = name_of(world, "anonymous_id", "a1")
    world.take(
        [[
            said(1, userId="u1", anonymousId="a1"),
            said(2, userId="u2", anonymousId="a2"),
        ]]
    )  # fmt: skip
    names = [name_of(world, *item) for item in (("anonymous_id", "a1"), ("anonymous_id", "a2"))]
    assert len(set(names)) == 2
    moved = [item for item in told(world) if item[1] in ("merged", "split")]
    assert len([item for item in moved if item[1] == "merged"]) <= 1
    assert all(detail == {"from": was} for _, _, detail in moved)
    assert len({name for name, _, _ in moved}) == len(moved), "nobody is told twice"
    world.close()


def test_nobody_is_told_where_no_plugin_follows() -> None:
    world = World()
    world.take([[said(1, anonymousId="a1"), said(2, userId="u1", anonymousId="a1")]])
    with world.store.read() as tx:
        profile = people.resolve(tx, USERS, "user_id", "u1")
    assert profile is not None
    unmerge(world.store, profile, [("anonymous_id", "a1")], "test", BASE)
    assert told(world) == []
    world.close()
