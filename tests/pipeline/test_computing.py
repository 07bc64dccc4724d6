"""A new condition is asked of everyone in pieces, and holds at the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cdp.pipeline.audiences import compute
from cdp.store.audiences import evaluated as audiences
from tests.laws.test_audiences import Town


@pytest.fixture
def town(monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    monkeypatch.setattr(compute, "PEOPLE", 3)
    town = Town()
    for user in range(11):
        town.say([order(town, user, user)])
    yield town
    town.close()


def order(town: Town, user: int, total: int) -> dict[str, Any]:
    body = {"type": "track", "event": "Order Completed", "properties": {"total": total}}
    return {"t": town.now - 1000, "who": {"userId": f"u{user}"}, "body": body}


def test_more_people_than_fit_into_a_piece_are_all_looked_at(town: Town) -> None:
    town.define("big", {"who": 'sum(properties.total of "Order Completed" within 30d) > 4'})
    town.settle()
    assert len(town.members("big")) == 6


def test_it_goes_on_where_it_was_after_a_restart(town: Town) -> None:
    town.define("big", {"who": 'sum(properties.total of "Order Completed" within 30d) > 4'})
    reached: list[int] = []
    while town.pipeline.compute():
        with town.store.read() as tx:
            reached += [row.reached for row in audiences.rows(tx, audiences.COMPUTING)]
        town.pipeline._memory = None
    assert len(town.members("big")) == 6
    assert reached == sorted(reached)
    assert len(set(reached)) > 3
