"""Counting people by their accounts and devices, on both databases."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cdp.conditions import Context, parse
from cdp.store.audiences import lists
from cdp.store.audiences.counting import count_people
from tests.factories import Space, iso


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def space(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Space]:
    url = None
    if request.param == "postgres":
        from tests.postgres import new_database

        url = new_database()
    made = Space(tmp_path, url)
    yield made
    made.close()


def count(space: Space, text: str) -> int:
    root = parse(text, Context.PERSON).root
    with space.store.read() as tx:
        found = count_people(tx, root, int(time.time() * 1000) + 1000)
    assert found.exact
    return found.people


def group(user: str, account: str, hours: int, **traits: Any) -> dict[str, Any]:
    return {
        "type": "group", "userId": user, "groupId": account, "timestamp": iso(hours),
        "traits": traits,
    }  # fmt: skip


def test_the_account_that_was_spoken_of_last_counts(space: Space) -> None:
    space.send(
        group("u1", "acme", 5, plan="free"),
        group("u1", "bolt", 3, plan="pro"),
        group("u2", "bolt", 4),
        group("u2", "acme", 2),
        {"type": "identify", "userId": "u3", "traits": {"plan": "pro"}},
    )
    assert count(space, 'account.traits.plan = "pro"') == 1
    assert count(space, 'account.traits.plan = "free"') == 1
    assert count(space, "account.traits.plan = null") == 1
    space.send(group("u9", "acme", 1, plan="pro"))
    assert count(space, 'account.traits.plan = "pro"') == 3
    assert count(space, '!(account.traits.plan = "pro") and traits.plan = "pro"') == 1


def test_devices_and_lists_count(space: Space) -> None:
    def opened(user: str, system: str, **device: Any) -> dict[str, Any]:
        context = {"device": {"type": system, **device}}
        return {"type": "track", "event": "Opened", "userId": user, "context": context}

    space.send(
        opened("u1", "ios", id="a1"),
        opened("u2", "Android", token="t2"),
        opened("u3", "ios"),
        {"type": "identify", "userId": "u3", "traits": {"email": "c@example.org"}},
    )
    assert count(space, 'has_device("ios")') == 1
    assert count(space, 'has_device("android") or has_device("ios")') == 2
    assert count(space, '!has_device("ios")') == 2
    lists.put(space.store, 1, "vips", ["c@example.org"], "ana")
    assert count(space, 'traits.email in list("vips")') == 1
    assert count(space, '!(traits.email in list("vips"))') == 2
    assert count(space, 'traits.email in list("gone")') == 0
