"""Histories of people and objects of two types, and what a store says about them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from cdp.identity.objects import collection_of
from cdp.store.profiles import objects, people
from cdp.store.tables import USERS, identifiers, profiles
from tests.laws.naive import Ident
from tests.laws.naive_objects import ATTRIBUTES, Thing
from tests.laws.world import BASE, World

KEYS = {collection_of(key): key for key in ("1", "2", "course")}


def object_messages(most: int = 14) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Messages that relate, part, delete and join, with ties in time."""
    users = st.sampled_from(["u0", "u1", "u2"])
    devices = st.sampled_from(["a0", "a1", "a2"])
    values = st.one_of(st.none(), st.integers(0, 3))
    one = st.fixed_dictionaries(
        {
            "what": st.sampled_from(["group", "group", "group", "part", "delete", "identify"]),
            "t": st.integers(0, 10),
            "thing": st.sampled_from(["g0", "g1"]),
            "place": st.sampled_from(["top", "traits", "context"]),
            "on_top": st.booleans(),
        },
        optional={
            "user": users,
            "device": devices,
            "type": st.sampled_from(["1", "2", 2, "course"]),
            "traits": st.dictionaries(st.sampled_from(["name", "plan"]), values, max_size=2),
            "role": st.dictionaries(st.sampled_from(["role", "seat"]), values, min_size=1),
        },
    )

    def build(drafts: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [_message(number, draft) for number, draft in enumerate(drafts)]

    return st.lists(one, min_size=1, max_size=most).map(build)


def _message(number: int, draft: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "messageId": f"m{number}", "timestamp": BASE - 60_000 + draft["t"] * 1000, "context": {},
    }  # fmt: skip
    if "user" in draft:
        made["userId"] = draft["user"]
    if "device" in draft or "user" not in draft:
        made["anonymousId"] = draft.get("device", "a0")
    kind = {"objectTypeId": draft["type"]} if "type" in draft else {}
    if draft["what"] == "group":
        made |= {"type": "group", "groupId": draft["thing"], "traits": draft.get("traits", {})}
        made["traits"] = dict(made["traits"])
        place = {"top": made, "traits": made["traits"], "context": made["context"]}
        place[draft["place"]].update(kind)
        if "role" in draft:
            (made if draft["on_top"] else made["traits"])[ATTRIBUTES] = draft["role"]
    elif draft["what"] == "identify":
        made |= {"type": "identify", "traits": {}}
    else:
        name = {"part": "Relationship Deleted", "delete": "Object Deleted"}[draft["what"]]
        properties = {"objectId": draft["thing"], **kind}
        made |= {"type": "track", "event": name, "properties": properties}
    return made


def ids_of(tx: Any) -> dict[int, frozenset[Ident]]:
    """The identifiers of each profile."""
    found: dict[int, set[Ident]] = {}
    for row in tx.execute(identifiers.select()):
        if row.profile is not None:
            found.setdefault(row.profile, set()).add((row.type, row.value))
    return {profile: frozenset(ids) for profile, ids in found.items()}


def shown_objects(world: World) -> dict[Thing, dict[str, Any]]:
    """Objects that are there, as the model has them."""
    with world.store.read() as tx:
        ids = ids_of(tx)
        found = {}
        for collection, key in KEYS.items():
            for row in people.recent(tx, collection, 100):
                profile = people.by_id(tx, row["profile"])
                assert profile is not None
                [(_, value)] = ids[profile.id]
                found[key, value] = profile.traits.values()
        return found


def shown_relationships(
    world: World,
) -> dict[tuple[frozenset[Ident], Thing], dict[str, Any]]:
    """Relationships as the model has them; the same from both sides, one by one and in bulk."""
    with world.store.read() as tx:
        ids = ids_of(tx)
        kinds = {row.id: row.collection for row in tx.execute(profiles.select())}

        def thing(profile: int) -> Thing:
            [(_, value)] = ids[profile]
            return KEYS[kinds[profile]], value

        from_people: dict[Any, Any] = {}
        from_objects: dict[Any, Any] = {}
        dates: dict[Any, Any] = {}
        for profile, collection in kinds.items():
            for link in objects.links(tx, profile, collection):
                if collection == USERS:
                    from_people[ids[profile], thing(link.profile)] = link.traits
                    dates[profile, link.profile] = (link.since, link.last_t)
                else:
                    from_objects[ids[link.profile], thing(profile)] = link.traits
        everyone = [profile for profile, collection in kinds.items() if collection == USERS]
        bulk = objects.objects_of_people(tx, everyone)
        in_bulk = {
            (ids[person], thing(one.link.profile)): one.link.traits
            for person, owned in bulk.items()
            for one in owned
        }
        assert dates == {
            (person, one.link.profile): (one.link.since, one.link.last_t)
            for person, owned in bulk.items()
            for one in owned
        }
        back = objects.people_of_objects(tx, [p for p in kinds if kinds[p] != USERS])
        assert {(person, home) for home, some in back.items() for person in some} == set(dates)
    assert from_people == from_objects == in_bulk
    return from_people
