"""Audiences of accounts, and of people by their accounts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest

from cdp.pipeline import forget
from tests.laws.test_audiences import Town


@pytest.fixture
def town() -> Iterator[Town]:
    town = Town()
    yield town
    town.close()


def said(town: Town, user: str, **body: Any) -> dict[str, Any]:
    return {"t": town.now, "who": {"userId": user}, "body": body}


def test_what_people_do_makes_them_no_accounts(town: Town) -> None:
    town.define("busy", {"of": "accounts", "who": 'performed("A") or traits.plan = 1'})
    town.define("lazy", {"of": "accounts", "who": 'not performed("A" within 1d)'})
    town.define("done", {"of": "accounts", "value": 'count("A")'}, "computed_trait")
    town.define("hers", {"who": 'performed("A") and account.traits.plan = 1'})
    town.settle()
    town.say([said(town, "u1", type="group", groupId="g1", traits={"plan": 1})])
    town.say([said(town, "u1", type="track", event="A")])
    town.settle()
    [account] = town.members("busy")
    [person] = town.members("hers")
    assert town.members("lazy") == {account} != {person}
    assert town.values("done").keys() == {account}


def test_an_account_that_is_deleted_is_nobody_s_any_more(town: Town) -> None:
    town.define("hers", {"who": "account.traits.plan = 1"})
    town.settle()
    for user in ("u1", "u2"):
        town.say([said(town, user, type="group", groupId="g1", traits={"plan": 1})])
    town.settle()
    assert len(town.members("hers")) == 2
    town.now += 1
    gone = {"objectId": "g1"}
    town.say([said(town, "u1", type="track", event="Object Deleted", properties=gone)])
    town.settle()
    assert town.members("hers") == set()


def test_what_a_deleted_person_said_of_an_account_is_said_no_more(town: Town) -> None:
    town.define("hers", {"who": "account.traits.plan = 1"})
    town.settle()
    town.say([said(town, "u1", type="group", groupId="g1", traits={"plan": 1})])
    town.say([said(town, "u2", type="group", groupId="g1", traits={"seats": 5})])
    town.settle()
    assert len(town.members("hers")) == 2
    who = [("user_id", "u1")]
    forget.regulate(town.store, "DELETE_INTERNAL", who, "test", town.now, 24, at_once=True)
    while forget.step(town.store, cast(Any, town), town.now):
        pass
    town.settle()
    assert town.members("hers") == set()
