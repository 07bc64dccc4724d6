"""Consent is kept as it was said last, and enforced for each destination."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from cdp.profiles.consent import UPDATE_EVENT, permits
from cdp.store import config_rows
from cdp.store.profiles import people
from cdp.store.tables import USERS, streams
from tests.delivery.world import Recorder, World
from tests.factories import Space, bearer, iso


def event(preferences: Any = None, **more: Any) -> dict[str, Any]:
    context = {} if preferences is None else {"consent": {"categoryPreferences": preferences}}
    return {"type": "track", "event": "Seen", "context": context, **more}


@pytest.mark.parametrize(
    ("preferences", "categories", "flows"),
    [
        (None, ["ads"], True),  # no consent object
        ({}, ["ads"], False),
        ({}, [], True),
        ({"ads": True}, ["ads"], True),
        ({"ads": True}, ["ads", "stats"], False),
        ({"ads": True, "stats": True}, ["ads", "stats"], True),
        ({"ads": "true"}, ["ads"], False),
        ("junk", ["ads"], False),
        ({"ads": False}, [], True),
    ],
)
def test_every_category_of_a_destination_must_be_agreed_to(
    preferences: Any, categories: list[str], flows: bool
) -> None:
    assert permits(event(preferences), categories) is flows


def test_the_update_itself_ignores_consent() -> None:
    assert permits(event({"ads": False}, event=UPDATE_EVENT), ["ads"])


def test_a_destination_gets_only_what_was_agreed_to(tmp_path: Path) -> None:
    world = World(tmp_path)
    there = world.add()
    with world.store.write() as tx:
        config_rows.change_destination(tx, 1, there, "test", consent_categories=["ads"])
        [there] = config_rows.all_destinations(tx)
    world.track("nothing said")
    for id_, preferences in (("yes", {"ads": True}), ("no", {"ads": False}), ("silent", {})):
        context = {"consent": {"categoryPreferences": preferences}}
        world.track(id_, context=context, integrations={"All": True, "Recorder": True})
    both = {"consent": {"categoryPreferences": {"ads": True}}}
    world.track("agreed, yet not for it", context=both, integrations={"All": False})
    recorder = Recorder()
    world.run(world.runner(there, recorder))
    assert sorted(recorder.taken) == ["nothing said", "yes"]
    assert world.rows(streams)[0].filtered == 3
    world.close()


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_person_has_what_was_said_last_in_any_order(
    order: tuple[int, ...], tmp_path: Path
) -> None:
    said = [
        event({"ads": True}, userId="u1", messageId="m1", timestamp=iso(30)),
        event({"ads": False, "stats": True}, userId="u1", anonymousId="a1", messageId="m2",
              timestamp=iso(20)),
        event(None, userId="u1", messageId="m3", timestamp=iso(10)),
    ]  # fmt: skip
    space = Space(tmp_path)
    for index in order:
        space.send(said[index])
    with space.store.read() as tx:
        found = people.resolve(tx, USERS, "user_id", "u1")
        assert found is not None
        agreed = people.consent_of(tx, found.id)
    assert agreed is not None and agreed.preferences == {"ads": False, "stats": True}
    answer = space.client().get("/api/profiles/user_id:u1", headers=bearer()).get_json()
    assert answer["consent"]["message_id"] == "m2"
    space.close()
