"""A client may put ids into the names of its events: then there are very many of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cdp.delivery import events
from cdp.pipeline import memory
from cdp.store.events import console_queries, history
from cdp.store.events.console_queries import LiveFilter
from tests.factories import Space, basic

# More than an IN list can take on Postgres.
MANY = 70_000


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def space(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Space]:
    url = None
    if request.param == "postgres":
        from tests.postgres import new_database

        url = new_database()
    made = Space(tmp_path, url)
    yield made
    made.close()


def viewed(number: int) -> dict[str, Any]:
    return {"type": "track", "event": f"Viewed {number}", "userId": "u1"}


def named(space: Space) -> list[tuple[str, str]]:
    with space.store.read() as tx:
        rows = console_queries.live_rows(tx, LiveFilter(), 1000).rows
        called = history.names_of(tx, [row.name for row in rows])
    return [called[row.name] for row in reversed(rows)]


def test_names_beyond_those_remembered_keep_their_numbers(
    space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "MAX_NAMES", 3)
    order = [0, 1, 0, 2, 3, 4, 0, 5, 1, 6, 0, 3]
    for number in order:
        space.send(viewed(number))
    space.send(*map(viewed, order))
    assert named(space) == [("track", f"Viewed {number}") for number in [*order, *order]]
    with space.store.read() as tx:
        assert len(history.all_names(tx)) == 7


def test_a_reader_of_names_forgets_and_asks_again(
    space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MAX_NAMES", 2)
    space.send(*map(viewed, range(5)))
    names = events.Names()
    with space.store.read() as tx:
        numbers = {name: number for number, (_, name) in history.all_names(tx).items()}
        for turn in ([0, 1], [2], [0, 1, 2, 3], [4, 0]):
            wanted = {numbers[f"Viewed {n}"] for n in turn}
            found = names.names(tx, wanted)
            assert {found[number][1] for number in wanted} == {f"Viewed {n}" for n in turn}


def test_events_are_found_by_type_however_many_names_it_has(space: Space) -> None:
    space.send({"type": "page", "name": "Home", "userId": "u1"}, viewed(1), viewed(2))
    with space.store.write() as tx:
        history.add_names(tx, [("track", f"Other {n}") for n in range(MANY)], 0)
    with space.store.read() as tx:
        tracks = console_queries.live_rows(tx, LiveFilter(type="track"), 10).rows
        home = console_queries.live_rows(tx, LiveFilter(type="page", name="Home"), 10).rows
        nothing = console_queries.live_rows(tx, LiveFilter(type="track", name="Home"), 10).rows
    assert (len(tracks), len(home), nothing) == (2, 1, [])
    path = "/v1/spaces/default/collections/users/profiles/user_id:u1/events"
    for words, found in (("include=track", 2), ("include=Home", 1), ("exclude=track,Viewed 1", 1)):
        answer = space.client().get(f"{path}?{words}", headers=basic())
        assert len(answer.get_json()["data"]) == found, words
