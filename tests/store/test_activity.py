"""What happened when, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cdp.store.events import console_queries, history
from cdp.store.events.activity import DAY_MS, Activity, activity, names_of_nodes
from cdp.store.profiles import faces
from tests.factories import Space

TODAY = 20_000


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def space(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Space]:
    url = None
    if request.param == "postgres":
        from tests.postgres import new_database

        url = new_database()
    made = Space(tmp_path, url)
    yield made
    made.close()


def seen(user: str, days_ago: int, event: str = "Seen") -> dict[str, Any]:
    at = (TODAY - days_ago) * DAY_MS + 3_600_000
    return {"type": "track", "event": event, "userId": user, "timestamp": at}


def test_events_are_counted_by_the_day_on_which_they_happened(space: Space) -> None:
    space.send(seen("u1", 0), seen("u1", 2), seen("u2", 2), seen("u3", 9), seen("u4", -5))
    space.send({"type": "group", "userId": "u1", "groupId": "g", "timestamp": TODAY * DAY_MS})
    now = (TODAY + 1) * DAY_MS
    with space.store.read() as tx:
        found = activity(tx, now - 8 * DAY_MS, now, now - 3 * DAY_MS, 1000)
        assert found == Activity({TODAY: 2, TODAY - 2: 2}, 2, True)
        assert not activity(tx, 0, now, 0, 2).whole
        assert console_queries.events_by_minute(tx, 0, 2**40, without=1) == {}


def test_somebodys_events_are_counted_by_name(space: Space) -> None:
    space.send(seen("u1", 0), seen("u1", 1), seen("u1", 1, "Bought"), seen("u2", 0))
    with space.store.read() as tx:
        nodes = faces.nodes_of(tx, faces.profiles_of_value(tx, "u1", 1))
        found = names_of_nodes(tx, nodes)
        names = history.names_of(tx, found)
        counts = {names[number][1]: n for number, n in found.items()}
    assert counts == {"Seen": 2, "Bought": 1}
