"""The page of an audience that is worked out: its size, members, and who came and went."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import insert, select, update

from cdp.store.audiences import courses, membership
from cdp.store.tables import audiences, identifiers, kept_properties, member_changes, members
from tests.console.factory import Browser, World, words

DAY_MS = 86_400_000
NOW = 20_000 * DAY_MS + 3_600_000


def who(world: World) -> dict[str, int]:
    with world.store.read() as tx:
        rows = tx.execute(select(identifiers.c.value, identifiers.c.profile))
        return {value: profile for value, profile in rows}


#: Why somebody came: what the pipeline writes.
DETAIL = '{"clauses":[{"clause":"count(\\"Order Completed\\") > 2","holds":true,"value":73}]}'


@pytest.fixture
def loyal(world: World) -> dict[str, int]:
    """Ana came three days ago, Ben came ten days ago and went today."""
    world.at = NOW
    world.send(
        {"type": "identify", "userId": "ana", "traits": {"name": "Ana"}},
        {"type": "identify", "userId": "ben", "traits": {"name": "Ben"}},
    )
    world.admin().post("/audiences/-new", name="Loyal", who='performed("Order Completed")')
    people = who(world)
    with world.store.write() as tx:
        values: dict[str, Any] = {
            "id": 7, "kind": "audience", "key": "loyal", "version": 1, "collection": 0,
            "state": "live", "reached": 2, "until": 2, "size": 1, "made_at": NOW, "live_at": NOW,
        }  # fmt: skip
        tx.execute(insert(audiences).values(values))
        tx.execute(insert(members).values(audience=7, profile=people["ana"], since=NOW))
        for seq, (name, days, entered, cause) in enumerate(
            (("ben", 10, True, "event"), ("ana", 3, True, "event"), ("ben", 0, False, "timer"))
        ):
            tx.execute(
                insert(member_changes).values(
                    seq=seq + 1, audience=7, profile=people[name], at=NOW - days * DAY_MS,
                    entered=entered, cause=cause, event=1 if cause == "event" else None,
                    live=True, detail=DETAIL,
                )
            )  # fmt: skip
    return people


def test_the_size_of_each_day_follows_from_who_came_and_went(
    world: World, loyal: dict[str, int]
) -> None:
    with world.store.read() as tx:
        line = courses.daily(tx, {7: 1}, NOW, 12)[7]
        assert line == [0, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 1]
        assert courses.daily(tx, {7: 1, 8: 0}, NOW, 2) == {7: [2, 1], 8: [0, 0]}
        assert courses.daily(tx, {}, NOW, 3) == {}


def test_an_edit_goes_on_from_what_was_there(world: World, loyal: dict[str, int]) -> None:
    with world.store.write() as tx:
        tx.execute(audiences.update().values(state="gone", made_at=NOW - 12 * DAY_MS))
        newer = {
            "id": 9, "kind": "audience", "key": "loyal", "version": 2, "collection": 0,
            "state": "live", "reached": 2, "until": 2, "size": 2, "made_at": NOW, "live_at": NOW,
        }  # fmt: skip
        tx.execute(insert(audiences).values(newer))
        tx.execute(
            insert(member_changes).values(
                seq=4, audience=9, profile=loyal["ben"], at=NOW, entered=True,
                cause="definition", event=None, live=False, detail="{}",
            )
        )  # fmt: skip
        assert courses.daily(tx, {9: 2}, NOW, 12)[9] == [0, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2]
        seen = [(c.seq, c.entered) for c in courses.changes(tx, 9, None, 3)]
        assert seen == [(4, True), (3, False), (2, True)]
        assert [c.seq for c in courses.changes(tx, 9, 3, 9)] == [2, 1]
        assert [c.seq for c in courses.changes(tx, 9, None, 9, [loyal["ben"]])] == [4, 3, 1]
    changes = words(world.admin().page("/audiences/loyal/changes"))
    assert "Ben came The definition changed" in changes and "Ana came An event" in changes
    with world.store.write() as tx:
        tx.execute(update(audiences).values(state="gone"))  # as it is once it is archived
    assert "Ben came The definition changed" in words(
        world.admin().page("/audiences/loyal/changes")
    )


def test_an_audience_shows_its_members_and_who_came_and_went(
    world: World, loyal: dict[str, int]
) -> None:
    admin = world.admin()
    listed = words(admin.page("/audiences"))
    assert "live" in listed and "Did “Order Completed”. 1" in listed
    page = words(admin.page("/audiences/loyal"))
    assert "1 person now" in page and "Ana" in page and "Ben" not in page
    found = words(admin.page("/audiences/loyal?q=ana"))
    assert "Ana" in found
    assert "Not in it: Ben" in words(admin.page("/audiences/loyal?q=ben"))
    changes = words(admin.page("/audiences/loyal/changes"))
    assert changes.index("Ben went Time passed") < changes.index("Ana came An event the message")
    assert "more than 2 times" in changes
    admin.post("/audiences/loyal/state", what="archive")
    page = words(admin.page("/audiences/loyal"))  # before the pipeline has heard of it
    assert "so nobody is in it" in page and "1 person now" not in page and "Ana" not in page
    admin.post("/audiences/loyal/state", what="use")
    only = words(admin.page("/audiences/loyal/changes?person=ana"))
    assert "Ana came" in only and "Ben went" not in only


def test_no_size_is_drawn_of_days_on_which_there_was_no_such_audience(
    world: World, loyal: dict[str, int]
) -> None:
    admin = world.admin()
    assert "−1 in a week Size over 2 days" in words(admin.page("/audiences/loyal"))
    with world.store.write() as tx:
        tx.execute(audiences.update().values(made_at=NOW - 12 * DAY_MS))
    assert "Size over 13 days" in words(admin.page("/audiences/loyal"))
    with world.store.write() as tx:
        tx.execute(audiences.update().values(made_at=NOW - 300 * DAY_MS))
    assert "Size over 30 days" in words(admin.page("/audiences/loyal"))


def test_a_version_that_is_being_worked_out_says_how_far(
    world: World, admin: Browser, loyal: dict[str, int]
) -> None:
    with world.store.write() as tx:
        tx.execute(
            insert(audiences).values(
                kind="audience", key="loyal", version=2, collection=0, state="computing",
                reached=1, until=2, size=0, made_at=NOW,
            )
        )  # fmt: skip
    assert "changing 50 %" in words(admin.page("/audiences"))
    assert "About 50 % are done" in words(admin.page("/audiences/loyal"))
    with world.store.read() as tx:
        state = membership.states(tx, "audience", "loyal")["loyal"]
    assert (state.version, state.next and state.next.version) == (1, 2)
    assert "Cancel and stay with version 1" in admin.page("/audiences/loyal")
    # The page asks how far it is, and is loaded anew once nothing is under way.
    asked = {"HX-Request": "true", "HX-Target": "course"}
    assert 'hx-trigger="every 2s"' in admin.get("/audiences/loyal", **asked).text
    with world.store.write() as tx:
        tx.execute(audiences.update().where(audiences.c.version == 2).values(state="gone"))
    assert "every 2s" not in admin.page("/audiences/loyal")
    assert admin.get("/audiences/loyal", **asked).headers["HX-Refresh"] == "true"


def test_a_version_that_waits_for_what_it_reads_says_how_far_that_is(
    world: World, admin: Browser, loyal: dict[str, int]
) -> None:
    def wait_for(key: str, version: int) -> None:
        with world.store.write() as tx:
            tx.execute(
                insert(audiences).values(
                    kind="audience", key=key, version=version, collection=0, state="waiting",
                    reached=0, until=0, size=0, made_at=NOW,
                )
            )  # fmt: skip

    with world.store.write() as tx:
        one = {"event": "X", "path": "[]", "created_at": 0}
        rows = [{**one, "id": 901, "backfilled_to": 30, "backfill_until": 100}]
        tx.execute(insert(kept_properties), rows)
    wait_for("loyal", 1)
    page = words(admin.page("/audiences/loyal"))
    assert "collected from the past: about 30 %" in page and "1 person now" in page
    assert "what it asks for is another one" in page and "Cancel and stay" not in page
    define = {"name": "New", "key": "brand_new", "who": 'performed("X")'}
    assert admin.post("/audiences/-new", **define).status_code == 303
    wait_for("brand_new", 1)
    page = words(admin.page("/audiences/brand_new"))
    assert "About 30 % of the past are done" in page and "people now" not in page
    assert "Cancel and archive it" in page
    assert "collecting 30 %" in words(admin.page("/audiences"))


def test_a_viewer_sees_no_personal_values_in_reasons(
    world: World, admin: Browser, loyal: dict[str, int]
) -> None:
    admin.post("/settings/users", name="vera", role="viewer", password="a long password 123")
    viewer = world.client()
    viewer.post("/login", name="vera", secret="a long password 123")
    for address in ("/audiences/loyal", "/audiences/loyal/changes"):
        text = words(viewer.page(address))
        assert "Ana" not in text and "Ben" not in text, address
    assert "73" in words(admin.page("/audiences/loyal/changes"))
    assert "73" not in words(viewer.page("/audiences/loyal/changes"))
