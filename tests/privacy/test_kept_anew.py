"""A message of somebody else that named the deleted person is kept without them."""

from __future__ import annotations

from typing import Any, cast

from cdp.pipeline import forget
from tests.laws.test_audiences import Town


def test_what_is_kept_of_a_message_that_named_a_deleted_person_is_kept_anew() -> None:
    town = Town()
    town.define("big", {"who": 'sum(properties.x of "A") > 1'})
    town.settle()
    body = {"type": "track", "event": "A", "properties": {"x": 2, "to": "ana-7f3a91c2d4"}}
    ana = {"userId": "ana-7f3a91c2d4"}
    town.say([{"t": town.now, "who": ana, "body": {"type": "page", "name": "Home"}}])
    town.say([{"t": town.now, "who": {"userId": "u2"}, "body": body}])
    town.settle()
    who = [("user_id", "ana-7f3a91c2d4")]
    forget.regulate(town.store, "DELETE_INTERNAL", who, "test", town.now, 24, at_once=True)
    while forget.step(town.store, cast(Any, town), town.now):
        pass
    town.settle()
    assert len(town.members("big")) == 1
    town.define("again", {"who": 'sum(properties.x of "A") > 1'})
    town.settle()
    assert town.members("again") == town.members("big")
    town.close()
