"""Objects and relationships through the APIs, from the calls that SDKs send."""

from __future__ import annotations

from typing import Any

import pytest

from cdp.identity import parse_public_id, public_id
from cdp.store.profiles import objects, people
from cdp.store.tables import USERS, rejected
from tests.api.calls import Api
from tests.factories import Space, ana, iso

U1 = "users/profiles/user_id:u1"
COURSE = "2/profiles/group_id:sql-101"


@pytest.fixture(autouse=True)
def _ana(space: Space) -> None:
    space.send(*ana())


def enrol(user: str = "u1", minutes_ago: float = 10, **more: Any) -> dict[str, Any]:
    return {
        "type": "group", "userId": user, "groupId": "sql-101", "timestamp": iso(minutes_ago),
        "traits": {"objectTypeId": "2", "name": "SQL for beginners", "level": 1,
                   "relationshipAttributes": {"progress": 0.4, "role": "student"}},
        **more,
    }  # fmt: skip


def ends(event: str, minutes_ago: float, **ids: str) -> dict[str, Any]:
    properties = {"objectId": "sql-101", "objectTypeId": "2"}
    return {"type": "track", "event": event, "properties": properties,
            "timestamp": iso(minutes_ago), **ids}  # fmt: skip


def objects_of(api: Api) -> list[tuple[str, dict[str, Any]]]:
    return [(d["to_collection"], d["traits"]) for d in api.profile(f"{U1}/links")["data"]]


def test_a_type_is_a_collection_and_a_relationship_has_attributes(api: Api, space: Space) -> None:
    space.send(enrol())
    traits = api.profile(f"{COURSE}/traits")["traits"]
    assert traits == {"name": "SQL for beginners", "level": 1}
    assert objects_of(api) == [("2", {"progress": 0.4, "role": "student"}), ("accounts", {})]
    ids = api.profile(f"{COURSE}/external_ids")["data"]
    assert [(row["collection"], row["type"], row["id"]) for row in ids] == [
        ("2", "group_id", "sql-101")
    ]
    [person] = api.profile(f"{COURSE}/links")["data"]
    assert person["to_collection"] == "users" and person["traits"]["role"] == "student"
    name = api.profile(f"{COURSE}/metadata")["metadata"]["segment_id"]
    assert name.startswith("obj2_") and parse_public_id(name) is not None
    assert api.profile(f"2/profiles/{name}/traits")["traits"] == traits
    [event] = api.profile(f"{COURSE}/events")["data"]
    assert event["external_ids"][-1]["collection"] == "2"
    api.profile("accounts/profiles/group_id:sql-101/traits", 404)
    api.profile("3/profiles/group_id:sql-101/traits", 404)


def test_ends_and_joins_hold_whatever_identifier_they_name_and_when_they_come(
    api: Api, space: Space
) -> None:
    space.send(enrol(), ends("Relationship Deleted", 8, anonymousId="a1"))
    assert objects_of(api) == [("accounts", {})]
    space.send(enrol(minutes_ago=9, messageId="late"))
    assert objects_of(api) == [("accounts", {})]
    again = enrol(minutes_ago=5, traits={"objectTypeId": "2"})
    space.send({**again, "relationshipAttributes": {"role": "tutor"}})
    assert objects_of(api)[0] == ("2", {"role": "tutor"}), "what was said before the end is gone"


def test_a_deleted_object_is_hidden_until_it_is_named_again(api: Api, space: Space) -> None:
    space.send(enrol(), ends("Object Deleted", 8, userId="u2"))
    assert objects_of(api) == [("accounts", {})]
    assert api.get("/api/profiles?collection=2")["data"] == []
    assert api.get("/api/profiles?search=sql-101")["data"] == []
    events = [event["event"] for event in api.profile(f"{COURSE}/events")["data"]]
    assert events == ["Object Deleted", None], "its history stays"
    space.send(enrol("u3", minutes_ago=5))
    assert len(api.get("/api/profiles?collection=2")["data"]) == 1
    assert len(api.profile(f"{COURSE}/links")["data"]) == 1, "u1 is not related any more"


def test_types_have_names_that_can_be_changed(api: Api, space: Space) -> None:
    space.send(enrol())
    types = api.get("/api/object-types")["data"]
    assert [(t["key"], t["collection"], t["name"]) for t in types] == [
        ("1", "accounts", "Accounts"), ("2", "2", "Object type 2"),
    ]  # fmt: skip
    assert api.send("PATCH", "/api/object-types/2", {"name": "Courses"})["name"] == "Courses"
    assert api.send("PATCH", "/api/object-types/1", {"name": "Companies"})["name"] == "Companies"
    assert [t["name"] for t in api.get("/api/object-types")["data"]] == ["Companies", "Courses"]
    api.send("PATCH", "/api/object-types/7", {"name": "X"}, status=404)
    api.send("PATCH", "/api/object-types/2", {"name": ""}, status=400)
    error = api.get("/api/profiles?collection=7", status=400)["error"]
    assert "users, accounts, 2" in error["message"]


def test_a_profile_tells_its_relationships(api: Api, space: Space) -> None:
    space.send(enrol())
    found = api.get("/api/profiles/user_id:u1")
    assert [r["name"] for r in found["relationships"]] == ["SQL for beginners", "Acme Ltd"]
    assert found["relationships"][0]["traits"] == {"progress": 0.4, "role": "student"}
    assert found["links"] == [r["id"] for r in found["relationships"]]
    thing = api.get("/api/profiles/group_id:sql-101")
    assert thing["collection"] == "2" and thing["relationships"][0]["collection"] == "users"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"objectTypeId": {"a": 1}}, "must be a number or one word"),
        ({"objectTypeId": "two words"}, "must be a number or one word"),
        ({"objectTypeId": "users"}, "must be a number or one word"),
        ({"objectTypeId": 0}, "must be from 1"),
        ({"objectTypeId": "99999999999"}, "must be from 1"),
    ],
)
def test_a_message_whose_object_cannot_be_kept_is_taken_without_it(
    api: Api, space: Space, change: dict[str, Any], says: str
) -> None:
    space.send({**enrol(messageId="odd"), **change})
    with space.store.read() as tx:
        [row] = tx.execute(rejected.select()).all()
    assert row.code == "object_dropped" and says in row.detail and row.message_id == "odd"
    assert "odd" in [event["message_id"] for event in api.profile(f"{U1}/events")["data"]]
    assert objects_of(api) == [("accounts", {})]


def test_types_are_bounded(api: Api, space: Space) -> None:
    space.send(*(enrol(messageId=f"t{n}", objectTypeId=n) for n in range(2, 103)))
    assert len(api.get("/api/object-types")["data"]) == 100
    with space.store.read() as tx:
        rows = tx.execute(rejected.select()).all()
    assert {row.message_id for row in rows} == {"t101", "t102"}
    assert all("100 object types already" in row.detail for row in rows)


def test_an_event_that_ends_nothing_says_so(api: Api, space: Space) -> None:
    space.send({"type": "track", "event": "Relationship Deleted", "userId": "u1"})
    with space.store.read() as tx:
        [row] = tx.execute(rejected.select()).all()
    assert "properties.objectId names no object" in row.detail


def test_the_objects_of_many_people_are_told_at_once(api: Api, space: Space) -> None:
    space.send(*(enrol(f"u{n}", minutes_ago=10 - n, messageId=f"e{n}") for n in range(1, 5)))
    space.send(ends("Relationship Deleted", 1, userId="u2"))
    with space.store.read() as tx:
        ids = {}
        for n in range(1, 6):
            found = people.resolve(tx, USERS, "user_id", f"u{n}")
            if found is not None:
                ids[n] = found.id
        owned = objects.objects_of_people(tx, list(ids.values()))
        assert {n for n in ids if ids[n] in owned} == {1, 3, 4}
        first, second = owned[ids[1]]
        assert first.traits.values()["name"] == "SQL for beginners"
        assert first.link.traits["progress"] == 0.4
        assert second.traits.values()["seats"] == 7
        courses = objects.objects_of_people(tx, list(ids.values()), to=2)
        assert [len(some) for some in courses.values()] == [1, 1, 1]
        assert objects.objects_of_people(tx, []) == {}
        course = first.link.profile
        assert objects.people_of_objects(tx, [course]) == {course: {ids[1], ids[3], ids[4]}}


def test_public_ids_lead_back_to_collection_and_hash() -> None:
    for collection in (0, 1, 2, 77, 1_999_999_999):
        assert parse_public_id(public_id(collection, -5)) == (collection, -5)
    for text in ("obj0_aaaaaaaaaaaaa", "obj1_aaaaaaaaaaaaa", "obj_aaaaaaaaaaaaa", "use_1", ""):
        assert parse_public_id(text) is None
