"""A new condition is asked of everyone in pieces, and holds at the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from cdp.pipeline.audiences import compute
from cdp.store.audiences import evaluated as audiences
from cdp.store.audiences.timers import dues_of
from cdp.store.tables import timers
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


def test_others_stay_due_when_a_definition_comes_and_when_one_goes(town: Town) -> None:
    def due() -> list[list[int]]:
        """When what is due of each person, after now."""
        with town.store.read() as tx:
            people = list(tx.execute(select(timers.c.profile)).scalars())
            return [sorted(at - start for at in mine.values()) for _, mine in dues_of(tx, people)]

    start, hour = town.now - 1000, 3_600_000
    for hours in (1, 3, 2):
        town.define(f"h{hours}", {"who": f'performed("Order Completed" within {hours}h)'})
        town.settle()
    assert due() == [[hour, 2 * hour, 3 * hour]] * 11
    town.define("h1", None)
    town.define("h2", {"who": 'performed("Order Completed" within 4h)'})
    town.settle()
    town.now = start + hour  # nothing asks for this one any more
    town.settle()
    assert due() == [[2 * hour, 3 * hour, 4 * hour]] * 11
    town.now = start + 3 * hour
    town.settle()
    assert due() == [[4 * hour]] * 11
    assert len(town.members("h2")) == 11 and town.members("h3") == set()
    town.now = start + 4 * hour
    town.settle()
    assert due() == [] and town.members("h2") == set()


def test_who_does_something_else_meanwhile_is_not_passed_over(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compute, "SETTLED", 1)
    for user in range(11):
        traits = {"type": "identify", "traits": {"plan": "pro" if user % 2 else "free"}}
        town.say([{"t": town.now - 500, "who": {"userId": f"u{user}"}, "body": traits}])
    town.define("seen", {"who": 'count("Seen") >= 1'})
    town.settle()
    town.define("pro", {"who": 'traits.plan = "pro"'})
    memory = None
    while memory is None or not memory.stage.choices:
        assert town.pipeline.compute()
        memory = town.pipeline._memory
    assert sum(len(choice.settled) for choice in memory.stage.choices.values()) == 5
    seen = {"type": "track", "event": "Seen"}
    town.say([{"t": town.now, "who": {"userId": "u9"}, "body": seen}])
    town.settle()
    assert len(town.members("seen")) == 1 and len(town.members("pro")) == 5


@pytest.mark.parametrize("old", [{"who": 'performed("Order Completed")'}, {"static": True}])
def test_who_asks_for_an_audience_hears_that_it_is_archived_and_used_again(
    town: Town, old: dict[str, Any]
) -> None:
    town.define("old", {"who": 'performed("Order Completed")'})
    town.settle()
    town.define("old", old)
    town.define("both", {"who": 'audience("old")'})
    town.define("neither", {"who": 'not audience("both") and performed("Order Completed")'})
    town.settle()
    for archived in (False, True, False, True):
        town.define("old", {**old, "archived": archived})
        town.settle()
        town.settle()  # what is due by the definition itself
        sizes = [len(town.members(key)) for key in ("both", "neither")]
        assert sizes == ([0, 11] if archived else [11, 0])
